"""The fields that make a cluster: ``ParentalKey`` and ``ParentalManyToManyField``."""

from __future__ import annotations

from cluster.fields.parental_key import ParentalKey
from cluster.fields.parental_many_to_many import ParentalManyToManyField

__all__ = ["ParentalKey", "ParentalManyToManyField"]
