"""Every statement and every signal receiver of a save fails once: nothing is half-written, in the database or in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from cluster.relations import state_of
from cluster.signals import cluster_saved
from tests.faults.picture import picture_of
from tests.faults.scenarios import SCENARIOS
from tests.support import FailAt, InjectedFault, stored_rows

SIGNALS = (pre_save, post_save, pre_delete, post_delete, m2m_changed, cluster_saved)
APPS = ("testapp", "faults")

each_scenario = pytest.mark.parametrize("name", SCENARIOS)
each_way = pytest.mark.parametrize("with_receivers", [False, True], ids=["in bulk", "with receivers"])


class InjectedDatabaseFault(InjectedFault, DatabaseError):
    """A failure of the database: Django undoes a savepoint that cannot be released only for one of these."""


class Fault(FailAt):
    """Counts statements and, as a receiver, signals."""

    def receive(self, sender: Any, **kwargs: Any) -> None:
        """Count a signal."""
        self.seen += 1
        if self.seen == self.nth:
            raise InjectedFault(f"event {self.nth}: signal of {sender.__name__}")


@contextmanager
def fault_at(nth: int, *, with_receivers: bool) -> Iterator[Fault]:
    """Fail the nth event inside the block."""
    fault = Fault(nth, InjectedDatabaseFault)
    with ExitStack() as stack:
        stack.enter_context(connection.execute_wrapper(fault))
        if with_receivers:
            for signal in SIGNALS:
                signal.connect(fault.receive, weak=False)
                stack.callback(signal.disconnect, fault.receive)
        yield fault


def all_rows() -> dict[str, Any]:
    return {app: stored_rows(app_label=app) for app in APPS}


def save_in_outer_block(root: Any) -> None:
    with transaction.atomic():
        root.save()


def save_alone(root: Any) -> None:
    root.save()


def sweep(root: Model, save: Any, *, with_receivers: bool) -> int:
    """Fail at each event in turn until the save comes through; return the number of events."""
    rows, memory, nth = all_rows(), picture_of(root), 0
    while True:
        nth += 1
        with fault_at(nth, with_receivers=with_receivers):
            try:
                save(root)
            except InjectedFault:
                pass
            else:
                return nth - 1
        assert picture_of(root) == memory, f"memory differs after event {nth}"
        assert all_rows() == rows, f"rows differ after event {nth}"


def content(rows: dict[str, Any]) -> dict[str, int]:
    return {table: len(found) for app in rows.values() for table, found in app.items()}


@each_scenario
@each_way
@pytest.mark.django_db
def test_a_save_that_fails_anywhere_changes_nothing_and_can_be_repeated(name: str, with_receivers: bool) -> None:
    with transaction.atomic():
        with fault_at(0, with_receivers=with_receivers):
            SCENARIOS[name]().save()
        expected = content(all_rows())
        transaction.set_rollback(True)
    root = SCENARIOS[name]()

    events = sweep(root, save_alone, with_receivers=with_receivers)

    assert events > 1
    assert content(all_rows()) == expected
    assert not root.plan_save().inserts


@each_scenario
@each_way
@pytest.mark.django_db
def test_an_outer_block_that_rolls_back_leaves_the_cluster_as_before(name: str, with_receivers: bool) -> None:
    root = SCENARIOS[name]()
    rows, memory = all_rows(), picture_of(root)

    with pytest.raises(InjectedFault), transaction.atomic(), fault_at(0, with_receivers=with_receivers):
        root.save()
        raise InjectedFault

    assert picture_of(root) == memory
    assert all_rows() == rows
    sweep(root, save_in_outer_block, with_receivers=with_receivers)
    state = state_of(root)
    assert state is not None
    assert not state.held
