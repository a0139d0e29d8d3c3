"""Every stream, by name."""

from __future__ import annotations

from hubferry.streams import account, crm
from hubferry.streams.definition import Stream

STREAMS: tuple[Stream, ...] = tuple(sorted((*account.STREAMS, *crm.STREAMS), key=lambda stream: stream.name))
BY_NAME = {stream.name: stream for stream in STREAMS}

if len(BY_NAME) != len(STREAMS):
    raise ValueError("two streams bear one name")
