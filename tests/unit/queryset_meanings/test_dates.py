from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import pytest
from django.db.models import Q
from django.db.models import functions as fn
from django.test import override_settings
from django.utils import timezone

from cluster.errors import NotInMemoryError
from cluster.queryset.meanings.dates import in_zone, zone_named
from tests.unit.queryset_meanings.specimens import evaluated, matches

UTC = datetime.UTC
MOMENT = datetime.datetime(2024, 12, 31, 23, 30, tzinfo=UTC)
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("name", "hours"), [("+02:00", 2), ("-05:30", -5.5), ("UTC+01:00", 1), ("-10", -10), ("Europe/Berlin", 1)], ids=str
)
def test_a_zone_is_found_by_the_name_that_django_sends(name: str, hours: float) -> None:
    assert MOMENT.astimezone(zone_named(name)).utcoffset() == datetime.timedelta(hours=hours)


def test_an_offset_from_another_zone_is_refused() -> None:
    with pytest.raises(NotInMemoryError, match=r"Cannot convert to the time zone 'Europe/Berlin\+01:00' in memory"):
        zone_named("Europe/Berlin+01:00")


def test_a_moment_without_a_zone_is_taken_for_utc() -> None:
    naive = datetime.datetime(2024, 1, 1, 12)  # noqa: DTZ001

    assert in_zone(naive, BERLIN) == datetime.datetime(2024, 1, 1, 13)  # noqa: DTZ001
    assert in_zone(naive, None) == naive


@pytest.mark.parametrize(("zone", "year"), [("Europe/Berlin", 2025), ("UTC", 2024)])
def test_a_part_is_taken_in_the_current_zone(zone: str, year: int) -> None:
    with timezone.override(zone):
        assert evaluated(fn.ExtractYear("datetime"), datetime=MOMENT) == year
        assert matches(Q(datetime__year=year), datetime=MOMENT)


def test_a_cut_moment_has_the_zone_in_which_it_was_cut() -> None:
    with timezone.override(BERLIN):
        cut = evaluated(fn.TruncDay("datetime"), datetime=MOMENT)

    assert (cut, cut.tzinfo) == (datetime.datetime(2025, 1, 1, tzinfo=BERLIN), BERLIN)


@override_settings(USE_TZ=False)
def test_without_zones_moments_are_what_they_are() -> None:
    naive = datetime.datetime(2024, 12, 31, 23, 30)  # noqa: DTZ001

    assert evaluated(fn.TruncDay("datetime"), datetime=naive) == datetime.datetime(2024, 12, 31)  # noqa: DTZ001
    assert evaluated(fn.TruncDate("datetime"), datetime=naive) == datetime.date(2024, 12, 31)


ZONED: dict[str, Any] = {
    "a part of a date": fn.ExtractYear("date", tzinfo=UTC),
    "a date": fn.TruncYear("date", tzinfo=UTC),
}


@pytest.mark.parametrize("expression", ZONED.values(), ids=ZONED.keys())
def test_only_moments_have_a_zone(expression: Any) -> None:
    with pytest.raises(ValueError, match="tzinfo can only be used with DateTimeField"):
        evaluated(expression, date=MOMENT.date())


REFUSED: dict[str, Any] = {
    "a part of a duration": fn.Extract("duration", "hour"),
    "a part that Django does not know": fn.Extract("date", "century"),
    "a cut that Django does not know": fn.Trunc("date", "century"),
}


@pytest.mark.parametrize("expression", REFUSED.values(), ids=REFUSED.keys())
def test_what_databases_cut_differently_is_refused(expression: Any) -> None:
    with pytest.raises(NotInMemoryError):
        evaluated(expression, date=MOMENT.date(), duration=datetime.timedelta(hours=5))


def test_the_date_and_the_time_of_a_date_and_a_time_are_themselves() -> None:
    day, noon = datetime.date(2024, 1, 1), datetime.time(12)

    assert evaluated(fn.TruncDate("date"), date=day) == day
    assert evaluated(fn.TruncTime("time"), time=noon) == noon


def test_now_is_one_moment_for_a_whole_query() -> None:
    before = timezone.now()

    now, later = evaluated(fn.Now()), timezone.now()

    assert before <= now <= later


@pytest.mark.parametrize("year", [0, 10_000])
def test_a_year_that_does_not_exist_is_the_error_of_django(year: int) -> None:
    with pytest.raises(ValueError, match="year"):
        matches(Q(date__year=year), date=MOMENT.date())


def test_an_iso_year_is_compared() -> None:
    assert matches(Q(date__iso_year=2020), date=datetime.date(2021, 1, 3))
    assert matches(Q(date__iso_year__lt=2021.5), date=datetime.date(2021, 1, 3))
