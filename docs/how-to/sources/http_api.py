"""A source for another service that keeps something per band and has an HTTP API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.request import Request, urlopen

from cluster.collector import Collection, Report, Source


class Newsletter(Source):
    """Subscriptions, under ``/bands/<key>/``: ``GET`` a list, ``POST`` one, ``DELETE`` all.

    Erased before the database: while the service does not answer, nothing is erased, and it can be tried again.
    """

    name = "newsletter"
    when = "before"

    def __init__(self, url: str, model: Any) -> None:
        self.url = url
        self.model = model

    def ask(self, method: str, key: Any, data: Mapping[str, Any] | None = None) -> Any:
        body = json.dumps(data).encode() if data is not None else None
        request = Request(f"{self.url}/bands/{key}/", data=body, method=method)  # noqa: S310 - an address of our own
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def collect(self, collection: Collection) -> Iterable[Mapping[str, Any]]:
        for key in sorted(collection.keys(self.model)):
            for subscription in self.ask("GET", key):
                yield {"band": key, **subscription}

    def load(self, entries: Iterable[Mapping[str, Any]], report: Report) -> int:
        number = 0
        for entry in entries:
            key = report.keys[self.model][entry["band"]]
            self.ask("POST", key, {"address": entry["address"]})
            number += 1
        return number

    def erase(self, collection: Collection) -> int:
        return sum(self.ask("DELETE", key)["erased"] for key in sorted(collection.keys(self.model)))
