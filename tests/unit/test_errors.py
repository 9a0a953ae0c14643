from __future__ import annotations

import pickle

import pytest

from cluster.errors import DiffMismatchError, ForeignChildError, Problem, SerializedDataError, UniqueCopyError

PROBLEMS = (Problem("albums[0].title", "It is wrong."), Problem("name", "So is this."))


@pytest.mark.parametrize("kind", [DiffMismatchError, ForeignChildError, SerializedDataError, UniqueCopyError])
def test_an_error_of_several_problems_is_the_same_in_another_process(kind):
    error = kind(PROBLEMS)

    found = pickle.loads(pickle.dumps(error))

    assert type(found) is kind
    assert found.problems == PROBLEMS
    assert str(found) == str(error) == "albums[0].title: It is wrong.\nname: So is this."


def test_an_error_about_data_as_a_whole_is_at_its_root():
    error = pickle.loads(pickle.dumps(SerializedDataError("It is no list.")))

    assert error.path == "$"
    assert str(error) == "$: It is no list."
