"""Which relations a cluster has, and what an instance holds of them in memory.

``relations_of(model)`` describes a class; ``state_of(instance)`` tells what one instance holds. Nothing here writes to
the database.
"""

from __future__ import annotations

from cluster.relations.clusterable import Clusterable
from cluster.relations.describe import ParentalField, Relation, Relations, relations_of
from cluster.relations.held import HeldList
from cluster.relations.held_links import HeldLinks
from cluster.relations.state import Baseline, ClusterState, ensure_state, state_of

__all__ = [
    "Baseline",
    "ClusterState",
    "Clusterable",
    "HeldLinks",
    "HeldList",
    "ParentalField",
    "Relation",
    "Relations",
    "ensure_state",
    "relations_of",
    "state_of",
]
