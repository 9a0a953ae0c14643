from __future__ import annotations

import datetime as dt
import json
import uuid
from copy import deepcopy
from decimal import Decimal

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.safestring import mark_safe

from cluster.comparing import (
    FieldChanged,
    Linked,
    RowAdded,
    RowMoved,
    RowRemoved,
    Unlinked,
    apply,
    diff,
    merge,
)
from cluster.comparing.shape import same_json
from cluster.errors import SerializedDataError
from cluster.saving.reading import CHUNK
from tests.support import seconds_of
from tests.testapp.models import Album, Band, CatalogueItem, Country, Genre, Label, Node, Playlist, Show, Tour
from tests.upgrade.app.models import Archive, Letter


def band(**values):
    return {"pk": 1, "name": "The Band", "genres": [], "members": [], "albums": [], **values}


def kinds(changes):
    return [change.kind for change in changes]


def test_equal_snapshots_have_no_difference():
    changes = diff(band(), band(), model=Band)

    assert not changes
    assert len(changes) == 0
    assert str(changes) == ""


def test_a_changed_value_is_told_with_what_it_was():
    before = band(albums=[{"pk": 3, "title": "Help", "songs": [{"pk": 7, "title": "Yesterday"}]}])
    after = band(albums=[{"pk": 3, "title": "Help!", "songs": [{"pk": 7, "title": "Today"}]}])

    title, song = diff(before, after, model=Band)

    assert isinstance(title, FieldChanged)
    assert (title.path, title.key, title.model, title.field) == ("albums[0].title", 3, Album, "title")
    assert (title.before, title.after) == ("Help", "Help!")
    assert (song.path, song.key, song.before, song.after) == ("albums[0].songs[0].title", 7, "Yesterday", "Today")


def test_rows_added_and_removed_are_told_with_everything_below_them():
    kept, gone = {"pk": 1, "title": "kept", "songs": []}, {"pk": 2, "title": "gone", "songs": [{"pk": 9, "title": "x"}]}
    new = {"pk": None, "title": "new", "songs": [{"pk": None, "title": "y"}]}

    removed, added = diff(band(albums=[gone, kept]), band(albums=[kept, new]), model=Band)

    assert isinstance(removed, RowRemoved)
    assert (removed.path, removed.key, removed.data) == ("albums[0]", 2, gone)
    assert isinstance(added, RowAdded)
    assert (added.path, added.key, added.data) == ("albums[1]", None, new)


@pytest.mark.parametrize(
    ("order", "moved"),
    [
        ([1, 2, 3, 4], []),
        ([4, 1, 2, 3], [(4, 3, 0)]),
        ([2, 3, 4, 1], [(1, 0, 3)]),
        ([2, 1, 4, 3], [(2, 1, 0), (4, 3, 2)]),
    ],
    ids=["none", "last to front", "first to back", "two swaps"],
)
def test_the_fewest_rows_are_told_to_have_moved(order, moved):
    members = {key: {"pk": key, "name": str(key)} for key in (1, 2, 3, 4)}

    changes = diff(
        band(members=list(members.values())), band(members=[members[key] for key in order]), model=Band
    ).changes

    assert all(isinstance(change, RowMoved) for change in changes)
    assert len(changes) == len(moved)
    if len(moved) == 1:
        assert [(change.key, change.before, change.after) for change in changes] == moved


def test_links_are_told_one_by_one_and_have_no_order():
    gone, new = diff(band(genres=[1, 2, 3]), band(genres=[3, 4, 2]), model=Band)

    assert isinstance(gone, Unlinked)
    assert (gone.path, gone.target) == ("genres", 1)
    assert isinstance(new, Linked)
    assert (new.path, new.target) == ("genres", 4)
    assert not diff(band(genres=[1, 2]), band(genres=[2, 1]), model=Band)


@pytest.mark.parametrize(
    ("field", "python", "text"),
    [
        ("formed", dt.date(1967, 1, 2), "1967-01-02"),
        ("label", 5, "5"),
        ("name", "The Band", "The Band"),
    ],
    ids=["date", "key", "text"],
)
def test_a_value_is_the_same_in_python_and_in_json(field, python, text):
    assert not diff(band(**{field: python}), band(**{field: text}), model=Band)


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        (Decimal("1.50"), "1.5", False),
        ("1.50", "1.5", False),
        ("1.50", "1.51", True),
        (None, "1.5", True),
        ("1.5", "a lot", True),
        (float("nan"), float("nan"), False),
    ],
    ids=["decimal and text", "two texts", "other number", "null", "no number", "not a number"],
)
def test_values_are_compared_by_what_they_mean(before, after, differs):
    albums = [[{"pk": 1, "price": value}] for value in (before, after)]

    assert bool(diff(band(albums=albums[0]), band(albums=albums[1]), model=Band)) == differs


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        (1, True, True),
        ({"a": [1, {"b": 0}]}, {"a": [1, {"b": False}]}, True),
        ({"a": [True]}, {"a": [True]}, False),
        ({"a": 1}, {"a": 1.0}, False),
        ({"a": float("nan")}, {"a": float("nan")}, False),
        ({"a": 1}, {"b": 1}, True),
        ([1], [1, 2], True),
        ([1], {"a": 1}, True),
        ((1, 2), [1, 2], False),
        (None, {}, True),
    ],
    ids=repr,
)
def test_values_of_json_are_compared_as_json_has_it(before, after, differs):
    """Python takes true for 1 and not a number for none that equals it."""
    first, second = band(facts=before), band(facts=after)

    assert bool(diff(first, second, model=Band)) == differs
    assert bool(diff({**first, "name": "a"}, {**second, "name": "b"}, model=Band).changes[1:]) == differs


def test_json_is_compared_at_a_depth_that_python_would_not_go_to():
    before, after = 1, True
    for _ in range(20_000):
        before, after = [before], [after]

    assert not same_json(before, after)


@pytest.mark.parametrize("after", [True, 1], ids=repr)
def test_rows_without_children_are_compared_as_json_has_it(after):
    first, second = ([{"pk": 1, "details": {"a": value}}] for value in (1, after))

    changes = diff(band(attachments=first), band(attachments=second), model=Band)

    assert len(changes) == (after is True)


def test_the_key_of_the_parent_and_a_key_that_came_with_a_save_are_no_changes():
    unsaved = band(pk=None, members=[{"pk": None, "band": None, "name": "Rick"}])
    saved = band(pk=4, members=[{"pk": 8, "band": 4, "name": "Rick"}])

    assert not diff(unsaved, saved, model=Band)
    assert not diff(saved, unsaved, model=Band)


def test_another_key_of_the_root_is_a_change():
    (change,) = diff(band(), band(pk=2), model=Band)

    assert (change.field, change.before, change.after) == ("pk", 1, 2)


def test_names_that_only_one_side_has_are_not_compared():
    assert not diff({"pk": 1, "name": "x", "albums": [{"pk": 1}]}, {"pk": 1, "formed": None, "members": []}, model=Band)


def test_keys_of_the_snapshot_that_the_model_does_not_know_are_compared_as_they_are():
    (change,) = diff(band(extra={"a": 1}), band(extra={"a": 2}), model=Band)

    assert (change.path, change.before, change.after) == ("extra", {"a": 1}, {"a": 2})


def test_composite_keys_match_as_lists_and_as_tuples():
    before = {"pk": 1, "stops": [{"pk": [1, 1], "place": "Paris"}, {"pk": [1, 2], "place": "Rome"}]}
    after = {"pk": 1, "stops": [{"pk": (1, 2), "place": "Roma"}, {"pk": (1, 1), "place": "Paris"}]}

    changes = diff(before, after, model=Tour).changes

    assert sorted(kinds(changes)) == ["changed", "moved"]


def test_uuid_and_text_keys_match():
    key = "7c1fcbd6-7a40-4f4c-a3c4-8f3d7d3b1a11"
    before = {"pk": key, "entries": [{"pk": key, "position": 1}]}
    after = {"pk": uuid.UUID(key), "entries": [{"pk": uuid.UUID(key), "position": 2}]}

    (change,) = diff(before, after, model=Playlist)

    assert change.path == "entries[0].position"
    assert not diff({"pk": "AT", "cities": [{"pk": "graz"}]}, {"pk": "AT", "cities": [{"pk": "graz"}]}, model=Country)


# Children without keys


def test_children_without_keys_match_by_what_is_unique_among_siblings():
    before = {"pk": 1, "tickets": [{"pk": None, "seat": "A", "price": 1, "code": "x"}]}
    other, same = {"seat": "B", "price": 1, "code": "x"}, {"seat": "A", "price": 9, "code": "y"}
    after = {"pk": 1, "tickets": [{"pk": None, **other}, {"pk": 7, **same}]}

    changes = diff(before, after, model=Show).changes

    assert [(change.kind, change.path) for change in changes] == [
        ("added", "tickets[0]"),
        ("changed", "tickets[0].price"),
        ("changed", "tickets[0].code"),
    ]


def test_children_without_keys_match_by_the_natural_key_that_their_model_names():
    before = {"pk": 1, "signatures": [{"pk": None, "name": "Rick", "title": "Mr"}]}
    after = {"pk": 1, "signatures": [{"pk": None, "name": "Garth", "title": "Mr"}, {"name": "Rick", "title": "Sir"}]}

    changes = diff(before, after, model=Letter)

    assert [change.path for change in changes] == ["signatures[0]", "signatures[0].title"]


def test_the_stamp_of_a_snapshot_is_no_part_of_what_is_compared():
    before, after = ({"pk": 1, "name": "x", "_cluster": {"migration": name}} for name in ("0001", "0002"))

    changes = diff(before, after, model=Band)

    assert not changes
    assert apply(changes, before) == after
    assert merge({**before, "_cluster": None}, before, after, model=Band).conflicts == ()


def test_a_null_is_not_unique_among_siblings():
    before = {"pk": 1, "tickets": [{"pk": None, "seat": None, "price": 1, "code": "x"}]}
    after = {"pk": 1, "tickets": [{"pk": None, "seat": None, "price": 2, "code": "y"}]}

    assert kinds(diff(before, after, model=Show)) == ["removed", "added"]


def test_values_that_cannot_be_hashed_are_matched_by_what_they_hold():
    rows = [{"pk": None, "details": {"a": [number]}, "file": ""} for number in range(2)]

    assert kinds(diff(band(attachments=rows), band(attachments=rows[::-1]), model=Band)) == ["moved"]


def test_a_row_that_has_nothing_but_children_is_compared():
    changes = diff({"members": [{"name": "a"}]}, {"members": [{"name": "a"}, {"name": "b"}]}, model=Band)

    assert kinds(changes) == ["added"]


def test_children_without_keys_match_by_equal_content():
    rows = [{"pk": None, "name": name, "instrument": "voice"} for name in "abc"]

    changes = diff(band(members=rows), band(members=[rows[2], rows[0], rows[1]]), model=Band).changes

    assert kinds(changes) == ["moved"]


def test_children_without_keys_match_by_likeness():
    before = [
        {"pk": None, "name": name, "instrument": "voice", "born": f"194{i}-01-01"} for i, name in enumerate("abcd")
    ]
    after = deepcopy(before)
    after[2]["name"] = "changed"
    after.insert(0, {"pk": None, "name": "new", "instrument": "drums", "born": None})

    changes = diff(band(members=before), band(members=after), model=Band).changes

    assert [(change.kind, change.path) for change in changes] == [
        ("added", "members[0]"),
        ("changed", "members[2].name"),
    ]


def test_a_row_that_is_nothing_like_the_other_is_another_row():
    before = [{"pk": None, "name": "a", "instrument": "voice", "born": None}]
    after = [{"pk": None, "name": "b", "instrument": "drums", "born": "1940-01-01"}]

    assert kinds(diff(band(members=before), band(members=after), model=Band)) == ["removed", "added"]


def test_rows_with_different_keys_are_different_rows_however_alike():
    changes = diff(band(members=[{"pk": 1, "name": "a"}]), band(members=[{"pk": 2, "name": "a"}]), model=Band)

    assert kinds(changes) == ["removed", "added"]


def test_matching_without_keys_takes_near_linear_time():
    def seconds(n):
        before = [{"pk": None, "name": f"member {i}", "instrument": "voice", "born": f"{i}"} for i in range(n)]
        after = [{**row, "name": row["name"] + "!"} for row in reversed(before)]
        assert "added" not in kinds(diff(band(members=before), band(members=after), model=Band).changes)
        return seconds_of(lambda: diff(band(members=before), band(members=after), model=Band))

    small, large = min(seconds(200) for _ in range(5)), min(seconds(1600) for _ in range(3))

    # A quadratic one would take 64 times as long.
    assert large < 8 * small * 4


def test_a_thousand_levels_are_compared():
    def chain(name):
        node = {"pk": 1000, "name": name, "children": []}
        for key in range(999, 0, -1):
            node = {"pk": key, "name": str(key), "children": [node]}
        return node

    (change,) = diff(chain("leaf"), chain("bud"), model=Node)

    assert change.path == "children[0]." * 999 + "name"


# What is refused


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"albums": {}}, "$.albums: Cannot compare {}: a relation must be a list."),
        ({"albums": [3]}, "$.albums[0]: Cannot compare 3: a row must be a mapping of names to values."),
        ({"genres": 3}, "$.genres: Cannot compare 3: a relation must be a list."),
        (
            {"albums": [{"pk": 1, "songs": None}]},
            "$.albums[0].songs: Cannot compare None: a relation must be a list.",
        ),
    ],
    ids=["no list", "no row", "no links", "further down"],
)
def test_a_snapshot_that_is_none_is_refused_with_its_path(broken, message):
    whole = band(albums=[{"pk": 1, "songs": []}])

    with pytest.raises(SerializedDataError) as error:
        diff(whole, band(**broken), model=Band)

    assert str(error.value) == message


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"songs": 3}, "$.albums[1].songs: Cannot compare 3: a relation must be a list."),
        (
            {"songs": [{"verses": [{}]}, {"verses": [3]}]},
            "$.albums[1].songs[1].verses[0]: Cannot compare 3: a row must be a mapping of names to values.",
        ),
        ({"genres": 3}, "$.albums[1].genres: Cannot compare 3: a relation must be a list."),
    ],
    ids=["no list", "no row", "no links"],
)
def test_rows_that_one_side_alone_has_are_looked_at_too(row, message):
    whole, broken = band(albums=[{"pk": 1}]), band(albums=[{"pk": 1}, {"pk": 2, **row}])

    for compare in (
        lambda: diff(whole, broken, model=Band),
        lambda: diff(broken, whole, model=Band),
        lambda: merge(whole, broken, whole, model=Band),
        lambda: apply(diff(whole, band(name="x", albums=[{"pk": 1}]), model=Band), broken),
    ):
        with pytest.raises(SerializedDataError) as error:
            compare()
        assert str(error.value) == message


def test_a_root_that_is_no_row_is_refused():
    message = r"\$: Cannot compare \[\]: a row must be a mapping of names to values\."
    for compare in (
        lambda: diff([], band(), model=Band),
        lambda: diff(band(), [], model=Band),
        lambda: merge(band(), band(), [], model=Band),
        lambda: apply(diff(band(), band(name="x"), model=Band), []),
    ):
        with pytest.raises(SerializedDataError, match=message):
            compare()


def test_keys_of_any_kind_are_compared():
    before, after = band(members=[{"pk": {"a": 1}, "name": "x"}]), band(members=[{"pk": {"a": 1}, "name": "y"}])

    assert [change.path for change in diff(before, after, model=Band)] == ["members[0].name"]


def test_two_snapshots_need_a_model():
    with pytest.raises(TypeError) as error:
        diff(band(), band())

    assert str(error.value) == "Two snapshots do not tell their model: pass model=, or an instance."


def test_objects_of_two_models_are_not_compared():
    with pytest.raises(TypeError) as error:
        diff(Band(), Album())

    assert str(error.value) == "Cannot compare objects of different models: testapp.Album, testapp.Band."


# How it is shown

BEFORE = band(
    formed="1967-01-01",
    label=None,
    genres=[1],
    members=[{"pk": 1, "name": "Rick"}, {"pk": 2, "name": "Garth"}],
    albums=[{"pk": 5, "title": "Music from Big Pink", "price": None}],
)
AFTER = band(
    formed="1967-01-02",
    label=2,
    genres=[2],
    members=[{"pk": 2, "name": "Garth"}, {"pk": 1, "name": "Rick"}],
    albums=[{"pk": None, "title": "Stage Fright", "price": "9.99"}],
)


def test_a_diff_prints_one_line_for_each_change():
    assert str(diff(BEFORE, AFTER, model=Band)).splitlines() == [
        "~ formed: '1967-01-01' -> '1967-01-02'",
        "~ label: None -> 2",
        "- genres: 1",
        "+ genres: 2",
        "~ members[0]: moved from place 1 to 2 ('Rick', pk=1)",
        "- albums[0] ('Music from Big Pink', pk=5)",
        "+ albums[0] ('Stage Fright')",
    ]


def test_long_values_are_cut_in_print_and_whole_in_data():
    long = "x" * 100

    changes = diff(band(), band(name=long), model=Band)

    assert str(changes) == f"~ name: 'The Band' -> '{'x' * 56}..."
    assert changes.as_data()[0]["after"] == long


def test_a_diff_is_plain_data():
    data = diff(BEFORE, AFTER, model=Band).as_data()

    assert data[0] == {
        "kind": "changed",
        "path": "formed",
        "model": "testapp.band",
        "key": 1,
        "field": "formed",
        "before": "1967-01-01",
        "after": "1967-01-02",
    }
    assert data[4] == {
        "kind": "moved",
        "path": "members[0]",
        "model": "testapp.member",
        "key": 1,
        "before": 0,
        "after": 1,
    }
    assert json.loads(json.dumps(data, cls=DjangoJSONEncoder)) == data


@pytest.mark.django_db
def test_html_speaks_the_words_of_the_models(django_assert_num_queries):
    Label.objects.create(pk=2, name="Capitol")
    Genre.objects.create(pk=1, name="rock")
    Genre.objects.create(pk=2, name="folk & roots")

    with django_assert_num_queries(2):
        html = diff(BEFORE, AFTER, model=Band).as_html()

    lines = [line.strip() for line in html.splitlines() if line.strip()]
    assert '<span class="cluster-diff-field">Label</span>:' in lines
    assert "<del></del> → <ins>Capitol</ins>" in lines
    assert "<del>rock</del>" in lines
    assert "<ins>folk &amp; roots</ins>" in lines
    assert "<del>Jan. 1, 1967</del> → <ins>Jan. 2, 1967</ins>" in lines
    assert '<span class="cluster-diff-row">Member Rick</span>' in lines
    assert '<span class="cluster-diff-place">moved from place 1 to 2</span>' in lines
    assert '<span class="cluster-diff-row">Album Stage Fright</span>' in lines


@pytest.mark.django_db
def test_html_names_more_objects_than_one_statement_takes(django_assert_num_queries):
    after = band(genres=list(range(1, CHUNK + 2)))

    with django_assert_num_queries(2):
        html = diff(band(), after, model=Band).as_html()

    assert html.count("<ins>") == CHUNK + 1


def test_html_of_no_difference_says_so():
    assert diff(band(), band(), model=Band).as_html().strip() == '<p class="cluster-diff-none">No differences.</p>'


@pytest.mark.parametrize(
    ("name", "before", "after", "shown"),
    [
        ("maybe", True, False, "<del>yes</del> → <ins>no</ins>"),
        ("mood", "calm", "wild", "<del>Calm</del> → <ins>Wild</ins>"),
        ("decimal", "1.5", "a lot", "<del>1.5</del> → <ins>a lot</ins>"),
        ("extra_note", "x", "y", "<del>x</del> → <ins>y</ins>"),
        ("pk", 1, 2, "<del>1</del> → <ins>2</ins>"),
        ("moment", None, "2024-07-01T12:00:00Z", "<ins>July 1, 2024, 2 p.m.</ins>"),
        ("binary", "AQ==", "Ag==", "<del>AQ==</del> → <ins>Ag==</ins>"),
        ("char", mark_safe("<i>"), "", "<del>&lt;i&gt;</del>"),
    ],
    ids=["boolean", "choice", "no number", "no field", "key", "moment", "binary", "marked as safe"],
)
def test_html_shows_values_as_people_read_them(name, before, after, shown):
    html = diff({name: before}, {name: after}, model=Archive).as_html()

    assert shown in html


def test_html_shows_what_is_no_key_as_it_is():
    html = diff(band(label=None), band(label="EMI"), model=Band).as_html()

    assert "<del></del> → <ins>EMI</ins>" in html


@pytest.mark.parametrize("key", [10**30, "9" * 30, "nan", "\0", ["a"], {}], ids=repr)
def test_html_does_not_ask_for_keys_that_no_row_can_have(key):
    # Without the mark for it, a query would be an error.
    html = diff(band(label=None), band(label=key, genres=[key]), model=Band).as_html()

    assert html.count("<ins>") == 2


def test_html_shows_what_is_no_choice_as_it_is():
    assert "<ins>[1]</ins>" in diff({"mood": "calm"}, {"mood": [1]}, model=Archive).as_html()


def test_html_shows_a_key_to_another_unique_field_as_it_is():
    html = diff({"catalogue": "a"}, {"catalogue": "b"}, model=CatalogueItem).as_html(using="default")

    assert "<del>a</del> → <ins>b</ins>" in html


def test_html_escapes_values():
    html = diff(band(), band(name="<script>"), model=Band).as_html()

    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_the_template_of_html_can_be_another(settings):
    templates = {"mine.html": "{% for change in changes %}{{ change.label }}={{ change.after }};{% endfor %}"}
    settings.TEMPLATES = [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", templates)]},
        }
    ]

    html = diff(band(), band(name="Hawks"), model=Band).as_html(template_name="mine.html")

    assert html == "Name=Hawks;"
