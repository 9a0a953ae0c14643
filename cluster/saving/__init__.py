"""Save a cluster: compare what is held with what the database had, and write the differences in one transaction."""

from __future__ import annotations

from cluster.saving.cluster_save import commit_relation, plan_save, save_cluster
from cluster.saving.plan import (
    PlannedDelete,
    PlannedInsert,
    PlannedLink,
    PlannedUnlink,
    PlannedUpdate,
    SavePlan,
)
from cluster.saving.validation import clean_cluster

__all__ = [
    "PlannedDelete",
    "PlannedInsert",
    "PlannedLink",
    "PlannedUnlink",
    "PlannedUpdate",
    "SavePlan",
    "clean_cluster",
    "commit_relation",
    "plan_save",
    "save_cluster",
]
