"""Digests of text as hexadecimal text."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db.models import functions as db

from cluster.queryset.registry import compiles_function


class Digest:
    """One hash algorithm over UTF-8."""

    __slots__ = ("algorithm",)

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm

    def __call__(self, value: Any) -> str:
        return hashlib.new(self.algorithm, str(value).encode(), usedforsecurity=False).hexdigest()


compiles_function(db.MD5)(Digest("md5"))
compiles_function(db.SHA1)(Digest("sha1"))
compiles_function(db.SHA224)(Digest("sha224"))
compiles_function(db.SHA256)(Digest("sha256"))
compiles_function(db.SHA384)(Digest("sha384"))
compiles_function(db.SHA512)(Digest("sha512"))
