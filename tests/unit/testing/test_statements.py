from __future__ import annotations

import pytest
from django.db import OperationalError, connections

from cluster.testing import InjectedFault, fail_at, logged_statements
from tests.support import build_band
from tests.testapp.models import Band, Label

pytestmark = pytest.mark.django_db(databases=["default", "other"])


def test_the_statement_asked_for_fails_and_the_others_do_not():
    with fail_at(2) as faults:
        Label.objects.bulk_create([Label(name="first")])
        with pytest.raises(InjectedFault, match=r"^statement 2: SELECT "):
            Label.objects.get()

    assert faults.seen == 2
    assert Label.objects.get().name == "first"


def test_a_statement_fails_with_the_error_asked_for_on_the_database_asked_for():
    with fail_at(1, error=OperationalError, using="other"):
        assert not Label.objects.exists()
        with pytest.raises(OperationalError, match=r"^statement 1: SELECT "):
            Label.objects.using("other").exists()


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
