from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import models
from django.db.models import F, Value

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet
from cluster.queryset.columns import UnsavedKey, column_reader, exact_type, plain_reader, prepared_value
from tests.differential.app.models import Specimen
from tests.testapp.models import Album, Attachment, Band, Label, Member, Playlist, Song


@pytest.mark.parametrize(
    ("model", "name", "value", "expected"),
    [
        pytest.param(Album, "position", "3", 3, id="text for a number"),
        pytest.param(Album, "position", True, 1, id="boolean for a number"),
        pytest.param(Album, "title", 5, "5", id="number for a text"),
        pytest.param(Album, "price", "1.5", Decimal("1.50"), id="places of a decimal"),
        pytest.param(Album, "price", 2.25, Decimal("2.25"), id="float for a decimal"),
        pytest.param(Album, "released", "2020-01-02", datetime.date(2020, 1, 2), id="text for a date"),
        pytest.param(
            Album, "released", datetime.datetime(2020, 1, 2, 3, tzinfo=datetime.UTC), datetime.date(2020, 1, 2),
            id="moment for a date",
        ),
        pytest.param(
            Song, "recorded",
            datetime.datetime(2020, 1, 2, 3, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
            datetime.datetime(2020, 1, 2, 1, tzinfo=datetime.UTC), id="another zone",
        ),
        pytest.param(Song, "single", "True", True, id="text for a boolean"),
        pytest.param(Playlist, "id", str(uuid.UUID(int=3)), uuid.UUID(int=3), id="text for a uuid"),
        pytest.param(Specimen, "ip", "::1", "::1", id="address"),
        pytest.param(Specimen, "ip", "", None, id="empty address"),
        pytest.param(Attachment, "file", "a.txt", "a.txt", id="file"),
        pytest.param(Album, "title", Value("x"), "x", id="constant expression"),
        pytest.param(Album, "label_id", "4", 4, id="foreign key"),
        pytest.param(Album, "price", None, None, id="NULL"),
    ],
)  # fmt: skip
def test_a_column_is_read_as_the_database_would_give_it(
    model: type[models.Model], name: str, value: Any, expected: Any
) -> None:
    field: Any = model._meta.get_field(name)
    instance = model()
    setattr(instance, name, value)

    read = plain_reader(field)(instance)

    assert read == expected
    assert type(read) is type(expected)


def test_an_expression_in_an_attribute_is_refused_by_name() -> None:
    with pytest.raises(
        NotInMemoryError, match=r"Cannot read Album\.position in memory: its value is the expression <CombinedExpr"
    ):
        plain_reader(Album._meta.get_field("position"))(Album(position=F("position") + 1))


def test_a_key_to_come_is_equal_by_identity_and_greater_than_all() -> None:
    one, other = UnsavedKey(Label()), UnsavedKey(Label())

    assert one == UnsavedKey(one.instance)
    assert hash(one) == hash(UnsavedKey(one.instance))
    assert one != other
    assert one != 5
    assert one > 5
    assert one >= 5
    assert one >= UnsavedKey(one.instance)
    assert one <= UnsavedKey(one.instance)
    assert not one < 5
    assert not one <= 5
    assert not one > other
    assert not one >= other
    assert repr(one).startswith("<key of unsaved ")


def test_keys_to_come_are_read_from_the_instance_and_from_its_cached_target() -> None:
    band, label = Band(), Label()

    assert column_reader(Band._meta.pk)(band) == UnsavedKey(band)
    assert column_reader(Album._meta.get_field("label"))(Album(label=label)) == UnsavedKey(label)
    assert column_reader(Album._meta.get_field("label"))(Album(label=None)) is None
    assert column_reader(Album._meta.get_field("label"))(Album(label_id=3)) == 3


def test_only_types_that_need_no_preparing_are_exact() -> None:
    assert exact_type(Album._meta.get_field("label")) is int
    assert exact_type(Member._meta.get_field("wage")) is None
    assert exact_type(Song._meta.get_field("recorded")) is None
    assert exact_type(models.CharField()) is str


class Shout(models.CharField):
    """A field that stores another form than it gives."""

    def get_prep_value(self, value: Any) -> Any:
        return value.upper()


def test_a_field_with_its_own_form_compares_in_it() -> None:
    assert exact_type(Shout()) is None
    assert prepared_value("abc", Shout()) == "ABC"
    assert prepared_value(None, Shout()) is None


def test_an_expression_for_a_constant_is_prepared_as_the_constant():
    assert prepared_value(Value("3"), Album._meta.get_field("position")) == 3


def test_a_column_behind_a_descriptor_of_its_own_is_read_though_it_was_deferred(db: None):
    Attachment.objects.create(band=Band.objects.create(name="x"), file="a.txt")
    deferred = Attachment.objects.defer("file").get()

    assert list(FakeQuerySet(Attachment, [deferred]).values_list("file", flat=True)) == ["a.txt"]
