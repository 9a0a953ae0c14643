"""Copying a cluster, or the children of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, Unpack, overload

from django.db import router, transaction
from django.db.models import Model

from cluster.copying.copier import Copier
from cluster.copying.map import CopyMap
from cluster.copying.options import Choices, CopyOptions
from cluster.copying.paths import refuse_unknown_paths
from cluster.copying.pending import write_pending
from cluster.copying.source import SourceTree
from cluster.copying.unique import UniqueValues
from cluster.relations import Relation, relations_of

AnyModel = TypeVar("AnyModel", bound=Model)


@overload
def copy_cluster(
    instance: AnyModel, exclude_fields: Iterable[str] | None = ..., *, times: None = ..., **options: Unpack[CopyOptions]
) -> tuple[AnyModel, CopyMap]: ...
@overload
def copy_cluster(
    instance: AnyModel, exclude_fields: Iterable[str] | None = ..., *, times: int, **options: Unpack[CopyOptions]
) -> list[tuple[AnyModel, CopyMap]]: ...
def copy_cluster(
    instance: AnyModel,
    exclude_fields: Iterable[str] | None = None,
    *,
    times: int | None = None,
    **options: Unpack[CopyOptions],
) -> Any:
    """Copy a cluster with all its children, to any depth, and their links; nothing is written.

    Reads one query per relation and level that is live (two for a many-to-many with a through model of its own), and
    one for each model that inherits from that of the children, once for all copies. The source stays as it is,
    whatever it holds.

    The copies have new primary keys. Keys, links and generic keys between copied rows point at the copies, all others
    at what the source points at. Saving the copy is one cluster save.

    Args:
        instance: The cluster.
        exclude_fields: Fields, which get their defaults, and relations that are not copied; those further down are
            named by path, such as ``"albums.songs"``. A model that inherits from that of children is named as well,
            such as ``"acts.dance"``: its rows are copied as what they inherit from. A single name that the model does
            not have is passed over, so that many models can share a list.
        times: How many copies to make.
        **options: See ``CopyOptions``.

    Returns:
        The unsaved copy, and the map of old to new; with ``times`` a list of these pairs.

    Raises:
        UniqueCopyError: A child has a key that has to be given, or ``unique`` says so.
        FieldError: ``overrides`` or ``unique`` names a path that leads nowhere, or ``exclude_fields`` one with a dot.
        NotInMemoryError: A child is of two models at once of which none inherits from the other.
    """
    tree = SourceTree(Choices.of(exclude_fields, options))
    refuse_unknown_paths(type(instance), tree.choices)
    tree.read(instance)
    unique = UniqueValues(tree.choices)
    copies = [_copy(tree, unique) for _ in range(1 if times is None else times)]
    return copies[0] if times is None else copies


def _copy(tree: SourceTree, unique: UniqueValues) -> tuple[Any, CopyMap]:
    copier = Copier(tree, unique)
    copier.copy()
    return copier.map.copy_of(tree.rows[0][0]), copier.map


def copy_child_relation(
    instance: Model,
    child_relation: Any,
    target: Model,
    *,
    commit: bool = False,
    append: bool = False,
    **options: Unpack[CopyOptions],
) -> CopyMap:
    """Copy the children of one relation, with everything below them, to another instance.

    Args:
        instance: Whose children are copied.
        child_relation: The name of the relation, or the relation as ``get_all_child_relations()`` gives it.
        target: Who gets the copies.
        commit: Whether the relation is written at once, in one transaction.
        append: Whether the copies join the children that ``target`` has, or replace them.
        **options: See ``CopyOptions``; paths start at ``instance``.

    Returns:
        The map of old to new, for all levels.

    Raises:
        LookupError: There is no such relation.
        TypeError: The target has no such relation.
        FieldError: An option names a path that leads nowhere.
    """
    relation = _relation(instance, child_relation)
    return _copy_children(instance, [relation], target, Choices.of(None, options), commit=commit, append=append)


def copy_all_child_relations(
    instance: Model,
    target: Model,
    *,
    exclude: Iterable[str] | None = None,
    commit: bool = False,
    append: bool = False,
    **options: Unpack[CopyOptions],
) -> CopyMap:
    """Copy the children of all relations, with everything below them, to another instance.

    Args:
        instance: Whose children are copied.
        target: Who gets the copies.
        exclude: Names of relations that are not copied, and paths of fields and relations further down. A single name
            that the model does not have is passed over, so that many models can share a list.
        commit: Whether the relations are written at once, in one transaction.
        append: Whether the copies join the children that ``target`` has, or replace them.
        **options: See ``CopyOptions``; paths start at ``instance``.

    Returns:
        The map of old to new, for all levels.

    Raises:
        TypeError: The target has not all of the relations.
        FieldError: An option names a path that leads nowhere.
    """
    choices = Choices.of(exclude, options)
    relations = [each for each in relations_of(type(instance)).children if each.name not in choices.exclude]
    return _copy_children(instance, relations, target, choices, commit=commit, append=append)


def _relation(instance: Model, given: Any) -> Relation:
    relations = relations_of(type(instance)).children
    for relation in relations:
        if given in (relation.name, relation.rel, relation):
            return relation
    known = ", ".join(sorted(each.name for each in relations)) or "none"
    raise LookupError(f"{given!r} is no child relation of {type(instance).__name__}, which has {known}.")


def _copy_children(
    instance: Model, relations: list[Relation], target: Model, choices: Choices, *, commit: bool, append: bool
) -> CopyMap:
    refuse_unknown_paths(type(instance), choices)
    for relation in relations:
        _check_target(relation, target)
    tree = SourceTree(choices)
    tree.read_below(instance, [each.name for each in relations])
    copier = Copier(tree, UniqueValues(choices))
    copier.map.note(instance, target)
    copier.copy(target, append=append)
    _empty_others(tree, relations, target, append=append)
    if commit:
        _commit(target, relations)
    return copier.map


def _check_target(relation: Relation, target: Model) -> None:
    own = relations_of(type(target)).get(relation.name)
    if own is None or own.field is not relation.field:
        raise TypeError(f"Cannot copy {relation.name!r} to a {type(target).__name__}, which has no such relation.")


def _empty_others(tree: SourceTree, relations: list[Relation], target: Any, *, append: bool) -> None:
    """Declare relations empty of which the source has no children, as the target's are to be replaced."""
    filled = {each.relation.name for each in tree.children}
    for relation in relations:
        if not append and relation.name not in filled:
            getattr(target, relation.name).set([])


def _commit(target: Any, relations: list[Relation]) -> None:
    using = router.db_for_write(type(target), instance=target)
    with transaction.atomic(using=using):
        for relation in relations:
            getattr(target, relation.name).commit()
        write_pending(target, using=using)
