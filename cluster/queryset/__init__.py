"""Querysets answered from instances in memory."""

from __future__ import annotations

from cluster.queryset import meanings
from cluster.queryset.fake import FakeQuerySet, fake_class
from cluster.queryset.making import WholeQuerySets, held_queryset, whole_querysets
from cluster.queryset.registry import (
    register_aggregate,
    register_expression,
    register_function,
    register_lookup,
    register_transform,
    register_window_function,
)
from cluster.queryset.source import HoldsRelations, Source
from cluster.queryset.sources import ListSource

__all__ = [
    "FakeQuerySet",
    "HoldsRelations",
    "ListSource",
    "Source",
    "WholeQuerySets",
    "fake_class",
    "held_queryset",
    "meanings",
    "register_aggregate",
    "register_expression",
    "register_function",
    "register_lookup",
    "register_transform",
    "register_window_function",
    "whole_querysets",
]
