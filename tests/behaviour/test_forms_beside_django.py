"""A cluster's form beside Django's form and inline formset on the same submissions."""

from __future__ import annotations

import random

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.forms import inlineformset_factory, modelform_factory

from cluster.forms import clusterform_factory
from tests.support import stored_show, submission
from tests.testapp.models import Attachment, Band, Show, Ticket

pytestmark = pytest.mark.django_db

OPTIONS = {
    "plain": {},
    "ordered": {"can_order": True},
    "not deleted": {"can_delete": False},
    "new ones not deleted": {"can_delete_extra": False},
    "only edited": {"edit_only": True},
    "absolute": {"absolute_max": 3, "max_num": 2},
    "extra": {"extra": 5, "max_num": 4},
}
PRICES = ["1", "10", "", "x", "-1", "1.5", "9" * 30, " 7 "]
SEATS = ["C", "D", "E", "", "x" * 21, " C "]


def classes(options):
    ours = clusterform_factory(Show, fields=["title"], formsets={"tickets": {"fields": ["seat", "price"], **options}})
    return (
        ours,
        modelform_factory(Show, fields=["title"]),
        inlineformset_factory(Show, Ticket, fields=["seat", "price"], **options),
    )


@pytest.fixture
def show():
    return stored_show()


def random_submission(rng, show):
    """A submission of all stored rows, with their seats as they are, and of some new ones."""
    stored = show.tickets.order_by("pk")
    rows = [{"id": each.pk, "seat": each.seat, "price": rng.choice(PRICES)} for each in stored]
    rows += [{"seat": rng.choice(SEATS), "price": rng.choice(["10", *PRICES])} for _ in range(rng.randint(0, 3))]
    for row in rows:
        if rng.random() < 0.2:
            row["DELETE"] = rng.choice(["on", "", "false"])
        row["ORDER"] = rng.choice(["", "1", "2", "x", "-5"])
    return submission("tickets", *rows, initial=2, title=rng.choice(["show", "other", ""]))


def outcome_of(is_valid, save, show):
    """Whether a submission is valid, and the rows that saving it leaves; nothing stays written."""
    if not is_valid:
        return False, None
    with transaction.atomic():
        save()
        # Ours are in the order asked for.
        rows = sorted(Ticket.objects.filter(show=show).values_list("seat", "price"))
        transaction.set_rollback(True)
    return True, rows


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_random_submissions_get_the_same_verdict_messages_and_rows(options, show):
    rng, (ours, form_class, formset_class), valid = random.Random(1), classes(options), 0

    for _ in range(60):
        data = random_submission(rng, show)
        form = ours(data, instance=Show.objects.get(pk=show.pk))
        plain, formset = (
            form_class(data, instance=Show.objects.get(pk=show.pk)),
            formset_class(data, instance=Show.objects.get(pk=show.pk)),
        )
        theirs_valid = plain.is_valid() & formset.is_valid()

        assert form.errors == plain.errors, data
        assert form.formsets["tickets"].errors == formset.errors, data
        assert form.formsets["tickets"].non_form_errors() == formset.non_form_errors(), data
        assert outcome_of(form.is_valid(), form.save, show) == outcome_of(theirs_valid, formset.save, show), data
        valid += theirs_valid

    assert 0 < valid < 60


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("is_bound", [True, False])
def test_rows_have_the_same_fields(options, is_bound, show):
    ours, _, formset_class = classes(options)
    rows = [{"id": each.pk, "seat": each.seat, "price": "1"} for each in show.tickets.all()]
    data = submission("tickets", *rows, {"seat": "C", "price": "1"}, initial=2, title="x") if is_bound else None

    form, formset = ours(data, instance=show), formset_class(data, instance=show)

    for one, other in zip(form.formsets["tickets"].forms, formset.forms, strict=True):
        assert set(one.fields) == set(other.fields) - {"show"}
        assert {name: str(one[name].value()) for name in one.fields} == {
            name: str(other[name].value()) for name in one.fields
        }
    assert set(form.formsets["tickets"].empty_form.fields) == set(formset.empty_form.fields) - {"show"}
    assert form.formsets["tickets"].min_num == formset.min_num
    assert form.formsets["tickets"].max_num == formset.max_num


class AttachmentForm(forms.ModelForm):
    file = forms.FileField()

    class Meta:
        model = Attachment
        fields = ["file", "details"]


FILES = clusterform_factory(Band, fields=["name"], formsets={"attachments": {"form": AttachmentForm, "extra": 1}})


def upload(name):
    return SimpleUploadedFile(name, b"content")


def test_a_file_that_is_missing_is_an_error_of_a_new_row_alone():
    data = submission("attachments", {"details": "{}"}, name="b")
    band = FILES(data, {"attachments-0-file": upload("one.txt")}).save()
    rows = [{"id": Attachment.objects.get().pk, "details": '{"a": 1}'}, {"details": '{"b": 1}'}]

    form = FILES(submission("attachments", *rows, initial=1, name="b"), {}, instance=band)

    assert not form.is_valid()
    assert list(form.cluster_errors) == ["attachments[1].file"]


def test_files_of_no_row_and_texts_in_the_place_of_files_are_passed_over():
    data = submission("attachments", {"details": '{"a": 1}', "file": "text"}, name="b")

    form = FILES(data, {"attachments-7-file": upload("x.txt"), "file": upload("y.txt")})

    assert list(form.cluster_errors) == ["attachments[0].file"]
