"""Django's own ways of making, changing and testing rows, used with clusters."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.db.models import F, Value
from django.test import TestCase

from cluster.errors import HeldRelationsError
from tests.support import build_band, build_full_band
from tests.testapp.models import Band, Member, Show, Ticket


@pytest.mark.django_db
def test_managers_make_and_change_whole_clusters() -> None:
    band, created = Band.objects.get_or_create(name="band", defaults={"members": [Member(name="first")]})
    assert created
    assert Member.objects.get().band == band

    band, created = Band.objects.update_or_create(name="band", defaults={"members": [Member(name="second")]})
    assert not created
    assert Member.objects.get().name == "second"

    Band.objects.create(name="other", members=[Member(name="third")])
    assert Member.objects.count() == 2


@pytest.mark.django_db
def test_updates_in_bulk_leave_what_is_held_alone_and_inserts_are_refused() -> None:
    band = build_band()
    band.save()
    band.members.add(Member(name="held"))
    band.name = "changed"

    Band.objects.bulk_update([band], ["name"])
    with pytest.raises(HeldRelationsError):
        Band.objects.bulk_create([build_band()])

    assert Band.objects.get().name == "changed"
    assert band.members.count() == 3
    band.save()
    assert Member.objects.count() == 3


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 6], ids=["one by one", "at once"])
def test_values_that_the_database_makes_follow_a_change(count: int) -> None:
    Show(title="show", tickets=[Ticket(seat=f"{number}", price=number) for number in range(count)]).save()
    show = Show.objects.get()
    tickets = list(show.tickets.get_object_list())

    for ticket in tickets:
        ticket.price += 5
    show.save()

    for ticket in tickets:
        ticket.refresh_from_db(fields=["total"])
    assert [ticket.total for ticket in tickets] == [ticket.price + ticket.fee for ticket in tickets]
    assert {ticket.code for ticket in tickets} == {"door"}


@pytest.mark.django_db
def test_expressions_are_worked_out_by_the_database() -> None:
    show = Show(title="show", tickets=[Ticket(seat=f"{number}", price=Value(3) + Value(4)) for number in range(6)])
    show.save()
    for ticket in show.tickets.get_object_list():
        ticket.price = F("price") + 1
    show.save()

    assert set(Ticket.objects.values_list("price", "total")) == {(8, 9)}


class ClustersInTestCase(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        cls.band = build_full_band()
        cls.band.save()

    def test_each_test_has_the_cluster_as_it_was_saved(self) -> None:
        self.band.members.add(Member(name="of one test"))
        self.band.save()
        assert Member.objects.count() == 3

    def test_and_so_has_the_next_one(self) -> None:
        assert not self.band.members.is_deferring
        self.test_each_test_has_the_cluster_as_it_was_saved()

    def test_callbacks_can_be_captured_and_run(self) -> None:
        called: list[str] = []
        with self.captureOnCommitCallbacks(execute=True):
            self.band.members.add(Member(name="third"))
            self.band.save()
            transaction.on_commit(lambda: called.append("mine"))
        assert called == ["mine"]
        assert self.band.members.count() == 3

    async def test_async_tests_save_and_read(self) -> None:
        await self.band.members.aadd(Member(name="third"))
        await self.band.asave()
        assert [member.name async for member in self.band.members.order_by("name")][-1] == "third"
