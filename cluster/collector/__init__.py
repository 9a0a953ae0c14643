"""Everything that belongs to an object: export, import, restore, erase.

Each row is *owned* or *referenced*. Edges down are followed from owned rows only, edges up from every row; so what is
shared comes along, and what belongs to somebody else is out of reach.
"""

from __future__ import annotations

from cluster.collector.collection import Collection
from cluster.collector.collector import Collector
from cluster.collector.ids import Ids
from cluster.collector.lineage import Why
from cluster.collector.loading import load
from cluster.collector.manifest import Manifest
from cluster.collector.pseudonyms import Pseudonym
from cluster.collector.report import Report
from cluster.collector.rules import ANONYMIZE, DELETE, KEEP, LINK, OWN, REF, SKIP, Erasure, Role, Rule
from cluster.collector.snapshot import snapshot
from cluster.collector.sources import Source
from cluster.collector.verifying import Verification, verify

__all__ = [
    "ANONYMIZE",
    "DELETE",
    "KEEP",
    "LINK",
    "OWN",
    "REF",
    "SKIP",
    "Collection",
    "Collector",
    "Erasure",
    "Ids",
    "Manifest",
    "Pseudonym",
    "Report",
    "Role",
    "Rule",
    "Source",
    "Verification",
    "Why",
    "load",
    "snapshot",
    "verify",
]
