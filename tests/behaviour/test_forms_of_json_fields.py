from __future__ import annotations

import pytest

from cluster.forms import clusterform_factory
from tests.testapp.models import Band

pytestmark = pytest.mark.django_db

FORM = clusterform_factory(Band, fields=["name", "facts"], formsets=[])


def stored_band() -> Band:
    Band.objects.create(name="band", facts={"seen": 1})
    return Band.objects.get()


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "-Infinity",
        "1e999",
        '{"a": [NaN]}',
        '"\\ud83d"',
        '["\\u0000"]',
        '{"\\u0000": 1}',
        "9" * 5000,
        "[" * 99999,
    ],
    ids=["nan", "infinity", "overflow", "nested", "half_pair", "nul", "nul_in_name", "long_number", "deep"],
)
def test_json_that_no_database_keeps_is_an_error_of_the_field(text):
    form = FORM({"name": "band", "facts": text}, instance=stored_band())

    assert form.cluster_errors == {"facts": ["Enter a valid JSON."]}
    assert 'name="facts"' in form.as_div()


@pytest.mark.parametrize(
    ("text", "kept"),
    [('"é😀"', "é😀"), ('"\\ud83d\\ude00"', "😀"), ('"\\\\u0000"', "\\u0000"), ("[1.5]", [1.5])],
    ids=["text", "whole_pair", "text_about_nul", "number"],
)
def test_other_json_is_kept(text, kept):
    FORM({"name": "band", "facts": text}, instance=stored_band()).save()

    assert Band.objects.get().facts == kept


@pytest.mark.parametrize("text", ["", "null"])
def test_an_emptied_column_that_is_not_nullable_gets_its_default(text):
    FORM({"name": "band", "facts": text, "initial-facts": '{"seen": 1}'}, instance=stored_band()).save()

    assert Band.objects.get().facts == {}


@pytest.mark.parametrize("shown", [{}, {"initial-facts": '{"seen": 1}'}], ids=["without", "with"])
def test_what_is_submitted_as_stored_has_not_changed_with_or_without_what_was_shown(shown):
    form = FORM({"name": "band", "facts": '{"seen": 1}', **shown}, instance=stored_band())

    assert form.changed_data == []


def test_a_document_that_repeats_what_is_stored_has_not_changed():
    form = FORM.from_json({"name": "band", "facts": {"seen": 1}}, instance=stored_band())

    assert form.is_valid()
    assert not form.has_changed()


def test_what_a_document_empties_has_changed():
    form = FORM.from_json({"name": "band", "facts": None}, instance=stored_band())

    assert form.changed_data == ["facts"]
