"""Every stream, by name. Custom objects' streams are made from what a portal says of them."""

from __future__ import annotations

from hubferry.objects import CUSTOM
from hubferry.streams import account, automation, crm, history, lists, marketing
from hubferry.streams.definition import Stream

_AREAS = (account, automation, crm, history, lists, marketing)
STREAMS: tuple[Stream, ...] = tuple(
    sorted((stream for area in _AREAS for stream in area.STREAMS), key=lambda stream: stream.name)
)
BY_NAME = {stream.name: stream for stream in STREAMS}
BY_OBJECT = {stream.object.name: stream for stream in STREAMS if stream.object and stream.reader == "records"}
"""The stream of each CRM object's live records."""

if len(BY_NAME) != len(STREAMS):
    raise ValueError("two streams bear one name")
if any(name.startswith(CUSTOM) for name in BY_NAME):
    raise ValueError(f"{CUSTOM}.. are the names of custom objects' streams")
