"""The order of the rows in a file: what a row needs comes before it.

Models are ordered by what they point at. Where models point at each other, or one at itself, their rows are ordered
one by one; in a circle of rows first the links of a many-to-many, then nullable keys are allowed to point forward.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Model

from cluster.collector.edges import Edge, Kind, edges_of
from cluster.collector.walk import Walk

Node = tuple[type[Model], Any]
STRONG = 0


def rows_in_order(walk: Walk) -> Iterator[Node]:
    """Yield the model and key of every collected row, what a row needs before it."""
    for group in model_groups(walk):
        if len(group) > 1 or points_at_itself(walk, group[0]):
            yield from _rows_of_group(walk, group)
        else:
            yield from plain_rows(walk, group[0])


def plain_rows(walk: Walk, model: type[Model]) -> Iterator[Node]:
    """Yield the rows of one model, referenced rows first."""
    for keys in (walk.referenced[model], walk.owned[model]):
        for key in walk.in_order(model, keys):
            yield model, key


def found_models(walk: Walk) -> list[type[Model]]:
    """Return the models of which something was collected, by label."""
    models = {model for found in (walk.owned, walk.referenced) for model, keys in found.items() if keys}
    return sorted(models, key=lambda model: model._meta.label_lower)


def targets_of(walk: Walk, edge: Edge, models: Iterable[type[Model]]) -> list[type[Model]]:
    """Return which of some models an edge up may lead to."""
    if edge.target is not None:
        return [edge.target]
    # A generic foreign key may point at anything but at what it marks itself.
    return [model for model in models if model in walk.generic_targets[edge]]


def points_at_itself(walk: Walk, model: type[Model]) -> bool:
    """Whether rows of a model may need other rows of it."""
    return any(model in targets_of(walk, edge, [model]) for edge in edges_of(model).up)


def model_groups(walk: Walk) -> list[list[type[Model]]]:
    """Return the found models in the order of need; models that need each other are one group."""
    models = found_models(walk)
    known = set(models)
    needs = {
        model: [target for edge in edges_of(model).up for target in targets_of(walk, edge, models) if target in known]
        for model in models
    }
    return strongly_connected(models, needs)


def strongly_connected(nodes: Iterable[Any], needs: dict[Any, list[Any]]) -> list[list[Any]]:
    """Return groups of nodes that need each other, each group after the groups that it needs (Tarjan)."""
    number: dict[Any, int] = {}
    lowest: dict[Any, int] = {}
    stack: list[Any] = []
    groups: list[list[Any]] = []
    done: set[Any] = set()
    for start in nodes:
        path = [(start, iter(needs[start]))] if start not in number else []
        while path:
            node, remaining = path[-1]
            if node not in number:
                number[node] = lowest[node] = len(number)
                stack.append(node)
            following = next((other for other in remaining if other not in done), None)
            if following is None:
                path.pop()
                if path:
                    lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[node])
                if lowest[node] == number[node]:
                    group = popped_until(stack, node)
                    done.update(group)
                    groups.append(group)
            elif following in number:
                lowest[node] = min(lowest[node], number[following])
            else:
                path.append((following, iter(needs[following])))
    return groups


def popped_until(stack: list[Any], node: Any) -> list[Any]:
    """Take everything down to ``node`` from a stack and return it in the order in which it came."""
    group = [stack.pop()]
    while group[-1] != node:
        group.append(stack.pop())
    return group[::-1]


def _rows_of_group(walk: Walk, group: list[type[Model]]) -> Iterator[Node]:
    nodes = [node for model in group for node in plain_rows(walk, model)]
    places = {node: place for place, node in enumerate(nodes)}
    edges = [
        (places[source], places[target], weight)
        for source, target, weight in _needs(walk, group)
        if source in places and target in places and source != target
    ]
    for place in sorted_by_need(len(nodes), edges):
        yield nodes[place]


def _needs(walk: Walk, group: list[type[Model]]) -> Iterator[tuple[Node, Node, int]]:
    inside = set(group)
    edges = [edge for model in group for edge in edges_of(model).up]
    circular = sorted((edge for edge in edges if inside.intersection(targets_of(walk, edge, group))), key=_reluctance)
    for rank, edge in enumerate(circular, start=1):
        weight = rank if _reluctance(edge) else STRONG
        yield from _needs_along(walk, edge, weight)


def _reluctance(edge: Edge) -> int:
    """Return how readily an edge may point forward in a circle: not at all, as a tree, between models, as a link."""
    if edge.kind is Kind.MANY:
        return 3
    if edge.kind is Kind.FORWARD and edge.field.null:
        return 1 if edge.target is edge.source else 2
    return 0


def _needs_along(walk: Walk, edge: Edge, weight: int) -> Iterator[tuple[Node, Node, int]]:
    model = edge.source
    if edge.kind is Kind.MANY:
        for source, target in walk.links(edge, walk.owned[model]):
            yield (model, source), (edge.target, target), weight  # type: ignore[misc]
        return
    keys = [*walk.owned[model], *walk.referenced[model]]
    for source, target_model, value in walk.pointers(model, edge, keys):
        yield (model, source), (target_model, value), weight


def sorted_by_need(size: int, edges: list[tuple[int, int, int]]) -> list[int]:
    """Return numbers below ``size`` so that for each edge (from, to, weight) ``to`` stands before ``from``.

    Each generation in ascending order. In a circle, edges of the highest weight give way first, then the next.
    """
    weights = sorted({weight for _, _, weight in edges}, reverse=True)
    order = _generations(size, edges)
    for weight in weights:
        if len(order) == size:
            break
        edges = _opened(edges, order, weight, size)
        order = _generations(size, edges)
    return order


def _opened(edges: list[tuple[int, int, int]], order: list[int], weight: int, size: int) -> list[tuple[int, int, int]]:
    """Return the edges without those of a weight that lie in a circle."""
    placed = set(order)
    open_nodes = [node for node in range(size) if node not in placed]
    needs: dict[int, list[int]] = {node: [] for node in open_nodes}
    for source, target, _ in edges:
        if source in needs and target in needs:
            needs[source].append(target)
    circle: dict[int, int] = {}
    for number, group in enumerate(strongly_connected(open_nodes, needs)):
        circle.update(dict.fromkeys(group, number))
    return [
        edge for edge in edges if edge[2] != weight or edge[0] not in circle or circle[edge[0]] != circle.get(edge[1])
    ]


def _generations(size: int, edges: list[tuple[int, int, int]]) -> list[int]:
    waiting = [0] * size
    dependents: dict[int, list[int]] = defaultdict(list)
    for source, target, _ in edges:
        waiting[source] += 1
        dependents[target].append(source)
    generation = [place for place in range(size) if not waiting[place]]
    order: list[int] = []
    while generation:
        order += generation
        following = []
        for place in generation:
            for source in dependents[place]:
                waiting[source] -= 1
                if not waiting[source]:
                    following.append(source)
        generation = sorted(following)
    return order
