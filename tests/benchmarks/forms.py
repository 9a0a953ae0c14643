"""Validating, saving and showing a form with many rows, beside Django's own inline formsets."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Any

from django.db import transaction
from django.forms import inlineformset_factory, modelform_factory

from tests.benchmarks.measuring import Case, Job
from tests.benchmarks.schema.models import SUBJECT, Album, Band, Label

FIELDS = ["title", "label", "position", "released"]
LABELS = 10


@cache
def form_class() -> Any:
    if SUBJECT == "cluster":
        from cluster.forms import clusterform_factory
    else:
        from modelcluster.forms import clusterform_factory
    return clusterform_factory(Band, fields=["name"], formsets={"albums": {"fields": FIELDS, "extra": 0}})


def saved_band(n: int) -> Any:
    """A saved band with ``n`` albums, none of them held."""
    labels = Label.objects.bulk_create(Label(name=f"label {i}") for i in range(LABELS))
    band, start = Band.objects.create(name="band"), date(1960, 1, 1)
    Album.objects.bulk_create(
        Album(
            band_id=band.pk,
            title=f"album {i}",
            label=labels[i % LABELS],
            position=i,
            released=start + timedelta(days=i),
        )
        for i in range(n)
    )
    return Band.objects.get(pk=band.pk)


def submission(band: Any, *, as_new: bool = False) -> dict[str, str]:
    """What a browser would send for the band's albums as they are."""
    rows = list(Album.objects.filter(band_id=band.pk).order_by("pk"))
    data = {"name": "band", "albums-TOTAL_FORMS": str(len(rows))}
    data["albums-INITIAL_FORMS"] = "0" if as_new else str(len(rows))
    for index, row in enumerate(rows):
        data[f"albums-{index}-id"] = "" if as_new else str(row.pk)
        data |= {f"albums-{index}-title": row.title, f"albums-{index}-label": str(row.label_id)}
        data |= {f"albums-{index}-position": str(row.position), f"albums-{index}-released": row.released.isoformat()}
    return data


def new_rows(n: int) -> Any:
    return submission(saved_band(n), as_new=True), Band.objects.create(name="other")


def existing_rows(n: int) -> Any:
    band = saved_band(n)
    return submission(band), band


def one_changed(n: int) -> Any:
    data, band = existing_rows(n)
    data["albums-1-title"] = "changed"
    form = form_class()(data, instance=band)
    assert form.is_valid()
    return form


def validate(subject: Any) -> None:
    data, band = subject
    assert form_class()(data, instance=band).is_valid()


def save(form: Any) -> None:
    form.save()


def show(band: Any) -> str:
    # The one way in which the peer shows its formsets.
    return form_class()(instance=band).as_p()  # type: ignore[no-any-return]


# By hand: Django's form and inline formset ---------------------------------------------------------------------------


@cache
def django_classes() -> tuple[Any, Any]:
    return modelform_factory(Band, fields=["name"]), inlineformset_factory(Band, Album, fields=FIELDS, extra=0)


def django_forms(data: Any, band: Any) -> tuple[Any, Any]:
    form, formset = django_classes()
    return form(data, instance=band), formset(data, instance=band, prefix="albums")


def validate_by_hand(subject: Any) -> None:
    form, formset = django_forms(*subject)
    assert form.is_valid()
    assert formset.is_valid()


def one_changed_by_hand(n: int) -> Any:
    data, band = existing_rows(n)
    data["albums-1-title"] = "changed"
    form, formset = django_forms(data, band)
    assert form.is_valid()
    assert formset.is_valid()
    return form, formset


def save_by_hand(subject: Any) -> None:
    form, formset = subject
    with transaction.atomic():
        form.save()
        formset.save()


def show_by_hand(band: Any) -> str:
    form, formset = django_forms(None, band)
    return f"{form.as_p()}{formset.as_p()}"


CASES = (
    Case("is_valid, new rows", Job(new_rows, validate), Job(new_rows, validate_by_hand), goal=0.5),
    Case("is_valid, existing rows", Job(existing_rows, validate), Job(existing_rows, validate_by_hand), goal=0.4),
    Case("save, one row changed", Job(one_changed, save), Job(one_changed_by_hand, save_by_hand), goal=0.05),
    Case("render", Job(saved_band, show), Job(saved_band, show_by_hand), goal=0.7),
)
