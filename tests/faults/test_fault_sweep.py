"""Every statement and every signal receiver of a save fails once: nothing is half-written, in rows or in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.models import DateTimeField, FileField, Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from cluster.relations import state_of
from cluster.signals import cluster_saved
from cluster.testing import FailAt, InjectedFault, logged_statements
from tests.faults.picture import picture_of
from tests.faults.scenarios import SCENARIOS
from tests.support import stored_rows

SIGNALS = (pre_save, post_save, pre_delete, post_delete, m2m_changed, cluster_saved)
APPS = ("testapp", "faults")

each_scenario = pytest.mark.parametrize("name", SCENARIOS)
each_way = pytest.mark.parametrize("with_receivers", [False, True], ids=["in bulk", "with receivers"])


class ReceiverFault(Exception):
    """The failure of a receiver."""


class Fault(FailAt):
    """Counts statements and, as a receiver, signals."""

    def receive(self, sender: Any, **kwargs: Any) -> None:
        """Count a signal."""
        self.seen += 1
        if self.seen == self.nth:
            raise ReceiverFault(f"event {self.nth}: signal of {sender.__name__}")


@contextmanager
def fault_at(nth: int, *, with_receivers: bool) -> Iterator[Fault]:
    """Fail the nth event inside the block."""
    fault = Fault(nth)
    with ExitStack() as stack:
        stack.enter_context(connection.execute_wrapper(fault))
        if with_receivers:
            for signal in SIGNALS:
                signal.connect(fault.receive, weak=False)
                stack.callback(signal.disconnect, fault.receive)
        yield fault


def all_rows() -> dict[str, Any]:
    return {app: stored_rows(app_label=app) for app in APPS}


def rows_of(tables: Iterable[str]) -> dict[str, Any]:
    rows = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows[table] = sorted(cursor.fetchall(), key=repr)
    return rows


def tables_touched(save: Any, root: Any) -> list[str]:
    """Save in a transaction that is undone, and return the tables that the statements name."""
    with transaction.atomic(), logged_statements() as log:
        save(root)
        transaction.set_rollback(True)
    tables = connection.introspection.django_table_names()
    return [table for table in tables if any(table in sql for sql in log.statements)]


def save_in_outer_block(root: Any) -> None:
    with transaction.atomic():
        root.save()


def save_alone(root: Any) -> None:
    root.save()


def sweep(root: Model, save: Any, *, with_receivers: bool) -> int:
    """Fail at each event in turn until the save comes through; return the number of events."""
    tables = tables_touched(save, root)
    rows, memory, nth = rows_of(tables), picture_of(root), 0
    while True:
        nth += 1
        with fault_at(nth, with_receivers=with_receivers):
            try:
                save(root)
            except (InjectedFault, ReceiverFault):
                pass
            else:
                return nth - 1
        assert picture_of(root) == memory, f"memory differs after event {nth}"
        assert rows_of(tables) == rows, f"rows differ after event {nth}"


def stored_values() -> dict[str, list[Any]]:
    """Return what the tables say apart from keys, which a database may give out anew, times and names of files."""
    values = {}
    for app in APPS:
        for model in apps.get_app_config(app).get_models(include_auto_created=True):
            names = [
                field.attname
                for field in model._meta.local_concrete_fields
                if not field.is_relation and not field.primary_key and not isinstance(field, DateTimeField | FileField)
            ]
            rows = model._base_manager.values_list(*names) if names else [()] * model._base_manager.count()
            values[model._meta.label] = sorted(rows, key=repr)
    return values


@each_scenario
@each_way
@pytest.mark.django_db
def test_a_save_that_fails_anywhere_changes_nothing_and_can_be_repeated(name: str, with_receivers: bool) -> None:
    with transaction.atomic():
        with fault_at(0, with_receivers=with_receivers):
            SCENARIOS[name]().save()
        expected = stored_values()
        transaction.set_rollback(True)
    root = SCENARIOS[name]()

    events = sweep(root, save_alone, with_receivers=with_receivers)

    assert events > 1
    assert stored_values() == expected
    assert not root.plan_save().inserts


@pytest.mark.django_db(transaction=True)
def test_a_save_that_is_a_transaction_of_its_own_changes_nothing_when_it_fails() -> None:
    for name, build in SCENARIOS.items():
        root = build()
        rows, memory, nth, is_saved = all_rows(), picture_of(root), 0, False
        while not is_saved:
            nth += 1
            with fault_at(nth, with_receivers=False):
                is_saved = comes_through(root)
            if not is_saved:
                assert picture_of(root) == memory, f"{name}: memory differs after event {nth}"
        assert nth > 1
        assert all_rows() != rows or name == "nothing_changed", name
        empty_tables()


def comes_through(root: Any) -> bool:
    try:
        root.save()
    except (InjectedFault, ReceiverFault):
        return False
    return True


def empty_tables() -> None:
    with connection.constraint_checks_disabled(), transaction.atomic(), connection.cursor() as cursor:
        for app in APPS:
            for model in apps.get_app_config(app).get_models(include_auto_created=True):
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}")


@each_scenario
@each_way
@pytest.mark.django_db
def test_an_outer_block_that_rolls_back_leaves_the_cluster_as_before(name: str, with_receivers: bool) -> None:
    root = SCENARIOS[name]()
    rows, memory = all_rows(), picture_of(root)

    with transaction.atomic(), fault_at(0, with_receivers=with_receivers):
        root.save()
        transaction.set_rollback(True)

    assert picture_of(root) == memory
    assert all_rows() == rows
    sweep(root, save_in_outer_block, with_receivers=with_receivers)
    state = state_of(root)
    assert state is not None
    assert not state.held
