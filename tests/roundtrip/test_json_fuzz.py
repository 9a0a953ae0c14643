from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import post_init

from cluster.errors import SerializedDataError
from cluster.testing import StatementLog
from tests.support import build_full_band
from tests.testapp.models import Album, Band, Genre, Label
from tests.upgrade.app.models import Archive, Subject
from tests.upgrade.clusters import full_archive

INPUTS = 5_000
WORKERS = 10
STRANGE: list[Any] = [
    None, True, False, 0, -1, 1, 99, 2**31, 2**63, -(2**63) - 1, 10**30, 1.5, 1e308, -0.0, "", "x", "1", "null",
    "\0", "a" * 300, "nan", "1e999999", "2024-02-30", "2024-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00",
    "\ud800", "\U0001f3b8", "0001-01-01T00:00:00+23:59", [], [None], [[]], [{}], [1, 1], {}, {"pk": 1}, {"": {}},
    [1, 2], ["a", "b"],
]  # fmt: skip
SNIPPETS = ["{", "}", "[", "]", ",", ":", '"', "null", "NaN", "Infinity", "-", "1e999", "\\ud800", "\\u0000", "\x00"]
SNIPPETS.append("9" * 5000)


def places_in(data: Any) -> list[tuple[Any, Any]]:
    """Every container of the data with every key or index of it."""
    places, unfinished = [], [data]
    while unfinished:
        container = unfinished.pop()
        for key in container if isinstance(container, dict) else range(len(container)):
            places.append((container, key))
            if isinstance(container[key], dict | list):
                unfinished.append(container[key])
    return places


def mutated(data: Any, rng: random.Random) -> Any:
    """The data with one to four things changed, moved, doubled or taken out."""
    data = copy.deepcopy(data)
    for _ in range(rng.randint(1, 4)):
        places = places_in(data)
        if not places:
            break
        container, key = rng.choice(places)
        match rng.randrange(5):
            case 0 | 1:
                container[key] = copy.deepcopy(rng.choice(STRANGE))
            case 2:
                other, other_key = rng.choice(places)
                container[key] = copy.deepcopy(other[other_key])
            case 3 if isinstance(container, list):
                container.append(copy.deepcopy(container[key]))
            case 3:
                container[rng.choice(["pk", "name", "unknown", "genres", "albums"])] = copy.deepcopy(container[key])
            case _:
                del container[key]
    return data


def mutated_text(text: str, rng: random.Random) -> str:
    """The text with some characters taken out, doubled, or replaced."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        upto = min(len(text), at + rng.randint(0, 8))
        text = text[:at] + rng.choice([*SNIPPETS, text[at:upto] * 2, ""]) + text[upto:]
    return text


def small_band() -> Band:
    """A band with something on every level, but not much."""
    band = build_full_band()
    band.albums.remove(band.albums.get_object_list()[1])
    band.albums.get_object_list()[0].songs.remove(band.albums.get_object_list()[0].songs.get_object_list()[1])
    return band


@pytest.fixture
def seeds(db) -> list[tuple[Any, str]]:
    """Clusters as JSON, of rows that are there."""
    small_band().save()
    Album.objects.update(label=Label.objects.create(name="EMI"))
    Subject.objects.bulk_create([Subject(pk=1, name="songs"), Subject(pk=2, name="letters")])
    band = Band.objects.get()
    band.facts = {"a": [1, {"b": None}]}
    return [(Band, band.to_json()), (Archive, full_archive().to_json()), (Band, small_band().to_json())]


@pytest.fixture
def built():
    """How many instances of clusters were made."""
    count = {"instances": 0}

    def note(sender, **kwargs):
        count["instances"] += sender not in {Genre, Subject}

    post_init.connect(note)
    yield count
    post_init.disconnect(note)


def test_at_least_five_thousand_inputs_are_tried():
    assert INPUTS // WORKERS * WORKERS >= 5_000


@pytest.mark.parametrize("part", range(WORKERS))
def test_mutated_json_is_loaded_or_refused_with_nothing_built_and_nothing_written(part, seeds, built):
    rng, refused, loads, log = random.Random(part), 0, 0, StatementLog()
    texts = []
    for _ in range(INPUTS // WORKERS):
        model, text = rng.choice(seeds)
        by_text = rng.random() < 0.3
        texts.append((model, mutated_text(text, rng) if by_text else json.dumps(mutated(json.loads(text), rng))))

    with connection.execute_wrapper(log):
        for model, text in texts:
            built["instances"] = 0
            try:
                loaded = model.from_json(text, check_fks=rng.random() < 0.5, strict_fks=rng.random() < 0.5)
            except SerializedDataError as error:
                refused += 1
                assert error.problems  # noqa: PT017 - not every input is refused
                assert built["instances"] == 0
            else:
                loads += 1
                assert loaded is None or isinstance(loaded, model)

    assert not log.writes
    assert refused + loads == INPUTS // WORKERS
    assert INPUTS // WORKERS * 0.2 < refused < INPUTS // WORKERS * 0.95
