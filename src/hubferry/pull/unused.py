"""Settings that do nothing to the stream that they are said of: a person who wrote one expects something. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hubferry.config.model import StreamBlock
from hubferry.streams.definition import Reader, Stream

_COLUMNS = frozenset({"properties", "types", "multi_select", "max_columns"})
_ALWAYS = frozenset({"strategy", "tags", "full_refresh", "storage"})
"""Of every stream; storage is looked at by its value."""
_MORE: Mapping[Reader, frozenset[str]] = {
    "records": _COLUMNS | {"associations", "sweep", "sweep_links", "reconcile", "calculated", "reader"},
    "archived": _COLUMNS,
    "children": frozenset({"reconcile"}),
    "pages": frozenset({"sweep"}),
    "windows": frozenset({"start"}),
    "history": frozenset({"objects"}),
}


def find_unused(stream: Stream, block: StreamBlock) -> list[str]:
    """Give the settings of a stream that are written down, say something else than nothing, and do nothing to it."""
    used = _ALWAYS | _MORE.get(stream.reader, frozenset())
    said = {name for name in block.model_fields_set if getattr(block, name) != StreamBlock.model_fields[name].default}
    unused = said - used
    if block.storage == "append" and not stream.has_versions:
        unused.add("storage")
    return sorted(unused)
