"""Look again after code of the user's own ran within a save: it may have changed what is held."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, pre_delete

from cluster.relations import Baseline, HeldLinks
from cluster.relations.held import Key, key_of
from cluster.relations.state import kept_values
from cluster.saving.ways import has_listeners, is_saved_row_by_row, overrides_delete
from cluster.saving.work import Holding, Work


def calls_user_code(work: Work) -> bool:
    """Whether writing the work calls methods or receivers that are not Django's."""
    return (
        any(is_saved_row_by_row(model) for model in {type(each.instance) for each in work.written()})
        or any(_tells_of_deletes(model) for model in {each.model for each in work.deletes})
        or any(has_listeners(each.holding.relation.rel.through, m2m_changed) for each in work.links)
    )


def _tells_of_deletes(model: type[Model]) -> bool:
    return overrides_delete(model) or has_listeners(model, pre_delete) or has_listeners(model, post_delete)


def rebase(work: Work) -> None:
    """Make what the work has written the baseline of everything that it looked at."""
    written = {id(each.instance) for each in work.written()}
    for holding in work.holdings:
        state, name = holding.node.state, holding.relation.name
        if state.held.get(name) is holding.held:
            state.baselines[name] = Baseline(_rows(holding, written), holding.node.instance.pk)


def _rows(holding: Holding, written: set[int]) -> dict[Key, dict[str, Any]]:
    rows: dict[Key, dict[str, Any]] = {}
    for each in holding.objects:
        key = key_of(each)
        assert key is not None
        if isinstance(holding.held, HeldLinks):
            rows[key] = dict(holding.held.defaults_of(each))
        elif id(each) in written or not holding.known.get(key):
            rows[key] = kept_values(each)
        else:
            rows[key] = holding.known[key]
    return rows
