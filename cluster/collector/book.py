"""The rules of a collector, resolved: which role an edge gives to the rows at its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model

from cluster.collector.databases import Databases
from cluster.collector.edges import Edge, Kind, concrete, default_of_target, edges_of
from cluster.collector.rules import LINK, SKIP, Role, Rule


@dataclass(slots=True, eq=False)
class Step:
    """A place in the tree of the rules that name a path from the root.

    Attributes:
        rule: The rule of the path that ends here.
        key: The path as it was written.
        below: The next places by the name of the edge.
    """

    rule: Rule | None = None
    key: str = ""
    below: dict[str, Step] = field(default_factory=dict)

    def after(self, edge: Edge) -> Step | None:
        """Return the place that an edge leads to, if a rule goes on there."""
        return next((self.below[name] for name in edge.names if name in self.below), None)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The rule that holds for an edge.

    Attributes:
        rule: The rule.
        key: The key under which it was given; empty for a default.
        reason: Why the rows are out of reach, if they are.
        step: Where the rules for longer paths go on.
    """

    rule: Rule
    key: str = ""
    reason: str = ""
    step: Step | None = None

    @property
    def role(self) -> Role:
        """The role that the rule gives."""
        return self.rule.role


class RuleBook:
    """The rules of one collector on one database; the most specific rule wins: path, then relation, then model."""

    def __init__(self, model: type[Model], rules: Mapping[str, Rule], using: str) -> None:
        self.model = concrete(model)
        self.using = using
        self.databases = Databases(self.model, using)
        self.by_model: dict[type[Model], tuple[Rule, str]] = {}
        self.by_edge: dict[tuple[type[Model], str], tuple[Rule, str]] = {}
        self.start = Step()
        self._roles_by_path: dict[Edge, set[Role]] = defaultdict(set)
        self._roles: dict[tuple[Edge, type[Model] | None], set[Role]] = {}
        for key, rule in rules.items():
            self._enter(key, rule)

    def _enter(self, key: str, rule: Rule) -> None:
        if not isinstance(rule, Rule):
            raise ImproperlyConfigured(f"The rule {key!r} must be OWN, REF, LINK or SKIP, not {rule!r}.")
        if rule.condition is not None and rule.role in (Role.SKIP, Role.LINK):
            raise ImproperlyConfigured(
                f"The rule {key!r}: {rule.role.name} takes no condition. Say by OWN or REF which rows are taken, as in"
                " OWN(~Q(...)); the others are skipped."
            )
        if "." not in key:
            self._enter_path(key, rule)
        elif (model := find_model(key)) is not None:
            self._enter_model(key, concrete(model), rule)
        else:
            edge = self.edge_named(key)
            check_condition(key, rule, edge)
            self.by_edge[edge.source, edge.name] = (rule, key)

    def _enter_model(self, key: str, model: type[Model], rule: Rule) -> None:
        is_pointed_at = any(edge.kind in (Kind.CHILD, Kind.FAR_LINK) for edge in edges_of(model).down)
        if rule.condition is not None and rule.role is Role.REF and is_pointed_at:
            raise ImproperlyConfigured(
                f"The rule {key!r} has a condition, but other rows point at those of {model._meta.label}, and what they"
                " need is taken whole. Name a relation down to them, or a path."
            )
        self.by_model[model] = (rule, key)

    def _enter_path(self, key: str, rule: Rule) -> None:
        step, model = self.start, self.model
        edge: Any = None
        for name in key.split("__"):
            edge = self._edge_of(model, name, key)
            step = step.below.setdefault(name, Step())
            model = edge.target or model
        step.rule, step.key = rule, key
        check_condition(key, rule, edge)
        self._roles_by_path[edge].add(rule.role)

    def edge_named(self, key: str) -> Edge:
        """Return the edge that ``Model.relation`` or ``app.Model.relation`` names."""
        owner, _, name = key.rpartition(".")
        models = [find_model(owner)] if "." in owner else [m for m in apps.get_models() if m.__name__ == owner]
        if len(models) != 1 or models[0] is None:
            problem = "names more than one model" if len(models) > 1 else "names no model"
            raise ImproperlyConfigured(f"The rule {key!r} {problem}; write 'app_label.Model.relation'.")
        return self._edge_of(concrete(models[0]), name, key)

    def _edge_of(self, model: type[Model], name: str, key: str) -> Edge:
        found = next((edge for edge in edges_of(model) if name in edge.names), None)
        if found is None:
            names = ", ".join(sorted(edge.name for edge in edges_of(model)))
            raise ImproperlyConfigured(
                f"The rule {key!r}: {model._meta.label} has no relation {name!r}, only: {names}."
            )
        return found

    def resolve(self, edge: Edge, step: Step | None, target: type[Model] | None = None) -> Resolved:
        """Return the rule for an edge.

        Args:
            edge: The edge.
            step: Where the rules that name paths stand at the edge's source.
            target: The model at the end, where only the row tells it.
        """
        target = target or edge.target
        following = step.after(edge) if step is not None else None
        if edge.reason or edge.kind is Kind.PARENT:
            return Resolved(edge.default, reason=edge.reason, step=following)
        if target is not None and (reason := self.out_of_reach(target)):
            return Resolved(SKIP if edge.is_down else LINK, reason=reason, step=following)
        for rule, key in self._candidates(edge, following, target):
            return Resolved(rule, key, step=following)
        if edge.target is None and target is not None:
            return Resolved(default_of_target(target), step=following)
        return Resolved(edge.default, step=following)

    def roles(self, edge: Edge, target: type[Model] | None = None) -> set[Role]:
        """Return the roles that rows at the end of an edge may have, on whatever path it is reached."""
        if (edge, target) not in self._roles:
            self._roles[edge, target] = {self.resolve(edge, None, target).role} | self._roles_by_path.get(edge, set())
        return self._roles[edge, target]

    def may_own(self, edge: Edge) -> bool:
        """Whether a rule, or the default, lets rows at the end of an edge belong to its source."""
        return Role.OWN in self.roles(edge)

    def _candidates(self, edge: Edge, following: Step | None, target: type[Model] | None) -> Iterable[tuple[Rule, str]]:
        if following is not None and following.rule is not None:
            yield following.rule, following.key
        if (edge.source, edge.name) in self.by_edge:
            yield self.by_edge[edge.source, edge.name]
        if target in self.by_model:
            rule, key = self.by_model[target]
            # To own every project does not mean to own another tenant's project because a row points at it.
            if edge.is_down or rule.role is not Role.OWN:
                yield rule, key

    def out_of_reach(self, model: type[Model]) -> str:
        """Return why the rows of a model cannot be read on this database; empty if they can."""
        if not model._meta.managed:
            return f"{model._meta.label} is unmanaged"
        return f"{model._meta.label} is in another database" if self.databases.is_elsewhere(model) else ""


def check_condition(key: str, rule: Rule, edge: Edge) -> None:
    """Refuse a condition on what rows need.

    Raises:
        ImproperlyConfigured: The rule has a condition, and the edge leads up.
    """
    if rule.condition is not None and not edge.is_down:
        raise ImproperlyConfigured(
            f"The rule {key!r} has a condition, but {edge.label} leads to what a row points at, which is taken or left"
            " as a whole."
        )


def find_model(label: str) -> type[Model] | None:
    """Return the model with a label, or ``None``."""
    try:
        found: type[Model] = apps.get_model(label)
    except (LookupError, ValueError):
        return None
    return found
