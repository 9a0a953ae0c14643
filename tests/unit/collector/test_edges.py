from __future__ import annotations

from django.apps import apps

from cluster.collector.edges import edges_of
from tests.collector.app.models import Client


def test_edges_are_described_once_until_a_model_is_added():
    first = edges_of(Client)
    again = edges_of(Client)
    # What Django does when a model is added.
    apps.clear_cache()
    anew = edges_of(Client)

    assert again is first
    assert anew is not first
    assert [edge.label for edge in anew] == [edge.label for edge in first]
