from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from cluster.serialization.stamping import latest_migration, stamp_of
from tests.testapp.models import Band


def test_the_stamp_names_the_latest_migration_of_the_models_app():
    stamp = stamp_of(Group)

    assert stamp["format"] == 1
    assert stamp["migration"].startswith("0012_")


def test_an_app_without_migrations_has_none():
    assert stamp_of(Band) == {"format": 1, "migration": None}


def test_an_app_that_is_not_installed_is_a_mistake():
    with pytest.raises(LookupError):
        latest_migration("nowhere")
