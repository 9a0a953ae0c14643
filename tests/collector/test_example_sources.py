from __future__ import annotations

import json
import runpy
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cluster.collector import Collector, load
from tests.collector.app.models import Client

pytestmark = pytest.mark.django_db

SOURCES = Path(__file__).parents[2] / "docs" / "how-to" / "sources"


def test_the_archive_on_disk_goes_out_in_again_and_away(tmp_path):
    client = Client.objects.create(name="acme")
    path = tmp_path / "letters.jsonl"
    path.write_text(
        json.dumps({"band": client.pk, "text": "hello"}) + "\n" + json.dumps({"band": 0, "text": "x"}) + "\n"
    )
    archive = runpy.run_path(str(SOURCES / "archive.py"))["Archive"](path, Client)

    Collector(client, sources=[archive]).dump(tmp_path / "acme.jsonl")
    copied = load(tmp_path / "acme.jsonl", "copy", sources=[archive])
    new = copied.keys[Client][client.pk]
    old = client.pk
    erased = Collector(client, sources=[archive]).erase()

    assert copied.sources == {"archive": {"inserted": 1}}
    assert erased.sources == {"archive": {"deleted": 1}}
    assert old != new
    assert archive.entries() == [{"band": 0, "text": "x"}, {"band": new, "text": "hello"}]


class Service(BaseHTTPRequestHandler):
    """The other service."""

    stored: dict[str, list[dict[str, str]]] = {}

    def answer(self, data):
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(self.stored.get(self.path, []))

    def do_POST(self):
        data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.stored.setdefault(self.path, []).append(data)
        self.answer({})

    def do_DELETE(self):
        self.answer({"erased": len(self.stored.pop(self.path, []))})

    def log_message(self, *args):
        pass


@pytest.fixture
def service():
    """A server on this machine, and its address."""
    Service.stored = {}
    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_service_goes_out_in_again_and_away(tmp_path, service):
    client = Client.objects.create(name="acme")
    Service.stored[f"/bands/{client.pk}/"] = [{"address": "a@example.com"}]
    newsletter = runpy.run_path(str(SOURCES / "http_api.py"))["Newsletter"](service, Client)

    Collector(client, sources=[newsletter]).dump(tmp_path / "acme.jsonl")
    copied = load(tmp_path / "acme.jsonl", "copy", sources=[newsletter])
    new = copied.keys[Client][client.pk]
    erased = Collector(client, sources=[newsletter]).erase()

    assert copied.sources == {"newsletter": {"inserted": 1}}
    assert erased.sources == {"newsletter": {"deleted": 1}}
    assert Service.stored == {f"/bands/{new}/": [{"address": "a@example.com"}]}


def test_while_the_service_does_not_answer_nothing_is_erased():
    client = Client.objects.create(name="acme")
    newsletter = runpy.run_path(str(SOURCES / "http_api.py"))["Newsletter"]("http://127.0.0.1:9", Client)

    report = Collector(client, sources=[newsletter]).erase()

    assert report.has_failed
    assert "newsletter" in report.errors
    assert Client.objects.count() == 1
