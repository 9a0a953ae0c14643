"""What differs between the supported versions of Django, and the private names of Django that are used.

``tests/unit/test_compat.py`` fails when Django changes one of them.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import django
from django.db.models import Model


def classes_of(module: ModuleType, *names: str) -> tuple[type, ...]:
    """Return the named classes that a module of this Django has.

    Remove when Django >= 6.1 is the floor, the first one that has all the names asked for.
    """
    return tuple(getattr(module, name) for name in names if hasattr(module, name))


def is_pk_set(instance: Model) -> bool:
    """Return whether an instance has its primary key, every part of it if it is composite."""
    return instance._is_pk_set()  # type: ignore[attr-defined, no-any-return]


def orders_by_groups(query: Any) -> bool:
    """Return whether a query orders by nothing but what it groups by, so that its order does not make more groups.

    Remove when Django >= 6.1 is the floor: earlier ones drop the order before they count.
    """
    return getattr(query, "orderby_issubset_groupby", True)


def save_options(instance: Model, args: tuple[Any, ...], **options: Any) -> dict[str, Any]:
    """Return the options of a ``save()`` call, positional ones included where Django still takes them.

    Raises:
        TypeError: This Django takes keywords only.
    """
    if not args:
        return options
    # Remove when Django >= 6.0 is the floor: 5.2 takes positional arguments with a deprecation warning.
    if django.VERSION < (6, 0):
        values = instance._parse_save_params(*args, method_name="save", **options)  # type: ignore[attr-defined]
        return dict(zip(options, values, strict=True))
    raise TypeError(f"{type(instance).__name__}.save() takes 1 positional argument but {len(args) + 1} were given")


# Remove when Django >= 6.1 is the floor: its deserialized objects call ``set_base(raw=True)``, and not ``set()``.
DESERIALIZER_CALLS_SET = django.VERSION < (6, 1)


def set_links_raw(manager: Any, objects: Any) -> None:
    """Write the content of a many-to-many as Django's deserialized objects do.

    Remove when Django >= 6.1 is the floor: it has ``set_base()``, which tells the signals that the change is raw.
    """
    if DESERIALIZER_CALLS_SET:
        manager.set(objects)
    else:
        manager.set_base(objects, raw=True)


# What m2m_changed tells besides. Remove when Django >= 6.1 is the floor.
M2M_CHANGED_OPTIONS: dict[str, Any] = {"raw": False} if django.VERSION >= (6, 1) else {}
