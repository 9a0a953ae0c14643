"""Unique values of every kind can be exchanged, whatever a free one is and however few there are."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection

from tests.faults.app.models import Box, Lid, Meter, Shelf, Switch, Thing, Wire

pytestmark = pytest.mark.django_db

# The last of each kind leaves no room above.
VALUES: dict[str, list[Any]] = {
    "amount": [Decimal("1.0"), Decimal("2.5"), Decimal("99.9")],
    "level": [1.0, 2.5, 1e300],
    "day": [date(2020, 1, 1), date(2020, 1, 2), date.max],
    "moment": [datetime(year, 12, 30, tzinfo=UTC) for year in (2020, 2021, 9999)],
    "hour": [time(0), time(1), time.max],
    "lasts": [timedelta(days=1), timedelta(days=2), timedelta(days=10**6)],
    "address": ["10.0.0.1", "::1", "::2"],
    "old_address": ["10.0.0.0", "10.0.0.1", "255.255.255.255"],
    "key": [UUID(int=1), UUID(int=2), UUID(int=3)],
    "plan": ["a.txt", "b.txt", "c.txt"],
    "letter": ["0", "1", "~"],
    "grade": [1, 3, 5],
    "opposite": [-1, -2, 0],
}


def stored_shelf() -> Shelf:
    shelf = Shelf.objects.create(name="s")
    box = Box.objects.create(shelf=shelf, code="a", position=1)
    Thing.objects.create(box=box, name="t")
    for number in range(3):
        store_meter(shelf, {name: values[number] for name, values in VALUES.items()})
    return Shelf.objects.get()


def store_meter(shelf: Shelf, values: dict[str, Any]) -> None:
    lid = Lid.objects.create(box=Box.objects.get(), thing=Thing.objects.get())
    Meter.objects.create(shelf=shelf, lid=lid, **values)


@pytest.mark.parametrize("order", [(1, 0, 2), (1, 2, 0), (0, 2, 1)], ids=str)
@pytest.mark.parametrize("name", [*VALUES, "lid_id"])
def test_values_that_may_not_be_null_are_exchanged(name: str, order: tuple[int, ...]) -> None:
    shelf = stored_shelf()
    meters = shelf.meters.get_object_list()
    values = [getattr(meter, name) for meter in meters]
    wanted = {meter.pk: values[number] for meter, number in zip(meters, order, strict=True)}
    for meter in meters:
        setattr(meter, name, wanted[meter.pk])

    shelf.save()

    assert {meter.pk: getattr(meter, name) for meter in Meter.objects.all()} == wanted


def stored_box(shelf: Shelf, name: str) -> Box:
    box = Box.objects.create(shelf=shelf, code=name, position=int(name))
    for is_on in (True, False):
        switch = Switch.objects.create(box=box, is_on=is_on)
        Wire.objects.create(switch=switch, name=f"{name} {is_on}")
    return box


def shelf_of_switches(count: int) -> Shelf:
    shelf = Shelf.objects.create(name="s")
    for number in range(count):
        stored_box(shelf, str(number))
    return Shelf.objects.get()


@pytest.mark.parametrize("count", [1, 3])
def test_two_rows_of_each_parent_exchange_the_only_two_values(count: int) -> None:
    shelf = shelf_of_switches(count)
    wanted = {switch.pk: not switch.is_on for switch in Switch.objects.all()}
    for box in shelf.boxes.get_object_list():
        for switch in box.switches.get_object_list():
            switch.is_on = not switch.is_on

    shelf.save()

    assert {switch.pk: switch.is_on for switch in Switch.objects.all()} == wanted
    # No key was left pointing at nothing.
    connection.check_constraints()


def test_the_only_children_of_several_parents_go_round() -> None:
    shelf = shelf_of_switches(2)
    switches = [switch for box in shelf.boxes.get_object_list() for switch in box.switches.get_object_list()]
    wires = [switch.wires.get_object_list()[0] for switch in switches]
    wanted = {}
    for switch, wire in zip(switches, [*wires[1:], *wires[:1]], strict=True):
        switch.wires.add(wire)
        wanted[wire.pk] = switch.pk

    shelf.save()

    assert dict(Wire.objects.values_list("pk", "switch")) == wanted


def test_a_row_that_gives_way_to_a_new_one_is_deleted_in_the_end() -> None:
    """It goes late, as a row below it is moved into the new one, and is known by its parent until then."""
    shelf = shelf_of_switches(1)
    (box,) = shelf.boxes.get_object_list()
    old = next(switch for switch in box.switches.get_object_list() if switch.is_on)
    new = Switch(is_on=True, wires=old.wires.get_object_list())

    box.switches.remove(old)
    box.switches.add(new)
    shelf.save()

    assert set(Switch.objects.values_list("pk", "is_on")) >= {(new.pk, True)}
    assert not Switch.objects.filter(pk=old.pk).exists()
    assert Wire.objects.get(name="0 True").switch == new


def test_a_swap_that_no_temporary_value_can_help_names_the_row() -> None:
    """All five grades that the check lets pass are taken."""
    shelf = stored_shelf()
    for grade in (2, 4):
        day, number = datetime(2000, 1, grade, tzinfo=UTC), grade + 5
        counted = {"amount": number, "level": number, "opposite": -number, "grade": grade, "key": UUID(int=number)}
        timed = {"day": day.date(), "moment": day, "hour": time(number), "lasts": timedelta(number)}
        texts = {"address": f"::{number}", "old_address": f"10.0.0.{number}", "plan": str(grade), "letter": str(number)}
        store_meter(shelf, {**counted, **timed, **texts})
    first, second = list(shelf.meters.get_object_list())[:2]
    first.grade, second.grade = second.grade, first.grade

    with pytest.raises(IntegrityError, match=r"^Cannot save meters\[0\]: it exchanges unique values of grade with"):
        shelf.save()

    assert Meter.objects.get(pk=first.pk).grade == 1
