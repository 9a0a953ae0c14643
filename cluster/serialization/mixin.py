"""The methods by which a model takes and loads snapshots."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Self, Unpack

from cluster._compat import DESERIALIZER_CALLS_SET
from cluster.relations import Clusterable
from cluster.relations.raw_saves import forget_raw_save, note_raw_save
from cluster.serialization.api import data_from_json, json_for, load_options
from cluster.serialization.loading import load_one
from cluster.serialization.options import LoadKeywords, SnapshotOptions, StrictKeys
from cluster.serialization.plans import SERIALIZES_AS_CLUSTER
from cluster.serialization.taking import take


class Serializable(Clusterable):
    """Snapshots of an instance with everything that it owns."""

    class Meta:
        abstract = True

    def serializable_data(
        self, *, relations: Collection[str] | None = None, exclude: Collection[str] = (), using: str | None = None
    ) -> dict[str, Any]:
        """Return the instance, its children to any depth and the keys of its links as plain data.

        No query for what is held; one per relation and level for the rest. Nothing of the instance changes.

        Args:
            relations: Dotted paths of the relations to write, such as ``albums.songs``; all by default.
            exclude: Dotted paths of fields and relations to leave out.
            using: The database that is asked for what is not held; by default the instance's own.

        Raises:
            SerializedDataError: A link to an unsaved object, or an expression as a value.
            FieldError: A path names nothing.
            ClusterCycleError: An instance is below itself.
        """
        return take([self], SnapshotOptions.of(relations, exclude, using))[0]

    def to_json(
        self,
        *,
        stamp: bool = False,
        allow_nan: bool = False,
        relations: Collection[str] | None = None,
        exclude: Collection[str] = (),
    ) -> str:
        """Return ``serializable_data()`` as JSON text.

        Args:
            stamp: Whether to add the version of the format and the app's latest migration, under ``_cluster``.
            allow_nan: Whether to write infinities and NaN, which JSON has no form for, as Python does.
            relations: As for ``serializable_data()``.
            exclude: As for ``serializable_data()``.
        """
        # Only what was given: a class's own serializable_data() may take no arguments, as in django-modelcluster.
        given = {"relations": relations, "exclude": exclude}
        options = {name: value for name, value in given.items() if value is not None and value != ()}
        return json_for(self, stamp=stamp, allow_nan=allow_nan, **options)

    @classmethod
    def from_serializable_data(
        cls,
        data: Any,
        check_fks: bool = True,  # noqa: FBT001, FBT002 - positional in django-modelcluster
        strict_fks: StrictKeys = False,  # noqa: FBT002
        **options: Unpack[LoadKeywords],
    ) -> Self | None:
        """Build an instance with its children and links from plain data; nothing is written.

        What the data has is held, as the whole content of its relations. Fields and relations that it does not have
        keep their live values on save.

        Args:
            data: What ``serializable_data()`` gave.
            check_fks: Whether to ask the database if what the data points at is there: one query per model that is
                pointed at, one per child model with keys. Without it no query is made.
            strict_fks: What a dangling CASCADE, PROTECT or RESTRICT key of the instance itself does: ``False`` makes it
                null, ``True`` gives ``None`` instead of an instance, ``"error"`` raises.
            options: ``using`` (the database), ``strict`` (unknown keys are problems), ``adopt`` (children of other
                parents are moved here), ``skip_unconvertible`` (values that no longer convert are left out),
                ``allow_nan``, ``max_depth``, ``max_objects``, and ``report``, a ``LoadReport`` to fill.

        Raises:
            SerializedDataError: The data is wrong; has all problems with their paths. Nothing was built.
            ForeignChildError: A child's key is that of another parent's row.
            TypeError: There is no such option.
        """
        call = f"{cls.__name__}.from_serializable_data"
        built: Self | None = load_one(cls, data, load_options(call, check_fks, strict_fks, options))
        return built

    @classmethod
    def from_json(
        cls,
        json_data: str | bytes,
        check_fks: bool = True,  # noqa: FBT001, FBT002 - positional in django-modelcluster
        strict_fks: StrictKeys = False,  # noqa: FBT002
        **options: Unpack[LoadKeywords],
    ) -> Self | None:
        """Build an instance from the text that ``to_json()`` gave; see ``from_serializable_data()``.

        Raises:
            SerializedDataError: The text is no JSON, or its data is wrong.
        """
        data = data_from_json(json_data, allow_nan=options.get("allow_nan", False))
        return cls.from_serializable_data(data, check_fks=check_fks, strict_fks=strict_fks, **options)

    @classmethod
    def upgrade_serializable_data(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Return data of an older form of the model in its present form; a model that changed overrides this.

        Called before an instance is built, for parents before their children, with a copy of the object's own data.
        """
        return data

    def _save_table(self, raw: bool = False, *args: Any, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002 - as in Django
        updated = super()._save_table(raw, *args, **kwargs)  # type: ignore[misc]
        # Django's serializers save without save(), and set the links next.
        (note_raw_save if raw and DESERIALIZER_CALLS_SET else forget_raw_save)(self)
        return updated


for _method in (
    Serializable.serializable_data,
    Serializable.from_serializable_data,
    Serializable.upgrade_serializable_data,
):
    setattr(getattr(_method, "__func__", _method), SERIALIZES_AS_CLUSTER, True)
