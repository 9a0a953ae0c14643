"""Select elements whose options are the same in every row, rendered once for each value."""

from __future__ import annotations

from typing import Any

from django.forms import Select, SelectMultiple
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

# Stands for a row's own name while the element of another row is made; no name has it, as names come from prefixes.
PLACE = "clusterrowname"


class SharedOptions:
    """Renders as the widget it is mixed into does, keeping what was rendered for other rows.

    Attributes:
        rendered: The elements by everything that they depend on but the row's name; shared by the copies of a widget.
    """

    rendered: dict[Any, str]
    attrs: dict[str, Any]
    choices: Any
    format_value: Any

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Render the element, or take that of a row with the same value and put the name in."""
        labels = self._labels()
        if labels is None:
            return super().render(name, value, attrs, renderer)  # type: ignore[misc,no-any-return]
        given = {key: _put(each, name, PLACE) for key, each in (attrs or {}).items()}
        own = self.attrs.items()
        key = (labels, tuple(self.format_value(value)), *map(str, given.items()), *map(str, own), id(renderer))
        if key not in self.rendered:
            self.rendered[key] = super().render(PLACE, value, given, renderer)  # type: ignore[misc]
        return mark_safe(self.rendered[key].replace(PLACE, escape(name)))  # noqa: S308 - the template's own output

    def _labels(self) -> Any:
        """Return what the options depend on besides the shared choices; ``None`` where a form replaced the choices."""
        field = getattr(self.choices, "field", None)
        if field is None or getattr(self.choices.queryset, "_shared", None) is None:
            return None
        return (str(field.empty_label), id(field.__dict__.get("label_from_instance")))


class SharedSelect(SharedOptions, Select):
    """A ``Select`` that shares its options."""


class SharedSelectMultiple(SharedOptions, SelectMultiple):
    """A ``SelectMultiple`` that shares its options."""


SHARED: dict[type[Any], type[Any]] = {Select: SharedSelect, SelectMultiple: SharedSelectMultiple}


def _put(value: Any, old: str, new: str) -> Any:
    return value.replace(old, new) if isinstance(value, str) else value


def share_options(widget: Any) -> None:
    """Make a widget share its rendered options with its copies, if it is exactly one of Django's two selects."""
    shared = SHARED.get(type(widget))
    if shared is not None:
        widget.__class__ = shared
        widget.rendered = {}
