"""Copies of clusters: new rows that point at one another as their sources do."""

from __future__ import annotations

from cluster.copying.api import copy_all_child_relations, copy_child_relation, copy_cluster
from cluster.copying.map import CopyMap
from cluster.copying.options import CopyOptions

__all__ = ["CopyMap", "CopyOptions", "copy_all_child_relations", "copy_child_relation", "copy_cluster"]
