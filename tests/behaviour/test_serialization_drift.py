from __future__ import annotations

import json

import pytest

from cluster.errors import SerializedDataError
from cluster.serialization import (
    LoadReport,
    check_serialized,
    from_serializable_data_many,
)
from tests.support import seconds_of
from tests.testapp.models import (
    Band,
    Member,
)
from tests.upgrade.app.models import (
    Letter,
    Nest,
)
from tests.upgrade.findings import entries_of, problems_of


def test_unknown_keys_are_reported_and_refused_by_choice():
    data = {"name": "Blur", "hair": "long", "members": [{"name": "Damon", "shoe size": 43}], "_cluster": {"format": 1}}
    report = LoadReport()

    band = Band.from_serializable_data(data, report=report)
    with pytest.raises(SerializedDataError) as caught:
        Band.from_serializable_data(data, strict=True)

    assert band.name == "Blur"
    expected = [("$.hair", "Band has no 'hair'."), ("$.members[0]['shoe size']", "Member has no 'shoe size'.")]
    assert [(entry.path, entry.message) for entry in report.unknown] == expected
    assert problems_of(caught) == expected


def test_models_upgrade_their_own_data_parents_first():
    data = {"heading": "Dear Sir", "body": "or Madam/will you read my book"}

    letter = Letter.from_serializable_data(data, strict=True)

    assert letter.subject == "Dear Sir"
    assert [each.text for each in letter.paragraphs.all()] == ["or Madam", "will you read my book"]
    assert data == {"heading": "Dear Sir", "body": "or Madam/will you read my book"}


def test_data_is_upgraded_to_any_depth_in_linear_time():
    def load(depth):
        data = {"label": "egg"}
        for level in range(depth):
            data = {"label": str(level), "inner": [data]}
        before = data["inner"][0]["label"]

        nest = Nest.from_serializable_data(data, check_fks=False)

        assert (data["inner"][0]["label"], nest.inner.get().name) == (before, before)

    small = min(seconds_of(lambda: load(50)) for _ in range(5))
    large = min(seconds_of(lambda: load(800)) for _ in range(3))

    # A quadratic one would take 256 times as long.
    assert large < 16 * small * 4


def test_an_upgrade_that_fails_is_a_problem_of_the_data():
    with pytest.raises(SerializedDataError) as caught:
        from_serializable_data_many(Letter, [{"body": "fine"}, {"body": 5}])

    ((path, message),) = problems_of(caught)
    assert path == "$[1]"
    assert message.startswith("Letter.upgrade_serializable_data() cannot read the data: ")


def test_values_that_no_longer_convert_are_left_out_by_choice():
    data = {"name": "Blur", "formed": "long ago", "members": [{"name": "Damon", "wage": "a lot", "born": [1968]}]}
    report = LoadReport()

    with pytest.raises(SerializedDataError) as caught:
        Band.from_serializable_data(data)
    band = Band.from_serializable_data(data, skip_unconvertible=True, report=report)

    paths = ["$.formed", "$.members[0].born", "$.members[0].wage"]
    assert [path for path, _ in problems_of(caught)] == paths
    assert problems_of(caught)[0][1] == (
        "Band.formed cannot be read from 'long ago': “long ago” value has an invalid date format. "
        "It must be in YYYY-MM-DD format."
    )
    assert [entry.path for entry in report.unconverted] == paths
    assert (band.formed, band.members.get().wage) == (None, None)


@pytest.mark.django_db
def test_what_loading_would_do_is_told_without_building():
    data = {"name": "Blur", "label": 99, "formed": "?", "hair": 1, "albums": [{"label": 99}]}

    problems = check_serialized(Band, data)
    losses = check_serialized(Band, {**data, "formed": None})
    fine = check_serialized(Band, {"name": "Blur"})

    assert entries_of(problems, "problems", "unknown") == {"problems": ["$.formed"], "unknown": ["$.hair"]}
    assert entries_of(losses, "dropped", "nulled", "unknown") == {
        "dropped": ["$.albums[0]"],
        "nulled": ["$.label"],
        "unknown": ["$.hair"],
    }
    assert not losses.is_lossless
    assert fine.is_lossless
    assert str(fine) == "nothing was lost"


@pytest.mark.django_db
def test_rows_of_others_are_told_too():
    theirs = Band.objects.create(name="theirs")
    member = Member.objects.create(band=theirs, name="Keith")

    report = check_serialized(Band, {"name": "mine", "members": [{"pk": member.pk}]})

    assert entries_of(report, "problems") == {"problems": ["$.members[0].pk"]}


def test_a_stamp_tells_format_and_migration_and_is_ignored():
    band = Band(name="Blur")

    data = json.loads(band.to_json(stamp=True))

    assert data.pop("_cluster") == {"format": 1, "migration": None}
    assert data == json.loads(band.to_json())
    assert Band.from_json(band.to_json(stamp=True), strict=True).name == "Blur"
