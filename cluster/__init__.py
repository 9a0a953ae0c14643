"""Clusters: a parent object with its children and links, at any depth, as one unit in memory and in the database."""

from __future__ import annotations

__version__ = "1.0.0.dev0"
