"""``ClusterForm``, its metaclass and the factories; each makes the others' classes, down to any depth."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, Self

from django.db.models import Model
from django.forms.models import (
    ALL_FIELDS,
    ModelForm,
    ModelFormMetaclass,
    _get_foreign_key,
    modelform_factory,
    modelformset_factory,
)

from cluster.forms.base_form import BaseClusterForm
from cluster.forms.child_formset import BaseChildFormSet
from cluster.forms.documents import read_document
from cluster.forms.formsets import BaseTransientModelFormSet
from cluster.forms.options import NESTING_OPTIONS, ClusterFormOptions, FormsetNames, chosen_formsets
from cluster.relations import ParentalField


class ClusterFormMetaclass(ModelFormMetaclass):
    """Makes the formset classes that a form's ``Meta`` asks for.

    Attributes:
        extra_form_count: How many rows for new children a formset has that does not say so itself.
        options_class: The class of the form's ``_meta``. A metaclass that mixes in others gives one that mixes too.
    """

    extra_form_count = 3
    options_class: type[Any] = ClusterFormOptions

    @classmethod
    def child_form(cls) -> type[Any]:
        """Return the class of the rows of a formset that does not name another."""
        return ClusterForm

    def __new__(mcs, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> Any:
        form_class: Any = super().__new__(mcs, name, bases, attrs)
        options_class: Any = mcs.options_class
        if not issubclass(options_class, ClusterFormOptions):
            options_class = ClusterFormOptions
        options = options_class(getattr(form_class, "Meta", None))
        options.fields = form_class._meta.fields
        form_class._meta = options
        form_class.formsets = {} if options.model is None else _make_formsets(form_class, options)
        return form_class


def _make_formsets(form_class: Any, options: Any) -> dict[str, Any]:
    formsets, metaclass = {}, type(form_class)
    for choice in chosen_formsets(options.model, options, FORMSET_OPTIONS):
        defaults = {
            "extra": metaclass.extra_form_count,
            "form": metaclass.child_form(),
            "fk_name": choice.relation.field.name,
            "formfield_callback": getattr(form_class, "formfield_callback", None),
        }
        widgets = (options.widgets or {}).get(choice.name)
        if isinstance(widgets, Mapping):
            defaults["widgets"] = widgets
        arguments = {**defaults, **choice.options}
        formsets[choice.name] = childformset_factory(options.model, choice.relation.related_model, **arguments)
    return formsets


class ClusterForm(BaseClusterForm, ModelForm, metaclass=ClusterFormMetaclass):  # type: ignore[type-arg]
    """A model form for a parent with formsets for its children, to any depth.

    ``Meta`` says besides what a ``ModelForm`` says which child relations are edited::

        class Meta:
            model = Band
            fields = ["name"]
            formsets = {"albums": {"fields": ["title"], "formsets": ["songs"]}, "members": {"fields": ["name"]}}

    Args:
        data: The submitted data, of all levels.
        files: The submitted files, of all levels.
        instance: The parent; a new one by default.
        prefix: The prefix of all names.
        **kwargs: What ``ModelForm`` takes. ``initial`` has initial values of formsets under their names;
            ``auto_id``, ``error_class``, ``label_suffix``, ``renderer`` and ``use_required_attribute`` hold for all
            levels.
    """

    def __init__(
        self, data: Any = None, files: Any = None, instance: Any = None, prefix: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(data, files, instance=instance, prefix=prefix, **kwargs)

    @classmethod
    def from_json(
        cls, document: Any, files: Any = None, instance: Any = None, prefix: Any = None, **kwargs: Any
    ) -> Self:
        """Return the form bound to one JSON document in the place of a submission.

        The document is an object with the values of the fields, and under the name of every formset a list of such
        objects, with the child's key for one that exists, and ``"DELETE": true`` for one to be deleted. A formset that
        is not named stays as it is. There is no limit but the formsets' own on the number of rows, as there is on that
        of submitted fields (``DATA_UPLOAD_MAX_NUMBER_FIELDS``). A document that cannot be read is an error of the form.

        Args:
            document: JSON text, or what it would be parsed to.
            files: As for the form; under the names that a submission has.
            instance: As for the form.
            prefix: As for the form.
            **kwargs: As for the form.
        """
        data = read_document(document, cls, prefix if prefix is not None else cls.prefix)
        return cls(data, files, instance=instance, prefix=prefix, **kwargs)


def clusterform_factory(model: type[Model], form: type[Any] = ClusterForm, **kwargs: Any) -> Any:
    """Return a ``ClusterForm`` class for a model.

    Args:
        model: The parent's model.
        form: The class to derive from.
        **kwargs: What Django's ``modelform_factory`` takes, and ``formsets``, ``exclude_formsets`` and
            ``formset_defaults`` as in ``Meta``. A ``formfield_callback`` holds for all levels.
    """
    nested = {name: kwargs.pop(name) for name in NESTING_OPTIONS if name in kwargs}
    return modelform_factory(model, form=_with_meta(form, nested, kwargs.get("formfield_callback")), **kwargs)


def transientmodelformset_factory(
    model: type[Model], formset: type[Any] = BaseTransientModelFormSet, **kwargs: Any
) -> type[Any]:
    """Return a formset class for objects that may be in memory only; takes what ``modelformset_factory`` takes."""
    form = _row_class(kwargs.pop("form", ModelForm))
    return modelformset_factory(model, form=form, formset=formset, **kwargs)


def childformset_factory(  # noqa: D417, PLR0913, PLR0917 - the arguments of Django's inlineformset_factory and of django-modelcluster's
    parent_model: type[Model],
    model: type[Model],
    form: type[Any] = ModelForm,
    formset: type[Any] = BaseChildFormSet,
    fk_name: str | None = None,
    fields: Any = None,
    exclude: Any = None,
    extra: int = 3,
    can_order: bool = False,  # noqa: FBT001, FBT002
    can_delete: bool = True,  # noqa: FBT001, FBT002
    max_num: int | None = None,
    validate_max: bool = False,  # noqa: FBT001, FBT002
    formfield_callback: Callable[..., Any] | None = None,
    widgets: Any = None,
    min_num: int | None = None,
    validate_min: bool = False,  # noqa: FBT001, FBT002
    inherit_kwargs: Collection[str] | None = None,
    formsets: FormsetNames = None,
    exclude_formsets: FormsetNames = None,
    *,
    formset_defaults: Mapping[str, Any] | None = None,
    localized_fields: Any = None,
    labels: Any = None,
    help_texts: Any = None,
    error_messages: Any = None,
    field_classes: Any = None,
    absolute_max: int | None = None,
    can_delete_extra: bool = True,
    renderer: Any = None,
    edit_only: bool = False,
) -> type[Any]:
    """Return a formset class for the children of a parent.

    Takes what Django's ``inlineformset_factory`` takes, with the same meaning and defaults. The rows have no field for
    the parent key, and a child model's ``sort_order_field`` turns ordering on.

    Args:
        inherit_kwargs: Names of attributes of the parent's form that every row gets as keyword arguments.
        formsets: The formsets of each row, as in a form's ``Meta``.
        exclude_formsets: As in a form's ``Meta``.
        formset_defaults: As in a form's ``Meta``.

    Raises:
        ValueError: There is no ``ParentalKey`` from the model to the parent, or several and no ``fk_name``.
    """
    fk = _parental_key(parent_model, model, fk_name)
    nesting = {"formsets": formsets, "exclude_formsets": exclude_formsets, "formset_defaults": formset_defaults}
    given = {name: value for name, value in nesting.items() if value is not None}
    form_class = _with_meta(form, given, formfield_callback)
    sort_field = getattr(model, "sort_order_field", None)
    made: Any = modelformset_factory(
        model,
        form=form_class,
        formset=formset,
        fields=fields,
        exclude=_excluded(form, fields, exclude, [fk.name], sort_field),
        extra=extra,
        can_order=can_order or sort_field is not None,
        can_delete=can_delete,
        max_num=1 if fk.unique else max_num,
        validate_max=validate_max,
        formfield_callback=formfield_callback,
        widgets=widgets,
        min_num=min_num,
        validate_min=validate_min,
        localized_fields=localized_fields,
        labels=labels,
        help_texts=help_texts,
        error_messages=error_messages,
        field_classes=field_classes,
        absolute_max=absolute_max,
        can_delete_extra=can_delete_extra,
        renderer=renderer,
        edit_only=edit_only,
    )
    made.fk = fk
    if inherit_kwargs is not None:
        made.inherit_kwargs = tuple(inherit_kwargs)
    return made  # type: ignore[no-any-return]


FORMSET_OPTIONS = tuple(inspect.signature(childformset_factory).parameters)[2:]


def _parental_key(parent_model: type[Model], model: type[Model], fk_name: str | None) -> Any:
    if fk_name is None:
        keys = [field for field in model._meta.fields if _is_parental_key(field, parent_model)]
        fk_name = keys[0].name if len(keys) == 1 else None
    fk: Any = _get_foreign_key(parent_model, model, fk_name=fk_name)
    if not _is_parental(fk):
        # Django's own factory says so for a key that leads elsewhere.
        message = f"{model._meta.label}.{fk.name} is no ParentalKey. Use Django's inlineformset_factory for it."
        raise ValueError(message)
    return fk


def _is_parental(field: Any) -> bool:
    return isinstance(field, ParentalField)


def _is_parental_key(field: Any, parent_model: type[Model]) -> bool:
    return _is_parental(field) and issubclass(parent_model, field.remote_field.model._meta.concrete_model)


def _excluded(form: Any, fields: Any, exclude: Any, keys: list[str], sort_field: str | None) -> list[str]:
    """Return the fields that rows do not have: what the caller leaves out, the parent key, the field of the order."""
    meta = getattr(form, "Meta", None)
    if exclude is None:
        exclude = getattr(meta, "exclude", None) or ()
    named = fields if fields is not None else getattr(meta, "fields", None)
    if sort_field is not None and named in (None, ALL_FIELDS):
        keys = [*keys, sort_field]
    return [*exclude, *keys]


def _with_meta(form: Any, options: dict[str, Any], formfield_callback: Any) -> Any:
    """Return a form class whose ``Meta`` has more options, and that can have formsets if these ask for any.

    The callback is for the formsets: the form's own is another option of its ``Meta``.
    """
    if not options and (formfield_callback is None or not issubclass(form, ClusterForm)):
        return _row_class(form)
    meta = type("Meta", (form.Meta,) if hasattr(form, "Meta") else (), options)
    bases = (form,) if issubclass(form, BaseClusterForm) else (form, BaseClusterForm)
    attributes = {"Meta": meta, "__module__": form.__module__}
    if formfield_callback is not None:
        attributes["formfield_callback"] = staticmethod(formfield_callback)
    return _metaclass_over(form)(form.__name__, bases, attributes)


def _row_class(form: Any) -> Any:
    """Return a form class that can be a row: itself, or with Django's base of model forms replaced by ours."""
    if issubclass(form, BaseClusterForm):
        return form
    return type(form)(form.__name__, (form, BaseClusterForm), {"__module__": form.__module__})


def _metaclass_over(form: Any) -> Any:
    metaclass = type(form)
    if issubclass(metaclass, ClusterFormMetaclass):
        return metaclass
    if issubclass(ClusterFormMetaclass, metaclass):
        return ClusterFormMetaclass
    return type(f"Cluster{metaclass.__name__}", (ClusterFormMetaclass, metaclass), {})
