"""Tags as part of a cluster, over django-taggit (the extra ``taggit``).

``ClusterTaggableManager`` keeps tags in memory until the cluster is saved, on parents and on nested children.
"""

from __future__ import annotations

from cluster.contrib.taggit.field import ClusterTaggableManager
from cluster.contrib.taggit.saving import store_tags
from cluster.signals import cluster_writing

__all__ = ["ClusterTaggableManager"]

cluster_writing.connect(store_tags, dispatch_uid="cluster.contrib.taggit")
