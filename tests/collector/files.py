"""Texts of files as dumps write them, and what loads them."""

from __future__ import annotations

import hashlib
import io
import json

from cluster.collector import Collector, load

RENAMED = {
    "zoo.Invoice.number": lambda value: f"{value}-copy",
    "zoo.Catalogue.code": lambda value: f"{value}-copy",
}


def dumped(client, **options):
    """Return the text and the manifest of a dump."""
    stream = io.StringIO()
    manifest = Collector(client, **options).dump(stream)
    return stream.getvalue(), manifest


def load_text(text, mode="insert", **options):
    """Load a text as a file."""
    return load(io.StringIO(text), mode, **options)


def lines(*rows):
    """Return the text of a file with some rows; a string is a line as it stands."""
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def with_checksum(manifest, text):
    """Return a manifest that tells of a text."""
    manifest.sha256 = hashlib.sha256(text.encode()).hexdigest()
    return manifest
