from __future__ import annotations

from typing import Any

from cluster.relations import Relations, relations_of
from cluster.relations.per_model import PerModel
from tests.testapp.models import Album, Band


def test_what_is_made_of_a_model_is_remembered_until_its_relations_are_described_anew():
    asked: list[Any] = []

    @PerModel
    def relations_when_asked(model: Any) -> Relations:
        """Return the relations that the model has now."""
        asked.append(model)
        return relations_of(model)

    before = relations_when_asked(Band)
    assert relations_when_asked(Band) is before
    assert relations_when_asked(Album) is relations_of(Album)
    assert asked == [Band, Album]

    Band._meta._expire_cache()

    assert relations_when_asked(Band) is not before
    assert relations_when_asked(Band) is relations_of(Band)
    assert asked == [Band, Album, Band]
    assert relations_when_asked.__doc__ == "Return the relations that the model has now."
