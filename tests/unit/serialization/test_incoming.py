from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal

import pytest
from django.db import models
from django.test import override_settings

from cluster.serialization.incoming import CONVERSION_ERRORS, incoming, reading_field
from tests.testapp.models import Album, Entry, Hall
from tests.upgrade.app.models import Archive, Coordinates, Shelf


def value_of(model, name, data):
    field = model._meta.get_field(name)
    kind = incoming(field)
    return data if data.__class__ in kind.accepted else kind.read(reading_field(field), data)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("big", True, 1),
        ("big", 5.0, 5),
        ("big", "5", 5),
        ("big", Decimal(5), 5),
        ("binary", memoryview(b"a"), b"a"),
        ("boolean", "True", True),
        ("boolean", 1, True),
        ("char", 5, "5"),
        ("char", Decimal("1.50"), "1.50"),
        ("day", dt.date(2024, 1, 2), dt.date(2024, 1, 2)),
        ("moment", dt.date(2024, 7, 2), dt.datetime(2024, 7, 1, 22, tzinfo=dt.UTC)),
        ("moment", "2024-07-02", dt.datetime(2024, 7, 1, 22, tzinfo=dt.UTC)),
        ("moment", "2024-07-02T12:00", dt.datetime(2024, 7, 2, 10, tzinfo=dt.UTC)),
        ("moment", dt.datetime(2024, 7, 2, 12), dt.datetime(2024, 7, 2, 10, tzinfo=dt.UTC)),  # noqa: DTZ001
        ("decimal", 5, Decimal(5)),
        ("decimal", 1.5, Decimal("1.5")),
        ("duration", "P1DT2H", dt.timedelta(days=1, hours=2)),
        ("duration", dt.timedelta(1), dt.timedelta(1)),
        ("float", "1.5", 1.5),
        ("float", 1, 1.0),
        ("address", "2001:DB8:0::1", "2001:db8::1"),
        ("time", dt.time(1), dt.time(1)),
        ("uid", uuid.UUID(int=1), uuid.UUID(int=1)),
        ("place", "[1, 2]", Coordinates(1, 2)),
        ("place", Coordinates(1, 2), Coordinates(1, 2)),
    ],
    ids=lambda value: "memoryview" if isinstance(value, memoryview) else repr(value)[:30],
)
def test_data_becomes_a_value(name, data, expected):
    value = value_of(Archive, name, data)

    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize("name", [field.name for field in Archive._meta.concrete_fields if field.name != "id"])
def test_null_is_null_for_every_field(name):
    if name in {"boolean", "secret"}:
        assert incoming(Archive._meta.get_field(name)).accepted >= {type(None)}
    assert value_of(Archive, name, None) is None


def test_the_ends_of_the_calendar_stay_in_their_zone():
    value = value_of(Archive, "moment", "9999-12-31T23:59:59-11:00")

    assert value.isoformat() == "9999-12-31T23:59:59-11:00"


@override_settings(USE_TZ=False)
@pytest.mark.parametrize("data", ["2024-07-02T10:00:00Z", "2024-07-02T12:00:00"])
def test_without_time_zones_times_are_in_the_default_zone(data):
    assert value_of(Archive, "moment", data) == dt.datetime(2024, 7, 2, 12)  # noqa: DTZ001


def test_a_decoder_reads_what_is_in_json():
    class Decoder(json.JSONDecoder):
        def __init__(self, **kwargs):
            super().__init__(object_hook=lambda found: {**found, "decoded": True}, **kwargs)

    field = models.JSONField(decoder=Decoder)

    assert incoming(field).read(field, {"a": 1}) == {"a": 1, "decoded": True}


def test_json_shares_nothing_with_the_data():
    data = {"a": [1]}

    value = value_of(Archive, "json", data)
    data["a"].append(2)

    assert value == {"a": [1]}


@pytest.mark.parametrize(
    ("model", "name", "reader"),
    [(Album, "label", "id"), (Entry, "playlist", "id"), (Hall, "venue_ptr", "id"), (Shelf, "keeper", "id")],
)
def test_foreign_keys_are_read_by_the_key_that_they_point_at(model, name, reader):
    assert reading_field(model._meta.get_field(name)).name == reader


def test_a_key_that_is_no_uuid_is_refused():
    with pytest.raises(CONVERSION_ERRORS):
        value_of(Shelf, "keeper", "no uuid")
