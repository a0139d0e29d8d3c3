"""A run is a trace, sent to a collector over OTLP; without a collector's address nothing is sent or imported."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hubferry.project import Project
from hubspot_emulator.server import Emulator

FILE = """\
hubspot: {token: "${TOKEN}", base_url: "${URL}"}
pull: {streams: {owners: , contacts: {properties: [email]}}}
"""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Any]]]:
    spans: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            request = ExportTraceServiceRequest.FromString(body)
            spans.extend(s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", spans
        server.shutdown()
        thread.join()


def test_a_pull_is_a_span_with_one_below_it_for_each_stream(
    tmp_path: Path,
    portal_factory: Callable[..., Emulator],
    collector: tuple[str, list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, spans = collector
    portal = portal_factory(contacts=20, companies=0, deals=0)
    (tmp_path / "hubferry.yml").write_text(FILE)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)

    with Project.open(tmp_path, {"TOKEN": "pat-test", "URL": portal.base_url}) as project:
        report = project.pull()

    root = next(span for span in spans if span.name == "hubferry pull")
    below = {span.name: span for span in spans if span.parent_span_id == root.span_id}
    facts = {each.key: each.value for each in below["stream contacts"].attributes}
    assert set(below) == {"stream contacts", "stream owners"}
    assert facts["hubferry.read"].int_value == next(each.read for each in report.streams if each.name == "contacts")
    assert {each.key: each.value for each in root.attributes}["hubferry.run_id"].string_value == report.run_id
    assert root.start_time_unix_nano < root.end_time_unix_nano
    assert "pat-test" not in str(spans)
