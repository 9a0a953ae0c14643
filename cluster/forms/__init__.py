"""Forms for whole clusters: a parent, its children to any depth, and their links."""

from __future__ import annotations

from cluster.forms.child_formset import BaseChildFormSet
from cluster.forms.cluster_form import (
    ClusterForm,
    ClusterFormMetaclass,
    childformset_factory,
    clusterform_factory,
    transientmodelformset_factory,
)
from cluster.forms.formsets import BaseTransientModelFormSet
from cluster.forms.options import ClusterFormOptions

__all__ = [
    "BaseChildFormSet",
    "BaseTransientModelFormSet",
    "ClusterForm",
    "ClusterFormMetaclass",
    "ClusterFormOptions",
    "childformset_factory",
    "clusterform_factory",
    "transientmodelformset_factory",
]
