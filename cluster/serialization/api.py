"""The functions of snapshots, for models of every kind."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Unpack

from django.db.models import Model

from cluster.serialization.encoding import decode, encode
from cluster.serialization.fields import key_data, write_deferred, write_fields
from cluster.serialization.loading import load_many, load_one, report_on
from cluster.serialization.options import (
    LoadKeywords,
    LoadOptions,
    LoadReport,
    SnapshotOptions,
    StrictKeys,
    check_keywords,
)
from cluster.serialization.outgoing import OMIT, outgoing
from cluster.serialization.plans import plan_of
from cluster.serialization.stamping import STAMP, stamp_of
from cluster.serialization.taking import take_as_classes_do


def get_field_value(field: Any, instance: Model) -> Any:
    """Return the plain data of one field of an instance, as ``serializable_data()`` has it.

    Datetimes are in UTC; what JSON's types and Django's encoder cannot hold is text. A value that only the database
    can work out is ``None``.
    """
    value = field.value_from_object(instance)
    kind = outgoing(field)
    data = value if value.__class__ in kind.passed else kind.convert(field, instance, value)
    return None if data is OMIT else data


def get_serializable_data_for_fields(instance: Model) -> dict[str, Any]:
    """Return the data of an instance's own key and fields, without its relations; works for every model."""
    plan = plan_of(type(instance))
    data: dict[str, Any] = {"pk": key_data(plan, instance)}
    unread = write_fields(plan, [(instance, data)])
    if unread:
        write_deferred(plan, unread, None)
    return data


def serializable_data_for(
    instances: Iterable[Model],
    *,
    relations: Collection[str] | None = None,
    exclude: Collection[str] = (),
    using: str | None = None,
) -> list[dict[str, Any]]:
    """Return the data of many instances with the number of queries of one.

    Args:
        instances: The roots; they may be of several models.
        relations: Dotted paths of the relations to write, such as ``albums.songs``; all by default.
        exclude: Dotted paths of fields and relations to leave out.
        using: The database that is asked for what is not held; by default the one of each instance.
    """
    return take_as_classes_do(list(instances), SnapshotOptions.of(relations, exclude, using))


def json_for(instance: Any, *, stamp: bool = False, allow_nan: bool = False, **options: Any) -> str:
    """Return what ``instance.serializable_data()`` gives as JSON text."""
    data = instance.serializable_data(**options)
    if stamp:
        data = {**data, STAMP: stamp_of(type(instance))}
    return encode(data, allow_nan=allow_nan)


def load_options(call: str, check_fks: bool, strict_fks: StrictKeys, options: LoadKeywords) -> LoadOptions:  # noqa: FBT001
    """Return the options for arguments as callers give them.

    Raises:
        TypeError: There is no such option.
    """
    check_keywords(call, options, LoadKeywords.__optional_keys__)
    given = {name: value for name, value in options.items() if name != "report" or value is not None}
    return LoadOptions(check_fks=check_fks, strict_fks=strict_fks, **given)  # type: ignore[arg-type]


def model_from_serializable_data(
    model: type[Model],
    data: Any,
    check_fks: bool = True,  # noqa: FBT001, FBT002 - positional in django-modelcluster
    strict_fks: StrictKeys = False,  # noqa: FBT002
    **options: Unpack[LoadKeywords],
) -> Any:
    """Build an instance of any model, with what it holds, from its data; see ``from_serializable_data``."""
    return load_one(model, data, load_options("model_from_serializable_data", check_fks, strict_fks, options))


def from_serializable_data_many(
    model: type[Model],
    items: Iterable[Any],
    check_fks: bool = True,  # noqa: FBT001, FBT002 - as in from_serializable_data
    strict_fks: StrictKeys = False,  # noqa: FBT002
    **options: Unpack[LoadKeywords],
) -> list[Any]:
    """Build many instances with the number of queries of one; ``None`` in the place of those that were dropped.

    Raises:
        SerializedDataError: With all problems of all items; paths begin with ``$[index]``.
    """
    return load_many(model, items, load_options("from_serializable_data_many", check_fks, strict_fks, options))


def data_from_json(text: Any, *, allow_nan: bool = False) -> Any:
    """Return the data of JSON text, or raise ``SerializedDataError``."""
    return decode(text, allow_nan=allow_nan)


def check_serialized(
    model: type[Model],
    data: Any,
    *,
    check_fks: bool = True,
    strict_fks: StrictKeys = False,
    **options: Unpack[LoadKeywords],
) -> LoadReport:
    """Say what loading data would lose, or what stops it, without building anything.

    Args:
        model: The model of the root.
        data: Plain data as ``serializable_data()`` gives it.
        check_fks: Whether to ask the database too, as loading does.
        strict_fks: What a dangling key of the root does, as for ``from_serializable_data``.
        options: The other options of ``from_serializable_data``.
    """
    return report_on(model, data, load_options("check_serialized", check_fks, strict_fks, options))
