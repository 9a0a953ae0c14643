from __future__ import annotations

from datetime import date

import pytest
from django.forms import inlineformset_factory

from cluster.forms import clusterform_factory
from cluster.testing import logged_statements
from tests.faults.app.models import Box, Label, Shelf, Sticker, Visit
from tests.support import stored_show, submission
from tests.testapp.models import Album, Band, City, Country, Show, Ticket
from tests.testapp.models import Label as Company

pytestmark = pytest.mark.django_db


def tickets(*seats, **more):
    return [{"seat": seat, "price": "10", **more} for seat in seats]


SHOW = clusterform_factory(Show, fields=["title"], formsets={"tickets": {"fields": ["seat", "price"]}})
DUPLICATE = "Please correct the duplicate values below."


@pytest.fixture
def show():
    return stored_show()


# Beside Django's inline formsets ------------------------------------------------------------------------------------

POSTS = {
    "good": ([{"seat": "C", "price": "1"}], {}),
    "nothing": ([], {}),
    "blank row": ([{"seat": "", "price": "10"}], {}),
    "required": ([{"seat": "", "price": "3"}], {}),
    "wrong type": ([{"seat": "C", "price": "x"}], {}),
    "too long": ([{"seat": "C" * 21, "price": "1"}], {}),
    "duplicates": ([{"seat": "C", "price": "1"}, {"seat": "C", "price": "2"}], {}),
    "three duplicates": ([{"seat": "C", "price": "1"}] * 3, {}),
    "broken check": ([{"seat": "C", "price": "-1"}], {}),
    "broken check and duplicates": ([{"seat": "C", "price": "-1"}, {"seat": "C", "price": "1"}], {}),
    "too many": ([{"seat": "C", "price": "1"}, {"seat": "D", "price": "1"}], {"max_num": 1, "validate_max": True}),
    "too few": ([{"seat": "C", "price": "1"}], {"min_num": 2, "validate_min": True}),
    "deleted and wrong": ([{"seat": "", "price": "x", "DELETE": "on"}], {}),
    "ordered": ([{"seat": "C", "price": "1", "ORDER": "x"}], {"can_order": True}),
    "own label": ([{"seat": "", "price": "3"}], {"error_messages": {"seat": {"required": "Where?"}}}),
}


@pytest.mark.parametrize(("rows", "options"), POSTS.values(), ids=POSTS)
def test_the_same_submission_gets_the_same_verdict_and_messages_as_from_djangos_inline_formsets(rows, options):
    data = submission("tickets", *rows, title="new")
    ours = clusterform_factory(Show, fields=["title"], formsets={"tickets": {"fields": ["seat", "price"], **options}})(
        data
    )
    theirs = inlineformset_factory(Show, Ticket, fields=["seat", "price"], **options)(data, instance=Show(title="new"))

    formset = ours.formsets["tickets"]

    assert ours.is_valid() is theirs.is_valid()
    assert formset.errors == theirs.errors
    assert formset.non_form_errors() == theirs.non_form_errors()
    assert [form.has_changed() for form in formset.forms] == [form.has_changed() for form in theirs.forms]


@pytest.mark.parametrize("text", ["", "abc", "99999999"], ids=["empty", "garbage", "gone"])
def test_a_wrong_key_gets_the_message_of_djangos_inline_formsets(show, text):
    data = submission("tickets", {"seat": "C", "price": "1", "id": text or "x"}, initial=1, title="show")
    theirs = inlineformset_factory(Show, Ticket, fields=["seat", "price"])(data, instance=show)

    form = SHOW(data, instance=show)

    assert form.formsets["tickets"].errors == theirs.errors


# Among siblings -----------------------------------------------------------------------------------------------------


def test_a_row_that_takes_the_value_of_one_that_stays_is_told_so(show):
    key = show.tickets.get(seat="A").pk
    form = SHOW(submission("tickets", *tickets("B", id=key), initial=1, title="show"), instance=show)

    assert not form.is_valid()

    assert form.cluster_errors == {"tickets[0].__all__": ["Ticket with this Show and Seat already exists."]}


def test_rows_may_exchange_unique_values(show):
    a, b = show.tickets.order_by("seat")
    rows = [*tickets("B", id=a.pk), *tickets("A", id=b.pk)]
    form = SHOW(submission("tickets", *rows, initial=2, title="show"), instance=show)

    assert form.is_valid()
    form.save()

    assert dict(Ticket.objects.values_list("pk", "seat")) == {a.pk: "B", b.pk: "A"}


def test_a_new_row_may_have_the_unique_value_of_a_deleted_one(show):
    a = show.tickets.get(seat="A")
    rows = [*tickets("A", id=a.pk, DELETE="on"), {"seat": "A", "price": "5"}]
    form = SHOW(submission("tickets", *rows, initial=1, title="show"), instance=show)

    assert form.is_valid()
    form.save()

    assert sorted(Ticket.objects.values_list("seat", "price")) == [("A", 5), ("B", 10)]
    assert not Ticket.objects.filter(pk=a.pk).exists()


def test_siblings_are_compared_without_a_query_for_each(show):
    rows = tickets(*(f"S{i}" for i in range(50)))
    form = SHOW(submission("tickets", *rows, title="show"), instance=show)

    with logged_statements() as log:
        assert form.is_valid()

    # The show's own unique title, and its tickets.
    assert len(log.statements) == 2


LABELS = clusterform_factory(Shelf, fields=["name"], formsets={"labels": {"fields": ["text", "is_main"]}})
CONSTRAINED = {
    "expressions": ([{"text": "Attic"}, {"text": "ATTIC"}], "Constraint “label_text_once” is violated."),
    "condition": (
        [{"text": "one", "is_main": "on"}, {"text": "two", "is_main": "on"}],
        "Constraint “label_one_main” is violated.",
    ),
}


@pytest.mark.parametrize(("rows", "message"), CONSTRAINED.values(), ids=CONSTRAINED)
def test_unique_constraints_with_expressions_and_conditions_hold_among_new_siblings(rows, message):
    form = LABELS(submission("labels", *rows, name="shelf"))

    assert not form.is_valid()

    assert form.formsets["labels"].errors == [{}, {"__all__": [message]}]


def test_rows_that_meet_no_condition_do_not_collide():
    form = LABELS(
        submission("labels", {"text": "one"}, {"text": "two"}, {"text": "three", "is_main": "on"}, name="shelf")
    )

    assert form.is_valid()
    form.save()

    assert Label.objects.count() == 3


def test_values_unique_within_a_period_are_compared():
    form_class = clusterform_factory(
        Shelf, fields=["name"], formsets={"visits": {"fields": ["name", "slug", "theme", "day"]}}
    )
    day = date(2024, 5, 1)
    rows = [
        {"name": "a", "slug": "s1", "theme": "t1", "day": day},
        {"name": "a", "slug": "s2", "theme": "t2", "day": day},
        {"name": "b", "slug": "s1", "theme": "t3", "day": day.replace(day=9)},
        {"name": "b", "slug": "s3", "theme": "t1", "day": day.replace(month=9)},
        {"name": "a", "slug": "s1", "theme": "t1", "day": day.replace(year=2025, month=6)},
    ]
    form = form_class(submission("visits", *rows, name="shelf"))

    assert not form.is_valid()

    assert form.formsets["visits"].errors == [
        {},
        {"__all__": [DUPLICATE]},
        {"__all__": [DUPLICATE]},
        {"__all__": [DUPLICATE]},
        {},
    ]
    assert form.formsets["visits"].non_form_errors() == [
        "Please correct the duplicate data for name which must be unique for the date in day.",
        "Please correct the duplicate data for slug which must be unique for the month in day.",
        "Please correct the duplicate data for theme which must be unique for the year in day.",
    ]


def test_a_value_that_is_unique_within_a_period_is_looked_for_in_the_table():
    shelf = Shelf.objects.create(name="shelf")
    Visit.objects.create(shelf=shelf, name="a", slug="s", theme="t", day=date(2024, 5, 1))
    form_class = clusterform_factory(
        Shelf, fields=["name"], formsets={"visits": {"fields": ["name", "slug", "theme", "day"]}}
    )
    form = form_class(submission("visits", {"name": "a", "slug": "x", "theme": "y", "day": "2024-05-01"}, name="other"))

    assert not form.is_valid()

    assert form.cluster_errors == {"visits[0].name": ["Name must be unique for Day date."]}


def test_what_a_model_validates_itself_is_asked():
    form_class = clusterform_factory(
        Shelf, fields=["name"], formsets={"visits": {"fields": ["name", "slug", "theme", "day"]}}
    )
    form = form_class(
        submission("visits", {"name": "rude", "slug": "x", "theme": "y", "day": "2024-05-01"}, name="other")
    )

    assert not form.is_valid()

    assert form.cluster_errors["visits[0].name"] == ["Rude names are taken."]
    assert form.cluster_errors["visits[0].__all__"] == ["Mind your language."]


@pytest.mark.parametrize(("size", "valid"), [("3", True), ("2", False)])
def test_constraints_of_other_classes_are_asked(size, valid):
    form_class = clusterform_factory(Shelf, fields=["name"], formsets={"stickers": {"fields": ["size"]}})
    form = form_class(submission("stickers", {"size": size}, name="shelf"))

    assert form.is_valid() is valid
    assert Sticker.objects.count() == 0


# Beyond one parent --------------------------------------------------------------------------------------------------

BOXES = clusterform_factory(Shelf, fields=["name"], formsets={"boxes": {"fields": ["code", "position", "tag"]}})


def box(code, position, **more):
    return {"code": code, "position": position, "tag": "", **more}


def test_a_value_that_another_parents_row_has_is_found_in_one_query():
    other = Shelf.objects.create(name="other")
    Box.objects.bulk_create(Box(shelf=other, code=f"c{i}", position=i) for i in range(30))
    rows = [box(f"c{i}", i) for i in range(30)]
    form = BOXES(submission("boxes", *rows, name="shelf"))

    with logged_statements() as log:
        assert not form.is_valid()

    assert form.cluster_errors["boxes[29].code"] == ["Box with this Code already exists."]
    assert form.total_error_count() == 30
    assert len(log.statements) == 1


def test_unchanged_unique_values_are_not_looked_for():
    shelf = Shelf.objects.create(name="shelf")
    box_in_it = Box.objects.create(shelf=shelf, code="c", position=1)
    form = BOXES(submission("boxes", box("c", 1, id=box_in_it.pk), initial=1, name="shelf"), instance=shelf)

    with logged_statements() as log:
        assert form.is_valid()

    assert len(log.statements) == 1


def test_a_typed_key_of_another_parents_row_is_refused():
    france, texas = Country.objects.create(code="FR", name="France"), Country.objects.create(code="TX", name="Texas")
    City.objects.create(slug="paris", country=france, name="Paris")
    form_class = clusterform_factory(Country, fields=["name"], formsets={"cities": {"fields": ["slug", "name"]}})
    form = form_class(submission("cities", {"slug": "paris", "name": "Paris, Texas"}, name="Texas"), instance=texas)

    assert not form.is_valid()

    assert form.cluster_errors == {"cities[0].slug": ["City with this Slug already exists."]}


def test_a_typed_key_names_the_child_that_has_it():
    france = Country.objects.create(code="FR", name="France")
    City.objects.create(slug="paris", country=france, name="old")
    form_class = clusterform_factory(Country, fields=["name"], formsets={"cities": {"fields": ["slug", "name"]}})
    rows = [{"slug": "paris", "name": "Paris"}, {"slug": "lyon", "name": "Lyon"}]
    form = form_class(submission("cities", *rows, initial=1, name="France"), instance=france)

    assert form.is_valid()
    form.save()

    assert sorted(City.objects.values_list("slug", "name")) == [("lyon", "Lyon"), ("paris", "Paris")]


# Choices ------------------------------------------------------------------------------------------------------------

ALBUMS = clusterform_factory(Band, fields=["name"], formsets={"albums": {"fields": ["title", "label", "genres"]}})


def test_submitted_targets_are_read_in_one_query_for_all_rows():
    companies = [Company.objects.create(name=f"label {i}") for i in range(10)]
    rows = [{"title": f"album {i}", "label": companies[i % 10].pk} for i in range(40)]
    form = ALBUMS(submission("albums", *rows, name="band"))

    with logged_statements() as log:
        assert form.is_valid()

    assert len(log.of("SELECT", "label")) == 1
    assert len(log.statements) == 1


def test_choices_are_read_in_one_query_for_all_rows():
    Company.objects.create(name="label")
    band = Band.objects.create(name="band")
    Album.objects.bulk_create(Album(band=band, title=f"album {i}") for i in range(20))

    with logged_statements() as log:
        html = str(ALBUMS(instance=band))

    # The albums, their genres, the choices of labels and of genres.
    assert len(log.statements) == 4
    assert html.count("<option") == 23 * 2


@pytest.mark.parametrize("text", ["99999", "x", "9" * 40, "\0"], ids=["gone", "word", "huge", "null"])
def test_a_target_that_cannot_be_chosen_is_an_error_of_its_row(text):
    form = ALBUMS(submission("albums", {"title": "one", "label": text}, {"title": "two", "genres": text}, name="band"))

    assert not form.is_valid()

    assert set(form.cluster_errors) == {"albums[0].label", "albums[1].genres"}


@pytest.mark.parametrize("text", ["99999", "x", "9" * 40, "\0"], ids=["gone", "word", "huge", "null"])
def test_a_target_of_the_root_that_cannot_be_chosen_is_an_error(text):
    form = clusterform_factory(Band, fields=["name", "label", "genres"])(
        {"name": "band", "label": text, "genres": text}
    )

    assert not form.is_valid()

    assert set(form.errors) == {"label", "genres"}
