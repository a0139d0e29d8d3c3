"""Links from a source of their own: one row a link, each with the key of the sync's row, the other record's key and a label."""

from __future__ import annotations

from collections.abc import Iterator

from hubferry.push.rows import row_key

NO_ROW = "(no key)"
Pairs = list[tuple[object, object]]
"""The other records' keys, each with its label; a key with several labels stands there several times."""


class LinkTable:
    """The rows of one such source by the key of the sync's row; each is taken once, so that what is left has no row."""

    def __init__(self) -> None:
        self._pairs: dict[str, Pairs] = {}

    def add(self, key: object, other: object, label: object) -> None:
        """Note one link."""
        self._pairs.setdefault(row_key(key) or NO_ROW, []).append((other, label))

    def take(self, key: str | None) -> Pairs:
        """Give the links of a row of the sync."""
        return self._pairs.pop(key, []) if key is not None and key != NO_ROW else []

    def left(self) -> Iterator[tuple[str, object]]:
        """Give the links whose row the sync's source does not have: its key, and the other record's."""
        for key, pairs in self._pairs.items():
            yield from ((key, other) for other, _ in pairs)
