"""Mutated submissions: none makes validation raise, none writes unless valid, none reaches another parent's rows."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from django.http import QueryDict

from cluster.forms import clusterform_factory
from cluster.testing import logged_statements
from tests.support import stored_rows, stored_show
from tests.testapp.models import Album, Band, Genre, Instrument, Label, Member, Show, Song, Ticket, Verse

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

# Few and long, as every test builds its world first; 5,100 submissions and 510 documents in CI.
CHUNKS = 7
PER_CHUNK = 510 if os.environ.get("CI") == "true" else 15
JUNK: list[Any] = [
    "", " ", "0", "-1", "1", "1.5", "1e9", "9" * 40, "9" * 5000, "NaN", "Infinity", "\0", "\x00abc", "é", "１", "true",
    "None", "null", "[]", "{}", "[1, 2]", "on", "2024-02-30", "0000-00-00", "<script>", "' OR 1=1 --", "x" * 300,
    "\ud800", "1e999999999", "sNaN", "0001-01-01", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "999999999 00:00:00",
    "\u0661\u0662", "http://[::1", "\x85",
]  # fmt: skip
SONGS = {
    "fields": ["title", "duration", "recorded"],
    "extra": 0,
    "formsets": {"verses": {"fields": ["position", "text"], "extra": 0}},
}
FORM = clusterform_factory(
    Band,
    fields=["name", "formed", "genres", "facts"],
    formsets={
        "members": {"fields": ["name", "born"], "can_order": True, "max_num": 5, "validate_max": True, "extra": 1},
        "biographies": {"fields": ["text"], "min_num": 0, "extra": 1},
        "instruments": {"fields": ["name"], "can_delete": False, "absolute_max": 1200},
        "albums": {"fields": ["title", "label", "genres", "price"], "formsets": {"songs": SONGS}},
    },
    formset_defaults={"extra": 0},
)
SHOW_FORM = clusterform_factory(Show, fields=["title"], formsets={"tickets": {"fields": ["seat", "price"]}})


def build_world() -> tuple[Band, Band]:
    """Two bands that are much alike: few rows, as they are validated thousands of times, but two of every kind."""
    label, rock = Label.objects.create(name="label"), Genre.objects.create(name="rock")
    bands = []
    for name in ("mine", "theirs"):
        band = Band(name=name, genres=[rock], instruments=[Instrument(name="drum")])
        band.members = [Member(name="ann"), Member(name="bob")]
        songs = [Song(title="one", track=1), Song(title="two", track=2)]
        songs[0].verses = [Verse(position=1, text="first"), Verse(position=2, text="second")]
        band.albums = [Album(title="first", label=label, genres=[rock], songs=songs), Album(title="second")]
        band.save()
        bands.append(Band.objects.get(pk=band.pk))
    return bands[0], bands[1]


def submitted(bound: Any) -> Any:
    """What a browser would send for a field: a list, a text, or nothing."""
    value = bound.value()
    if isinstance(value, list | tuple):
        return [str(getattr(each, "pk", each)) for each in value]
    return None if value is None or value is False else str(value)


def submission_of(form: Any) -> dict[str, list[Any]]:
    """What a browser would send for a form as it is shown."""
    values = {bound.html_name: value for bound in form if (value := submitted(bound)) is not None}
    data = {name: value if isinstance(value, list) else [value] for name, value in values.items()}
    for formset in form.formsets.values():
        data |= {bound.html_name: [str(bound.value())] for bound in formset.management_form}
        for row in formset.forms:
            data |= submission_of(row)
    return data


def mutate(data: dict[str, list[Any]], rng: random.Random) -> dict[str, list[Any]]:
    """Change some things in a submission: values, keys, counts, orders, deletions, and whole prefixes."""
    data = {name: list(values) for name, values in data.items()}
    for _ in range(rng.randint(1, 6)):
        rng.choice(MUTATIONS)(data, rng)
    return data


def replace_value(data: dict[str, list[Any]], rng: random.Random) -> None:
    data[rng.choice(list(data))] = [rng.choice(JUNK)]


def drop_name(data: dict[str, list[Any]], rng: random.Random) -> None:
    del data[rng.choice(list(data))]


def repeat_value(data: dict[str, list[Any]], rng: random.Random) -> None:
    data[rng.choice(list(data))] = rng.choices(JUNK, k=rng.randint(0, 4))


def exchange_values(data: dict[str, list[Any]], rng: random.Random) -> None:
    one, other = rng.choice(list(data)), rng.choice(list(data))
    data[one], data[other] = data[other], data[one]


def change_count(data: dict[str, list[Any]], rng: random.Random) -> None:
    names = [name for name in data if name.endswith(("_FORMS", "-ORDER"))]
    if names:
        data[rng.choice(names)] = [rng.choice(["0", "1", "2", "3", "7", "-3", "99999", *JUNK])]


def change_key(data: dict[str, list[Any]], rng: random.Random) -> None:
    names = [name for name in data if name.endswith("-id")]
    if names:
        data[rng.choice(names)] = [rng.choice([str(rng.randint(0, 12)), *data[rng.choice(names)], *JUNK])]


def delete_row(data: dict[str, list[Any]], rng: random.Random) -> None:
    prefix, _, _ = rng.choice(list(data)).rpartition("-")
    data[f"{prefix}-DELETE"] = [rng.choice(["on", "off", "", "\0"])]


def fill_row(data: dict[str, list[Any]], rng: random.Random) -> None:
    prefix, _, last = rng.choice(list(data)).rpartition("-")
    data[f"{prefix}-{rng.randint(0, 4)}-{last}"] = [rng.choice(JUNK)]
    data[f"{prefix}-title"] = ["filled"]


def move_prefix(data: dict[str, list[Any]], rng: random.Random) -> None:
    name = rng.choice(list(data))
    data[name.replace(f"-{rng.randint(0, 2)}-", f"-{rng.randint(0, 9)}-")] = data[name]


MUTATIONS = [
    replace_value, drop_name, repeat_value, exchange_values, change_count, change_key, delete_row, fill_row, move_prefix
]  # fmt: skip


def as_query_dict(data: dict[str, list[Any]]) -> QueryDict:
    query = QueryDict(mutable=True)
    for name, values in data.items():
        query.setlist(name, values)
    return query


def rows_of(band: Band) -> dict[str, list[Any]]:
    """Everything that belongs to a band."""
    return {
        "band": list(Band.objects.filter(pk=band.pk).values()),
        "members": list(Member.objects.filter(band=band).order_by("pk").values()),
        "instruments": list(Instrument.objects.filter(band=band).order_by("pk").values()),
        "albums": list(Album.objects.filter(band=band).order_by("pk").values()),
        "songs": list(Song.objects.filter(album__band=band).order_by("pk").values()),
        "verses": list(Verse.objects.filter(song__album__band=band).order_by("pk").values()),
        "genres": list(Genre.objects.filter(albums__band=band).order_by("pk").values()),
    }


def check_one(form_class: Any, data: Any, instance: Any, read: str = "__call__") -> bool:
    """Validate, show and save one submission in a transaction that is rolled back; return whether it was valid."""
    form = form_class(data, instance=instance) if read == "__call__" else form_class.from_json(data, instance=instance)
    with logged_statements() as log:
        is_valid = form.is_valid()
        errors = form.total_error_count()
    assert log.writes == []
    assert is_valid is (errors == 0)
    with logged_statements() as log:
        if is_valid:
            form.save()
        else:
            with pytest.raises(ValueError, match="because the data didn't validate"):
                form.save()
    assert is_valid or log.writes == []
    return is_valid


@contextmanager
def rolled_back(description: Callable[[], str]) -> Iterator[None]:
    """Undo what the block writes; an error tells how to repeat it."""
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    except BaseException as error:
        error.add_note(description())
        raise


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_submission_breaks_validation_or_reaches_other_rows(chunk):
    rng = random.Random(chunk)
    mine, theirs = build_world()
    base, others, before = submission_of(FORM(instance=mine)), rows_of(theirs), stored_rows()
    valid = 0

    for _ in range(PER_CHUNK):
        data = as_query_dict(mutate(base, rng))
        with rolled_back(lambda data=data: json.dumps(dict(data.lists()))):
            is_valid = check_one(FORM, data, Band.objects.get(pk=mine.pk))
            assert not is_valid or rows_of(theirs) == others
            valid += is_valid

    assert stored_rows() == before
    assert valid < PER_CHUNK


def document_of(form: Any) -> dict[str, Any]:
    """The document that says what a form shows."""
    document = {bound.name: value for bound in form if (value := submitted(bound)) is not None}
    return document | {name: [document_of(row) for row in fs.forms] for name, fs in form.formsets.items()}


def mutate_document(document: Any, rng: random.Random, depth: int = 0) -> Any:
    """Change values, types and depth of a document."""
    if rng.random() < 0.06:
        return rng.choice(
            [*JUNK, "\ud83d", None, True, 3, -1, 1.5, [], {}, [[[]]], {"id": {"id": []}}, [None], [1], {"DELETE": True}]
        )
    if isinstance(document, dict):
        return {name: mutate_document(value, rng, depth + 1) for name, value in document.items() if rng.random() > 0.03}
    if isinstance(document, list):
        changed = [mutate_document(value, rng, depth + 1) for value in document]
        return changed * 2 if rng.random() < 0.05 else changed
    return document


@pytest.mark.parametrize("chunk", range(2))
def test_no_document_breaks_validation_or_reaches_other_rows(chunk):
    rng = random.Random(chunk)
    mine, theirs = build_world()
    base, others = document_of(FORM(instance=mine)), rows_of(theirs)

    for _ in range(PER_CHUNK // 2):
        document = mutate_document(base, rng)
        with rolled_back(lambda document=document: json.dumps(document)):
            is_valid = check_one(FORM, json.dumps(document), Band.objects.get(pk=mine.pk), "from_json")
            assert not is_valid or rows_of(theirs) == others


@pytest.mark.parametrize("chunk", range(3))
def test_no_submission_to_constrained_rows_breaks_saving(chunk):
    """Whatever is found valid can be saved: siblings, and rows that were not submitted, are taken into account."""
    rng = random.Random(chunk)
    mine, theirs = stored_show(title="mine"), stored_show(title="theirs")
    others = list(Ticket.objects.filter(show=theirs).values())
    base = submission_of(SHOW_FORM(instance=mine))
    seats = [name for name in base if name.endswith("-seat")]

    for _ in range(PER_CHUNK):
        data = mutate(base, rng) if rng.random() < 0.5 else {name: list(values) for name, values in base.items()}
        for name in (name for name in seats if rng.random() < 0.7):
            data[name] = [rng.choice(["A", "B", "C", ""])]
        with rolled_back(lambda data=data: json.dumps(data)):
            is_valid = check_one(SHOW_FORM, as_query_dict(data), Show.objects.get(pk=mine.pk))
            assert not is_valid or list(Ticket.objects.filter(show=theirs).values()) == others
