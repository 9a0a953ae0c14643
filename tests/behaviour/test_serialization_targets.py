from __future__ import annotations

import pytest
from django.db import connections

from cluster.errors import SerializedDataError
from cluster.serialization import (
    LoadReport,
    model_from_serializable_data,
)
from tests.faults.app.models import Box
from tests.support import seconds_of
from tests.testapp.models import (
    Article,
    Band,
    Country,
    Genre,
    Label,
    Magazine,
    Member,
    Node,
)
from tests.upgrade.app.models import (
    Archive,
    Loan,
    Subject,
)
from tests.upgrade.findings import entries_of, problems_of

KEYS = ["cascade", "protect", "restrict", "set_null", "set_default", "set_value", "set_callable", "set_object"]
KEYS.append("nothing")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "outcome", "value"),
    [
        ("cascade", "dropped", None),
        ("protect", "dropped", None),
        ("restrict", "dropped", None),
        ("set_null", "nulled", None),
        ("set_default", "defaulted", 1),
        ("set_value", "defaulted", 1),
        ("set_callable", "defaulted", 1),
        ("set_object", "defaulted", 1),
        ("nothing", "kept", 99),
    ],
)
def test_on_delete_decides_what_a_dangling_key_does_to_a_child(name, outcome, value):
    Subject.objects.create(pk=1, name="songs")
    report = LoadReport()
    data = {"char": "a", "loans": [{"note": "first"}, {"note": "second", name: 99}]}

    archive = Archive.from_serializable_data(data, report=report)

    loans = archive.loans.get_object_list()
    assert [loan.note for loan in loans] == (["first"] if outcome == "dropped" else ["first", "second"])
    assert [getattr(loan, f"{name}_id") for loan in loans[1:]] == ([] if outcome == "dropped" else [value])
    path = "$.loans[1]" if outcome == "dropped" else f"$.loans[1].{name}"
    assert entries_of(report, "dropped", "nulled", "defaulted", "kept") == {
        name: [path] if name == outcome else [] for name in ("dropped", "nulled", "defaulted", "kept")
    }


@pytest.mark.django_db
@pytest.mark.parametrize("name", KEYS)
def test_without_checks_a_dangling_key_is_kept(name):
    archive = Archive.from_serializable_data({"loans": [{name: 99}]}, check_fks=False)

    assert getattr(archive.loans.get(), f"{name}_id") == 99


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["cascade", "protect", "restrict"])
def test_strict_fks_decides_what_a_dangling_key_does_to_the_root(name):
    data = {"note": "root", name: 99}
    report = LoadReport()

    lenient = Loan.from_serializable_data(data, True, False, report=report)
    strict = Loan.from_serializable_data(data, True, True)
    with pytest.raises(SerializedDataError) as caught:
        Loan.from_serializable_data(data, strict_fks="error")

    assert getattr(lenient, f"{name}_id") is None
    assert entries_of(report, "nulled", "dropped") == {"nulled": [f"$.{name}"], "dropped": []}
    assert strict is None
    assert problems_of(caught) == [(f"$.{name}", "There is no Subject with id 99.")]


@pytest.mark.django_db
def test_strict_fks_leaves_a_root_whose_keys_may_be_null():
    loan = Loan.from_serializable_data({"set_null": 99, "nothing": 99}, strict_fks=True)

    assert (loan.set_null_id, loan.nothing_id) == (None, 99)


@pytest.mark.django_db
def test_a_dropped_child_takes_what_is_below_with_it():
    report = LoadReport()
    data = {
        "name": "Blur",
        "albums": [{"title": "13", "label": 99, "songs": [{"title": "Tender"}]}, {"title": "Think"}],
    }

    band = Band.from_serializable_data(data, report=report)

    assert [album.title for album in band.albums.all()] == ["Think"]
    assert str(report) == "dropped: $.albums[0]: There is no Label with id 99, which 'label' points at."


@pytest.mark.django_db
def test_a_key_that_is_kept_is_reported_once():
    report = LoadReport()

    Archive.from_serializable_data({"loans": [{"nothing": 99}, {"cascade": 99}]}, report=report)

    assert entries_of(report, "kept", "dropped") == {"kept": ["$.loans[0].nothing"], "dropped": ["$.loans[1]"]}


@pytest.mark.django_db
def test_where_a_row_with_two_parents_is_tells_both_its_keys():
    duet = {"pk": 5, "title": "duet", "host": 98, "guest": 99}
    report = LoadReport()

    band = Band.from_serializable_data({"pk": 1, "hosted": [duet], "visits": [duet]}, report=report)

    assert [(each.host_id, each.guest_id) for each in (band.hosted.get(), band.visits.get())] == [(1, 1), (1, 1)]
    assert report.is_lossless


@pytest.mark.django_db
def test_links_to_what_is_gone_are_dropped():
    rock = Genre.objects.create(name="rock")
    report = LoadReport()
    data = {"name": "Blur", "genres": [98, rock.pk, 99], "albums": [{"title": "13", "genres": [99]}]}

    band = Band.from_serializable_data(data, report=report)

    assert list(band.genres.all()) == [rock]
    assert list(band.albums.get().genres.all()) == []
    assert entries_of(report, "dropped") == {"dropped": ["$.genres[0]", "$.genres[2]", "$.albums[0].genres[0]"]}


@pytest.mark.django_db
def test_a_child_is_not_dropped_because_its_parent_is_not_there_yet():
    data = {"pk": 77, "name": "Blur", "members": [{"pk": 78, "band": 77, "name": "Damon"}]}

    band = Band.from_serializable_data(data)
    band.save()

    assert Member.objects.get().band_id == 77


@pytest.mark.django_db
def test_what_the_data_itself_brings_may_be_pointed_at():
    data = {"pk": 77, "name": "Blur", "hosted": [{"title": "duet", "guest": 77}, {"title": "none", "guest": 78}]}

    band = Band.from_serializable_data(data)

    assert [each.title for each in band.hosted.all()] == ["duet"]


@pytest.mark.django_db
def test_what_pointed_at_a_dropped_object_is_settled_too():
    data = {"pk": 1, "name": "root", "children": [{"pk": 2, "name": "a", "friends": [3]}, {"pk": 3, "name": "b"}]}
    kept = Node.from_serializable_data(data)

    assert [node.name for node in kept.children.get_object_list()[0].friends.get_object_list()] == ["b"]
    assert kept.children.get_object_list()[0].friends.get_object_list()[0] is kept.children.get_object_list()[1]


@pytest.mark.django_db
@pytest.mark.parametrize("step", [1, -1], ids=["forwards", "backwards"])
def test_keys_that_fall_one_after_the_other_are_settled_in_linear_time(step):
    def load(number):
        things = [{"pk": key, "name": "domino", "instead_of": key + step} for key in range(1, number + 1)]
        report = LoadReport()
        assert Box.from_serializable_data({"code": "a", "things": things}, report=report).things.count() == 0
        assert {problem.path for problem in report.dropped} == {f"$.things[{place}]" for place in range(number)}

    small = min(seconds_of(lambda: load(100)) for _ in range(5))
    large = min(seconds_of(lambda: load(1600)) for _ in range(2))

    # A quadratic one would take 256 times as long.
    assert large < 16 * small * 4


@pytest.mark.django_db
def test_what_points_below_a_dropped_object_is_dropped_too():
    label = Label.objects.create(name="Food")
    songs = [{"pk": 8, "title": "Song 2"}]
    albums = [{"title": "kept", "label": label.pk}, {"pk": 7, "title": "gone", "label": 999, "songs": songs}]
    report = LoadReport()

    band = Band.from_serializable_data({"name": "Blur", "albums": albums}, report=report)

    assert [album.title for album in band.albums.all()] == ["kept"]
    assert entries_of(report, "dropped") == {"dropped": ["$.albums[1]"]}


@pytest.mark.django_db
def test_an_object_is_dropped_once_whatever_else_it_points_at():
    report = LoadReport()

    Archive.from_serializable_data({"char": "a", "loans": [{"cascade": 98, "protect": 99}]}, report=report)

    assert entries_of(report, "dropped") == {"dropped": ["$.loans[0]"]}


@pytest.mark.django_db
def test_targets_that_the_default_manager_hides_are_there():
    magazine = Magazine.objects.create(title="NME")
    hidden = Article.everything.create(magazine=magazine, title="draft", published=False)

    assert model_from_serializable_data(Article, {"pk": hidden.pk, "title": "x", "magazine": magazine.pk}) is not None


@pytest.mark.django_db(databases=["default", "other"])
def test_the_database_that_is_named_is_asked():
    label = Label.objects.using("other").create(name="EMI")
    rock = Genre.objects.using("other").create(name="rock")
    data = {"pk": 5, "name": "Blur", "label": label.pk, "genres": [rock.pk]}

    with connections["default"].execute_wrapper(refuse):
        band = Band.from_serializable_data(data, using="other")
        band.save()

    assert Band.objects.using("other").get().label_id == label.pk
    assert list(Band.objects.using("other").get().genres.values_list("name", flat=True)) == ["rock"]


def refuse(execute, sql, params, many, context):
    raise AssertionError(sql)


@pytest.mark.parametrize("key", [2**63, -(2**70), 10**400], ids=["just too large", "far too small", "absurd"])
@pytest.mark.django_db
def test_a_key_that_no_database_can_have_points_at_nothing(key):
    band = Band.from_serializable_data({"pk": key, "label": key, "genres": [key], "members": [{"pk": key}]})

    assert band.label_id is None
    assert list(band.genres.all()) == []


@pytest.mark.parametrize("key", ["a\0", "\ud800", "x" * 5000], ids=["NUL", "lone surrogate", "long"])
@pytest.mark.django_db
def test_text_that_no_database_can_have_points_at_nothing(key):
    assert Country.from_serializable_data({"pk": key, "name": "x", "cities": [{"pk": key, "name": "y"}]}).pk == key


def test_an_empty_text_is_no_key():
    country = Country.from_serializable_data({"pk": "", "name": "nowhere"})

    assert (country.pk, country._state.adding) == ("", True)
