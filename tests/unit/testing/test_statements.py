from __future__ import annotations

import pytest
from django.db import OperationalError, connections

from cluster.testing import InjectedFault, fail_at, logged_statements
from tests.support import build_band
from tests.testapp.models import Band, Label

# A statement that fails breaks the transaction around it, so there is none.
pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other"])


def test_the_statement_asked_for_fails_and_the_others_do_not():
    with fail_at(2) as faults:
        Label.objects.create(name="first")
        with pytest.raises(InjectedFault, match=r"^statement 2: INSERT INTO "):
            Label.objects.create(name="second")
        Label.objects.create(name="third")

    assert faults.seen == 3
    assert [label.name for label in Label.objects.order_by("pk")] == ["first", "third"]


def test_a_statement_fails_with_the_error_asked_for_on_the_database_asked_for():
    with fail_at(1, error=OperationalError, using="other"):
        Label.objects.create(name="here")
        with pytest.raises(OperationalError, match=r"^statement 1: "):
            Label.objects.using("other").create(name="there")

    assert (Label.objects.count(), Label.objects.using("other").count()) == (1, 0)


def test_every_statement_of_a_save_can_fail_once():
    nth = failed = 0
    while failed == nth:
        nth += 1
        try:
            with fail_at(nth):
                build_band().save()
        except InjectedFault:
            failed += 1
            assert not Band.objects.exists()

    assert failed > 3
    assert Band.objects.count() == 1


def test_statements_are_logged_by_what_they_do_to_which_table():
    with logged_statements() as log:
        build_band(members=2, albums=0).save()
        Band.objects.get()

    assert len(log.of("INSERT", "testapp_member")) == 1
    assert len(log.writes) == 2
    assert len(log.of("SELECT", "testapp_band")) == 1


def test_the_log_is_of_one_database():
    with logged_statements(using="other") as log:
        Label.objects.create(name="here")

    assert log.statements == []
    assert connections["default"].execute_wrappers == []
