from __future__ import annotations

import pytest

from cluster.forms import clusterform_factory
from cluster.testing import logged_statements
from tests.support import stored_rows, stored_show, submission
from tests.testapp.models import Band, Biography, Member, Show, Ticket

pytestmark = pytest.mark.django_db

INVALID_CHOICE = "Select a valid choice. That choice is not one of the available choices."
REQUIRED = "This field is required."


def form_class(**options):
    return clusterform_factory(Show, fields=["title"], formsets={"tickets": {"fields": ["seat", "price"], **options}})


def tickets_submitted(*rows, initial=0, title="mine"):
    return submission("tickets", *rows, initial=initial, title=title)


def row(seat, key=None, price="10", **more):
    return {"seat": seat, "price": price, **({} if key is None else {"id": str(key)}), **more}


@pytest.fixture
def show():
    return stored_show(title="mine")


@pytest.fixture
def keys(show):
    return list(show.tickets.order_by("seat").values_list("pk", flat=True))


@pytest.fixture
def foreign_key(show):
    other = Show(title="theirs")
    other.tickets = [Ticket(seat="Z")]
    other.save()
    return Ticket.objects.get(seat="Z").pk


@pytest.mark.parametrize(
    "text",
    ["abc", "1.5", "-1", "999999999", "9" * 40, "9" * 5000, "\0", "NaN", "[1]", "1 OR 1=1"],
    ids=["word", "fraction", "negative", "gone", "huge", "endless", "null", "nan", "list", "injection"],
)
@pytest.mark.parametrize("initial", [0, 1], ids=["claimed new", "claimed existing"])
def test_a_key_that_names_no_child_is_an_error_of_its_row(show, text, initial):
    before = stored_rows()
    form = form_class()(tickets_submitted(row("C", text), initial=initial), instance=show)

    assert not form.is_valid()

    assert form.formsets["tickets"].errors == [{"id": [INVALID_CHOICE]}]
    assert form.cluster_errors == {"tickets[0].id": [INVALID_CHOICE]}
    with pytest.raises(ValueError, match="The Show could not be changed because the data didn't validate"):
        form.save()
    assert stored_rows() == before


@pytest.mark.parametrize("initial", [0, 1], ids=["claimed new", "claimed existing"])
def test_a_key_of_another_parents_row_is_an_error_and_touches_nothing(show, foreign_key, initial):
    before = stored_rows()
    form = form_class()(tickets_submitted(row("taken over", foreign_key), initial=initial), instance=show)

    assert not form.is_valid()

    assert form.formsets["tickets"].errors == [{"id": [INVALID_CHOICE]}]
    with pytest.raises(ValueError, match="didn't validate"):
        form.save()
    assert stored_rows() == before


def test_another_parents_row_is_not_deleted_by_naming_it(show, foreign_key):
    form = form_class()(tickets_submitted(row("Z", foreign_key, DELETE="on"), initial=1), instance=show)

    assert form.is_valid()
    form.save()

    assert Ticket.objects.filter(pk=foreign_key).exists()
    assert form.formsets["tickets"].deleted_objects == []


def test_a_missing_key_is_an_error_of_a_row_that_claims_to_exist(show):
    form = form_class()(tickets_submitted(row("C"), initial=1), instance=show)

    assert not form.is_valid()

    assert form.formsets["tickets"].errors == [{"id": [REQUIRED]}]


def test_a_repeated_key_is_an_error_of_the_second_row(show, keys):
    form = form_class()(tickets_submitted(row("C", keys[0]), row("D", keys[0]), initial=2), instance=show)

    assert not form.is_valid()

    assert form.formsets["tickets"].errors == [{}, {"id": ["Please correct the duplicate values below."]}]


@pytest.mark.parametrize("initial", ["0", "1", "2", "99", "-5"])
def test_the_key_decides_and_not_how_many_rows_claim_to_exist(show, keys, initial):
    data = tickets_submitted(row("C", keys[0]), row("B", keys[1])) | {"tickets-INITIAL_FORMS": initial}
    form = form_class()(data, instance=show)

    assert form.is_valid()
    form.save()

    assert list(Ticket.objects.order_by("pk").values_list("pk", "seat")) == [(keys[0], "C"), (keys[1], "B")]


def test_rows_that_were_not_submitted_stay(show, keys):
    form = form_class()(tickets_submitted(row("C", keys[0]), initial=1), instance=show)

    assert form.is_valid()
    form.save()

    assert set(Ticket.objects.values_list("seat", flat=True)) == {"C", "B"}


MANAGEMENT = {
    "both counts missing": lambda data: [data.pop("tickets-TOTAL_FORMS"), data.pop("tickets-INITIAL_FORMS")],
    "total missing": lambda data: data.pop("tickets-TOTAL_FORMS"),
    "total garbled": lambda data: data.update({"tickets-TOTAL_FORMS": "x"}),
    "initial missing": lambda data: data.pop("tickets-INITIAL_FORMS"),
    "initial garbled": lambda data: data.update({"tickets-INITIAL_FORMS": "1.5"}),
}


@pytest.mark.parametrize("garble", MANAGEMENT.values(), ids=MANAGEMENT)
def test_without_a_management_form_nothing_is_valid_or_written(show, garble):
    data = tickets_submitted(title="changed")
    garble(data)
    form, before = form_class()(data, instance=show), stored_rows()

    assert not form.is_valid()

    (message,) = form.errors["__all__"]
    assert message.startswith("ManagementForm data is missing or has been tampered with. Missing fields: tickets-")
    assert form.has_error("__all__", "missing_management_form")
    assert form.total_error_count() == 1
    with pytest.raises(ValueError, match="The Show could not be changed because the data didn't validate"):
        form.save()
    with pytest.raises(ValueError, match="The Ticket formset could not be saved because the data didn't validate"):
        form.formsets["tickets"].save()
    assert stored_rows() == before


def test_an_unbound_form_is_not_saved(show):
    with pytest.raises(ValueError, match="didn't validate"):
        form_class()(instance=show).save()


LIMITS = {
    "too many with those that stay": ({"max_num": 3, "validate_max": True}, [row("C"), row("D")], "at most 3"),
    "too few": ({"min_num": 3, "validate_min": True, "extra": 0}, [], "at least 3"),
    "more rows than ever": ({"absolute_max": 1000, "max_num": 1}, [{}] * 1001, "at most 1"),
}


@pytest.mark.parametrize(("options", "rows", "message"), LIMITS.values(), ids=LIMITS)
@pytest.mark.parametrize("initial", [0, 2])
def test_limits_hold_for_the_resulting_children_whatever_the_submission_claims(show, options, rows, message, initial):
    form = form_class(**options)(tickets_submitted(*rows, initial=min(initial, len(rows))), instance=show)

    assert not form.is_valid()

    assert f"Please submit {message} form" in form.formsets["tickets"].non_form_errors().as_text()


def test_blank_rows_do_not_count_for_the_least_number(show):
    blank = {"seat": "", "price": "10", "id": ""}
    form = form_class(min_num=4, validate_min=True)(tickets_submitted(blank, blank, blank, blank), instance=show)

    assert not form.is_valid()

    assert form.formsets["tickets"].non_form_errors() == ["Please submit at least 4 forms."]


def test_deleted_rows_make_room(show, keys):
    rows = [row("A", keys[0], DELETE="on"), row("C")]
    form = form_class(max_num=2, validate_max=True)(tickets_submitted(*rows, initial=1), instance=show)

    assert form.is_valid()


def test_rows_are_not_deleted_where_that_is_not_allowed(show, keys):
    data = tickets_submitted(row("A", keys[0], DELETE="on"), initial=1)
    form = form_class(can_delete=False)(data, instance=show)

    assert form.is_valid()
    form.save()

    assert Ticket.objects.filter(pk=keys[0]).exists()


def test_new_rows_are_not_saved_where_only_editing_is_allowed(show):
    form = form_class(edit_only=True)(tickets_submitted(row("C")), instance=show)

    assert form.is_valid()
    form.save()

    assert not Ticket.objects.filter(seat="C").exists()


def test_a_second_child_of_a_unique_parental_key_is_refused():
    band = Band.objects.create(name="band")
    form_class = clusterform_factory(Band, fields=["name"], formsets={"biographies": {"fields": ["text"]}})
    data = submission("biographies", {"text": "one"}, {"text": "two"}, name="band")
    form = form_class(data, instance=band)

    assert not form.is_valid()

    assert form.formsets["biographies"].non_form_errors() == ["Please submit at most 1 form."]


def test_a_row_without_key_is_the_only_child_there_can_be():
    band = Band.objects.create(name="band")
    biography = Biography.objects.create(band=band, text="old")
    form_class = clusterform_factory(Band, fields=["name"], formsets={"biographies": {"fields": ["text"]}})
    form = form_class(submission("biographies", {"text": "new"}, name="band"), instance=band)

    assert form.is_valid()
    form.save()

    assert list(Biography.objects.values_list("pk", "text")) == [(biography.pk, "new")]


def test_a_blank_row_without_key_changes_no_child():
    band = Band.objects.create(name="band")
    Biography.objects.create(band=band, text="old")
    form_class = clusterform_factory(Band, fields=["name"], formsets={"biographies": {"fields": ["text"]}})
    form = form_class(submission("biographies", {"text": ""}, name="band"), instance=band)

    assert form.is_valid()
    form.save()

    assert Biography.objects.get().text == "old"


def test_a_row_without_key_is_matched_by_what_is_unique_within_the_parent(show, keys):
    form = form_class()(tickets_submitted(row("A", price="77"), row("C")), instance=show)

    assert form.is_valid()
    form.save()

    assert dict(Ticket.objects.values_list("seat", "price")) == {"A": 77, "B": 10, "C": 10}
    assert Ticket.objects.get(seat="A").pk == keys[0]


def test_unsaved_children_are_matched_to_the_rows_that_showed_them():
    form_class = clusterform_factory(Band, fields=["name"], formsets={"members": {"fields": ["name"]}})
    band = Band(name="band", members=[Member(name="one", instrument="drum"), Member(name="two", instrument="harp")])
    rows = [{"name": "one", "id": ""}, {"name": "second", "id": ""}]
    form = form_class(submission("members", *rows, initial=2, name="band"), instance=band)

    assert form.is_valid()
    form.save()

    stored = sorted(Member.objects.values_list("name", "instrument"))
    assert stored == [("one", "drum"), ("second", "harp")]


def test_unsaved_children_that_are_no_longer_in_the_page_are_dropped():
    form_class = clusterform_factory(Band, fields=["name"], formsets={"members": {"fields": ["name"]}})
    band = Band(name="band", members=[Member(name="one"), Member(name="two")])
    form = form_class(submission("members", {"name": "three"}, name="band"), instance=band)

    assert form.is_valid()
    form.save()

    assert [member.name for member in Member.objects.all()] == ["three"]


def test_validation_writes_nothing(show, keys):
    form = form_class()(tickets_submitted(row("C", keys[0]), row("D"), initial=1), instance=show)

    with logged_statements() as log:
        assert form.is_valid()

    assert log.writes == []
