"""Free the unique values that a root takes from rows of its own model below it, as its row is written before theirs."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db.models import Model

from cluster.relations import relations_of
from cluster.saving.free_values import FreeValues
from cluster.saving.order import Claims, Park, park_of
from cluster.saving.parking import park_rows
from cluster.saving.unique import row_image, unique_sets
from cluster.saving.work import Delete, Update, Work


@cache
def takes_from_below(model: type[Model]) -> bool:
    """Whether rows of a model can be below one another and have something that must be unique."""
    met: set[Any] = set()
    unfinished: list[Any] = [model] if unique_sets(model) else []
    while unfinished:
        below = {each.related_model._meta.concrete_model for each in relations_of(unfinished.pop()).children} - met
        met |= below
        unfinished += below
    return model._meta.concrete_model in met


def make_way(root: Model, work: Work) -> list[Park]:
    """Give temporary values to rows that give up what the root is going to have; return them."""
    concrete: Any = root._meta.concrete_model
    claims = Claims(concrete)
    given_up: list[Update | Delete] = [*work.updates, *work.deletes]
    for row in given_up:
        model = type(row.instance) if isinstance(row, Update) else row.model
        if model._meta.concrete_model is concrete:
            claims.hold(row)
    parks: dict[int, Park] = {}
    for unique_set, row in claims.holders_of(row_image(root, {})):
        parks.setdefault(id(row), park_of(row, [])).sets.append(unique_set)
    instances = [root, *(each.instance for each in work.written())]
    # What is surveyed again has to find the rows by the parents that they had.
    park_rows(list(parks.values()), FreeValues.for_instances(instances, work.using, can_dangle=False))
    return list(parks.values())


def write_again(parks: list[Park], work: Work) -> None:
    """See that the rows which made way get back what they are to have, whatever was changed in memory meanwhile."""
    updates = {id(each.instance): each for each in work.updates}
    for before in (park.update for park in parks if park.update is not None):
        update = updates.get(id(before.instance))
        if update is None:
            work.updates.append(before)
        else:
            update.fields += [field for field in before.fields if field not in update.fields]
