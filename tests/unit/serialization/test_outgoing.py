from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from enum import Enum

import pytest
from django.core.files.base import ContentFile
from django.db import models
from django.db.models import F, Value
from django.test import override_settings
from django.utils.functional import lazystr
from django.utils.safestring import SafeString

from cluster.errors import SerializedDataError
from cluster.serialization import get_field_value
from cluster.serialization.outgoing import OMIT, comes_as_data, outgoing
from tests.testapp.models import Album, Band, City, Label, Member, Playlist, Song
from tests.upgrade.app.models import Archive, Coordinates, Document, Keeper, Landing, Ledger, Shelf, Step, Visit


def data_of(instance, name):
    return get_field_value(instance._meta.get_field(name), instance)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("binary", bytearray(b"\x01"), "AQ=="),
        ("binary", memoryview(b"\x01"), "AQ=="),
        ("binary", "AQ==", "AQ=="),
        ("char", lazystr("lazy"), "lazy"),
        ("char", Decimal("1.5"), Decimal("1.5")),
        ("char", dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
        ("char", ["a"], "['a']"),
        ("file", "files/a.txt", "files/a.txt"),
        ("file", ContentFile(b"", name="b.txt"), "b.txt"),
        ("file", ContentFile(b""), ""),
        ("moment", dt.date(2024, 1, 1), dt.date(2024, 1, 1)),
        ("moment", "no time", "no time"),
        ("uid", uuid.UUID(int=1).hex, str(uuid.UUID(int=1))),
        ("uid", 1, 1),
        ("json", ("a", {"b": ("c",)}), ["a", {"b": ["c"]}]),
        ("json", Value(None, models.JSONField()), None),
        ("place", Coordinates(1, 2), "[1, 2]"),
        ("place", None, None),
    ],
    ids=lambda value: "memoryview" if isinstance(value, memoryview) else repr(value)[:30],
)
def test_a_value_becomes_data(name, value, expected):
    assert data_of(Archive(**{name: value}), name) == expected


@pytest.mark.parametrize("name", ["char", "json", "place", "moment", "binary"])
def test_an_expression_cannot_become_data(name):
    with pytest.raises(SerializedDataError, match=f"Cannot serialize Archive.{name}: its value is the expression"):
        data_of(Archive(**{name: F("integer")}), name)


def test_what_an_encoder_cannot_write_cannot_become_data():
    with pytest.raises(SerializedDataError, match=r"Cannot serialize Ledger.entries: its encoder cannot write"):
        data_of(Ledger(entries={"day": object()}), "entries")


def test_json_is_followed_to_any_depth_but_not_without_end():
    deep = nested = []
    for _ in range(5000):
        nested.append([])
        nested = nested[0]

    copied = data_of(Archive(json=deep), "json")
    while copied:
        assert copied is not deep
        copied, deep = copied[0], deep[0]

    assert not deep
    nested.append(nested)
    with pytest.raises(SerializedDataError, match="nested too deeply"):
        data_of(Archive(json=nested), "json")


def test_a_default_of_the_database_is_not_known_yet():
    assert data_of(Ledger(), "clerk") is None
    kind = outgoing(Ledger._meta.get_field("clerk"))
    assert kind.convert(Ledger._meta.get_field("clerk"), Ledger(), Ledger().clerk) is OMIT


def test_the_ends_of_the_calendar_stay_in_their_zone():
    first = dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5)))

    assert data_of(Archive(moment=first), "moment") == first
    assert data_of(Archive(moment=first), "moment").isoformat() == "0001-01-01T00:00:00+05:00"


def test_a_custom_field_may_hold_times():
    class MomentField(models.DateTimeField):
        def value_to_string(self, obj):
            raise AssertionError

    field = MomentField(name="moment")
    field.set_attributes_from_name("moment")
    moment = dt.datetime(2024, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=1)))

    assert get_field_value(field, Archive(moment=moment)) == dt.datetime(2024, 1, 1, 11, tzinfo=dt.UTC)


@override_settings(USE_TZ=False)
def test_aware_times_become_utc_without_time_zones_too():
    moment = dt.datetime(2024, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=1)))

    assert data_of(Archive(moment=moment), "moment") == dt.datetime(2024, 1, 1, 11, tzinfo=dt.UTC)


def test_foreign_keys_become_what_the_key_they_point_at_becomes():
    key = uuid.uuid4()

    assert data_of(Shelf(keeper_id=key), "keeper") == str(key)
    assert data_of(Shelf(keeper=Keeper(pk=key)), "keeper") == str(key)
    assert data_of(Album(label_id=5), "label") == 5
    assert data_of(Album(), "label") is None
    assert data_of(Visit(next_id=Coordinates(1, 2)), "next") == "[1, 2]"
    assert data_of(Visit(next_id="[1, 2]"), "next") == "[1, 2]"
    assert data_of(Visit(next_id=None), "next") is None


class Code(str, Enum):  # noqa: UP042 - its str() is not its value
    BRITAIN = "gb"


@pytest.mark.parametrize("code", [Code.BRITAIN, SafeString("gb"), models.TextChoices("Codes", {"GB": "gb"}).GB])
def test_keys_of_any_class_of_text_are_plain_text(code):
    data = data_of(City(country_id=code), "country")

    assert (data, type(data)) == ("gb", str)


def test_a_key_of_a_class_that_its_field_has_for_text_stays_what_it_is():
    landing = Landing(stair_id=Step("50"))

    data = landing.serializable_data()

    assert data["stair"] is landing.stair_id
    assert Landing.from_serializable_data(data, check_fks=False).stair_id == Step("50")


def test_a_key_of_an_object_without_key_would_be_lost():
    with pytest.raises(SerializedDataError) as caught:
        data_of(Album(label=Label(name="new")), "label")

    assert str(caught.value) == (
        "$: Cannot serialize Album.label: <Label: new> is not saved, so it has no key to be written. Save it first."
    )


def test_the_key_of_the_parent_may_be_missing():
    assert data_of(Member(band=Band()), "band") is None


@pytest.mark.parametrize(
    ("model", "name", "expected"),
    [
        (Album, "title", True),
        (Album, "label", True),
        (Song, "recorded", False),
        (Playlist, "id", False),
        (Document, "shelf", True),
        (Shelf, "keeper", False),
        (Archive, "place", False),
        (Archive, "file", False),
    ],
)
def test_what_a_database_gives_is_data_for_some_kinds_of_fields(model, name, expected):
    assert comes_as_data(model._meta.get_field(name)) is expected
