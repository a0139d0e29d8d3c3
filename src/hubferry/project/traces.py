"""Runs as OpenTelemetry traces: a span a run, below it one a stream; sent where the usual variables say so.

Made from what the run recorded, after it ended. A trace that cannot be delivered does not fail the run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hubferry.errors import ConfigError
from hubferry.state.store import Run, StateReader, StreamRun

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_BAD = ("failed", "died", "blocked", "interrupted", "paused")


@contextmanager
def traced(state: StateReader) -> Iterator[None]:
    """Send a trace of the run that the block makes, where one of ENDPOINTS is set; raise ConfigError where the extra is missing."""
    if not any(os.environ.get(name) for name in ENDPOINTS):
        yield
        return
    _check_installed()
    before = {run.run_id for run in state.runs(1)}
    try:
        yield
    finally:
        newest = next(iter(state.runs(1)), None)
        if newest is not None and newest.run_id not in before:
            _send(newest, state.stream_runs(newest.run_id))


def _check_installed() -> None:
    try:
        import opentelemetry.exporter.otlp.proto.http  # noqa: PLC0415  an extra
        import opentelemetry.sdk.trace  # noqa: F401, PLC0415  an extra
    except ImportError:
        raise ConfigError(
            f"{' or '.join(ENDPOINTS)} is set, and traces need an extra: pip install 'hubferry[otel]', or unset it."
        ) from None


def _send(run: Run, streams: list[StreamRun]) -> None:
    from opentelemetry import trace  # noqa: PLC0415  an extra
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": "hubferry"}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer("hubferry")
    root = _start(tracer, f"hubferry {run.kind}", run.started_at, {"run_id": run.run_id, "portal_id": run.portal_id})
    _end(root, run.state, run.error, run.finished_at, run.counts)
    for each in streams:
        if each.started_at is not None:
            context = trace.set_span_in_context(root)
            facts = {"stream": each.stream, "reader": each.reader or "none"}
            span = _start(tracer, f"stream {each.stream}", each.started_at, facts, context)
            names = ("read", "inserted", "updated", "unchanged", "deleted", "unparsed", "calls")
            _end(span, each.state, each.error, each.finished_at, {name: getattr(each, name) for name in names})
    provider.shutdown()


def _start(tracer: Tracer, name: str, at: datetime, facts: Mapping[str, Any], context: Any = None) -> Span:
    attributes = {f"hubferry.{key}": value for key, value in facts.items()}
    return tracer.start_span(name, context=context, attributes=attributes, start_time=_nanoseconds(at))


def _end(span: Span, state: str, error: str | None, at: datetime | None, counts: Mapping[str, int]) -> None:
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415  an extra

    span.set_attribute("hubferry.state", state)
    for name, count in counts.items():
        span.set_attribute(f"hubferry.{name}", count)
    span.set_status(Status(StatusCode.ERROR, error) if state in _BAD else Status(StatusCode.OK))
    span.end(end_time=None if at is None else _nanoseconds(at))


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1_000
