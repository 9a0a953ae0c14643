"""What a form's ``Meta`` says about the formsets below it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldError
from django.db.models import ForeignKey, Model
from django.forms.models import ModelFormOptions

from cluster.relations import Relation, relations_of

FormsetNames = Collection[str] | Mapping[str, Any] | None

NESTING_OPTIONS = ("formsets", "exclude_formsets", "formset_defaults")


class ClusterFormOptions(ModelFormOptions):  # type: ignore[type-arg]
    """The options of a ``ClusterForm``'s ``Meta``: those of a model form, and those of its formsets.

    Attributes:
        formsets: Names of child relations, or a dict from such names to the options of each formset.
        exclude_formsets: Names of child relations to leave out of all that there are; or a dict with these keys.
        formset_defaults: Options for every formset of this form that does not say otherwise.
    """

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.formsets: FormsetNames = getattr(options, "formsets", None)
        self.exclude_formsets: FormsetNames = getattr(options, "exclude_formsets", None)
        self.formset_defaults: Mapping[str, Any] | None = getattr(options, "formset_defaults", None)


@dataclass(frozen=True, slots=True)
class FormsetChoice:
    """One formset that a ``Meta`` asks for.

    Attributes:
        name: The key of the formset in ``form.formsets``, and the stem of its field names.
        relation: The child relation that it edits.
        options: The keyword arguments for ``childformset_factory``.
    """

    name: str
    relation: Relation
    options: dict[str, Any]


def chosen_formsets(
    model: type[Model], options: ClusterFormOptions, known_options: Iterable[str]
) -> list[FormsetChoice]:
    """Work out which formsets a form has; nothing of the caller's is changed.

    Raises:
        FieldError: A name is no child relation of the model.
        TypeError: ``formsets`` or ``exclude_formsets`` is a string, or an option has no meaning.
    """
    # Rows with a generic key have no formsets.
    children = (each for each in relations_of(model).children if isinstance(each.field, ForeignKey))
    relations = {relation.name: relation for relation in children}
    given = _named_options(model, "formsets", options.formsets, relations)
    excluded = _named_options(model, "exclude_formsets", options.exclude_formsets, relations) or {}
    if given is None:
        given = {} if options.exclude_formsets is None else {name: {} for name in relations}
    defaults = dict(options.formset_defaults or {})
    choices = [
        _choice(relations[name], {**defaults, **own}, known_options)
        for name, own in given.items()
        if name not in excluded
    ]
    _refuse_same_names(model, choices)
    return choices


def _named_options(
    model: type[Model], option: str, value: Any, relations: Mapping[str, Relation]
) -> dict[str, dict[str, Any]] | None:
    if value is None:
        return None
    if isinstance(value, str):
        raise TypeError(f"Meta.{option} of a form for {model.__name__} cannot be a string. Did you mean ({value!r},)?")
    own = value if isinstance(value, Mapping) else dict.fromkeys(value)
    named = {name: _own_options(model, f"Meta.{option}[{name!r}]", options) for name, options in own.items()}
    unknown = [name for name in named if name not in relations]
    if unknown:
        raise FieldError(
            f"Unknown formset(s) ({', '.join(map(str, unknown))}) specified in Meta.{option} for {model.__name__}. "
            f"Its child relations are: {', '.join(relations) or 'none'}."
        )
    return named


def _own_options(model: type[Model], where: str, options: Any) -> dict[str, Any]:
    if options is not None and not isinstance(options, Mapping):
        raise TypeError(
            f"{where} of a form for {model.__name__} must be a dictionary of options, and is {options!r}. "
            "Fields are one of them: {'fields': [...]}."
        )
    return dict(options or {})


def _choice(relation: Relation, options: dict[str, Any], known_options: Iterable[str]) -> FormsetChoice:
    name = options.pop("formset_name", None) or relation.name
    unknown = sorted(set(options) - set(known_options))
    if unknown:
        raise TypeError(
            f"Unknown option(s) ({', '.join(unknown)}) for the formset {name!r}. "
            f"The options are: {', '.join(sorted([*known_options, 'formset_name']))}."
        )
    return FormsetChoice(name, relation, options)


def _refuse_same_names(model: type[Model], choices: list[FormsetChoice]) -> None:
    names = [choice.name for choice in choices]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FieldError(
            f"Two formsets of a form for {model.__name__} have the name {', '.join(twice)}. "
            "Give one of the two another formset_name."
        )
