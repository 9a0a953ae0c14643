from __future__ import annotations

import json
import math
from decimal import Decimal
from functools import partial

import pytest
from django.core.serializers.base import DeserializationError

from cluster.errors import SerializedDataError
from cluster.serialization import (
    LoadReport,
    check_serialized,
    from_serializable_data_many,
    model_from_serializable_data,
)
from tests.testapp.models import Band, Node, Tour
from tests.upgrade.app.models import Archive


def problems_of(model, data, **options):
    with pytest.raises(SerializedDataError) as caught:
        model.from_serializable_data(data, check_fks=False, **options)
    assert caught.value.path == caught.value.problems[0].path
    return [(problem.path, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1, 2", "{'name': 1}", '{"pk": NaN}', "nonsense", b"\xff\xfe\xfa", '"' + "\\u12" + '"'],
    ids=repr,
)
def test_text_that_is_no_json_is_refused(text):
    with pytest.raises(SerializedDataError, match=r"^\$: The text is not JSON that can be read: "):
        Band.from_json(text)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (Band.from_serializable_data, "Band.from_serializable_data"),
        (lambda data, **options: Band.from_json(json.dumps(data), **options), "Band.from_serializable_data"),
        (partial(model_from_serializable_data, Band), "model_from_serializable_data"),
        (partial(from_serializable_data_many, Band), "from_serializable_data_many"),
        (partial(check_serialized, Band), "check_serialized"),
    ],
)
def test_an_option_that_there_is_not_is_refused_as_python_does_it(call, name):
    with pytest.raises(TypeError) as refused:
        call({}, check_fk=False)

    assert str(refused.value) == f"{name}() got an unexpected keyword argument 'check_fk'"


@pytest.mark.parametrize("text", [None, 5, {}], ids=repr)
def test_what_is_no_text_is_refused(text):
    with pytest.raises(SerializedDataError, match=r"^\$: The text is not JSON that can be read: "):
        Band.from_json(text)


def test_json_nested_beyond_measure_is_refused():
    with pytest.raises(SerializedDataError):
        Band.from_json("[" * 100_000)


@pytest.mark.parametrize("data", [None, 5, "text", [], [{}], True], ids=repr)
def test_what_is_no_object_is_refused(data):
    assert problems_of(Band, data) == [("$", f"Band must be an object, and is {data!r}.")]
    assert problems_of(Band, {"members": [data]}) == [("$.members[0]", f"Member must be an object, and is {data!r}.")]


@pytest.mark.parametrize("items", [None, 5, "text", {}, {"a": 1}, True], ids=repr)
def test_a_relation_that_is_no_list_is_refused(items):
    for name in ("members", "genres"):
        assert problems_of(Band, {name: items}) == [(f"$.{name}", f"Band.{name} must be a list, and is {items!r}.")]


@pytest.mark.parametrize("key", ["x", {}, [1], "1.5", 1.5], ids=repr)
def test_a_key_that_its_field_cannot_read_is_refused(key):
    ((path, message),) = problems_of(Band, {"pk": key})

    assert path == "$.pk"
    assert message.startswith(f"The key of a Band cannot be read from {key!r}: ")


@pytest.mark.parametrize("key", ["x", {}, [1], None], ids=repr)
def test_a_link_that_is_no_key_is_refused(key):
    ((path, message),) = problems_of(Band, {"genres": [1, key]})

    assert path == "$.genres[1]"
    assert message.startswith(f"A key of Band.genres cannot be read from {key!r}: ")


@pytest.mark.parametrize("key", ["x", 5, [1], [1, 2, 3], {}], ids=repr)
def test_a_composite_key_that_is_no_list_of_its_parts_is_refused(key):
    assert problems_of(Tour, {"stops": [{"pk": key}]}) == [
        ("$.stops[0].pk", f"The key of a Stop must be a list of 2, and is {key!r}.")
    ]


def test_a_part_of_a_composite_key_that_its_field_cannot_read_is_refused():
    ((path, _),) = problems_of(Tour, {"stops": [{"pk": [1, "x"]}]})

    assert path == "$.stops[0].pk[1]"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("big", "x"),
        ("big", 1.5),
        ("big", []),
        ("binary", "not base64!"),
        ("binary", "ü"),
        ("binary", 5),
        ("boolean", "perhaps"),
        ("boolean", 2),
        ("char", []),
        ("char", {"a": 1}),
        ("day", "2024-02-30"),
        ("day", 20240230),
        ("day", "2024-01-01T10:00:00Z"),
        ("moment", "yesterday"),
        ("moment", 5),
        ("decimal", "1,5"),
        ("decimal", "sNaN"),
        ("decimal", True),
        ("decimal", {}),
        ("duration", "long"),
        ("duration", 5),
        ("file", []),
        ("float", "x"),
        ("float", "nan"),
        ("float", {}),
        ("address", []),
        ("address", "1:2:3"),
        ("maybe", []),
        ("maybe", {}),
        ("mood", []),
        ("path", []),
        ("path", 5),
        ("integer", "5.5"),
        ("time", "25:00"),
        ("time", 5),
        ("uid", "123"),
        ("uid", 5),
        ("place", "x"),
        ("place", 5),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_value_of_the_wrong_kind_is_refused_with_its_path(name, value):
    ((path, message),) = problems_of(Archive, {"shelves": [{}, {name: value}]})

    assert path == f"$.shelves[1].{name}"
    assert message.startswith(f"Shelf.{name} cannot be read from {value!r}: ")


def test_all_problems_are_told_at_once():
    data = {
        "pk": "x",
        "formed": "never",
        "members": [{"born": 5}, 7, {"wage": "much"}],
        "albums": [{"songs": {"title": "no list"}}, {"songs": [{"track": "one"}]}],
        "genres": "rock",
    }

    assert [path for path, _ in problems_of(Band, data)] == [
        "$.formed",
        "$.pk",
        "$.genres",
        "$.members[0].born",
        "$.members[1]",
        "$.members[2].wage",
        "$.albums[0].songs",
        "$.albums[1].songs[0].track",
    ]


def test_the_problems_of_many_have_the_path_of_each():
    with pytest.raises(SerializedDataError) as caught:
        from_serializable_data_many(Band, [{"name": "fine"}, {"formed": 5}, {"members": [5]}])

    assert [problem.path for problem in caught.value.problems] == ["$[1].formed", "$[2].members[0]"]


@pytest.mark.parametrize("items", [None, 5, "", b"", {}, {"name": "Blur"}], ids=repr)
def test_the_data_of_many_must_be_a_list(items):
    with pytest.raises(SerializedDataError) as caught:
        from_serializable_data_many(Band, items)

    assert str(caught.value) == f"$: The data of many objects must be a list, and is {items!r}."


def test_a_key_that_two_children_have_is_refused():
    data = {"members": [{"pk": 5}, {"pk": "5"}]}

    assert problems_of(Band, data) == [("$.members[1].pk", "The key 5 is that of $.members[0] already.")]


@pytest.mark.parametrize(
    ("options", "path", "message"),
    [
        ({"max_depth": 2}, "$.children[0].children[0]", "The data is nested deeper than max_depth=2 objects."),
        ({"max_objects": 3}, "$.children[0].children[0]", "The data has more than max_objects=3 objects."),
    ],
    ids=["depth", "size"],
)
def test_data_over_a_limit_is_refused(options, path, message):
    data = {"children": [{"children": [{"name": "leaf"}]}, {"name": "other"}]}

    assert problems_of(Node, data, **options) == [(path, message)]


def test_data_within_the_limits_is_loaded():
    data = {"children": [{"children": [{"name": "leaf"}]}, {"name": "other"}]}

    node = Node.from_serializable_data(data, max_depth=3, max_objects=4)

    assert node.children.count() == 2


def test_data_that_is_wrong_throughout_does_not_fill_the_memory():
    data = {"members": [5] * 5_000, "albums": [{"songs": [5] * 5_000}]}

    assert len(problems_of(Band, data)) == 5_000


@pytest.mark.parametrize("value", [math.nan, math.inf], ids=str)
def test_numbers_that_json_does_not_have_are_refused_in_plain_data_too(value):
    message = f"Archive.float is {value!r}, which only allow_nan=True lets in."

    assert problems_of(Archive, {"float": value}) == [("$.float", message)]
    assert repr(Archive.from_serializable_data({"float": value}, allow_nan=True).float) == repr(value)


@pytest.mark.parametrize("value", [math.nan, Decimal("NaN"), Decimal("-Infinity")], ids=str)
def test_numbers_that_json_does_not_have_are_found_within_json_and_among_decimals(value):
    name = f"{value!r}, which only allow_nan=True lets in."
    data = {"char": "a", "json": {"a": [0, value]}, "decimal": str(value) if isinstance(value, Decimal) else None}
    decimal = [("$.decimal", f"Archive.decimal is {name}")] if data["decimal"] else []

    assert sorted(problems_of(Archive, data)) == [*decimal, ("$.json.a[1]", f"Archive.json has {name}")]
    assert problems_of(Archive, {"json": value}) == [("$.json", f"Archive.json is {name}")]
    archive = Archive.from_serializable_data(data, allow_nan=True)
    assert repr(archive.json["a"][1]) == repr(value)
    assert repr(archive.decimal) == (repr(value) if decimal else "None")


def test_a_value_that_cannot_be_shown_is_described():
    ((path, message),) = problems_of(Band, {"formed": 10**5_000})

    assert path == "$.formed"
    assert message.startswith("Band.formed cannot be read from a int: ")


@pytest.mark.parametrize("kind", [DeserializationError, ValueError])
def test_django_and_callers_of_the_json_module_know_the_error(kind):
    with pytest.raises(kind) as caught:
        Band.from_json("{")

    assert type(caught.value) is SerializedDataError
    assert str(caught.value) == (
        "$: The text is not JSON that can be read: Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)."
    )


def test_a_report_is_not_filled_by_data_that_is_refused():
    report = LoadReport()

    with pytest.raises(SerializedDataError):
        Band.from_serializable_data({"formed": 5}, report=report)

    assert report.is_lossless


@pytest.mark.parametrize("name", ["depht", "max_dept"])
def test_an_option_that_does_not_exist_is_a_mistake_of_the_call(name):
    with pytest.raises(TypeError, match=name):
        Band.from_serializable_data({}, **{name: 3})
