"""One module a page: a context dataclass, and the functions that make it."""

from __future__ import annotations

from hubferry.web.pages import (
    check,
    editor,
    exports,
    live,
    overview,
    plan,
    record,
    rejected,
    runs,
    stream,
    stream_settings,
    streams,
    syncs,
)

PAGES = (overview, check, streams, stream_settings, exports, stream, editor, syncs, plan, rejected, record, runs, live)
"""Every page; each adds its addresses."""
