"""Things HubSpot shows as one JSON object and that have no properties: forms, marketing emails, campaigns.

They are few, so a page is cut from all of a kind; their order is that of their making.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, archived_ms INTEGER,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (kind, id));
"""


class Document(NamedTuple):
    """One document; `body` holds what does not follow from the other fields."""

    id: str
    archived_ms: int | None
    created_ms: int
    updated_ms: int
    body: dict[str, Any]

    @property
    def archived(self) -> bool:
        """Whether it is in the bin."""
        return self.archived_ms is not None


_COLUMNS = "id, archived_ms, created_ms, updated_ms, body"


def add(portal: Portal, kind: str, document: Document) -> None:
    """Store a new document."""
    portal.db.execute(
        f"INSERT INTO documents (kind, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
        (kind, *document[:4], msgspec.json.encode(document.body)),
    )


def replace(portal: Portal, kind: str, document: Document) -> None:
    """Store what a document has become; its place in the order stays."""
    portal.db.execute(
        "UPDATE documents SET archived_ms = ?, updated_ms = ?, body = ? WHERE kind = ? AND id = ?",
        (document.archived_ms, document.updated_ms, msgspec.json.encode(document.body), kind, document.id),
    )


def find(portal: Portal, kind: str, document_id: str) -> Document | None:
    """Give one document in whatever state."""
    sql = f"SELECT {_COLUMNS} FROM documents WHERE kind = ? AND id = ?"
    found = portal.db.execute(sql, (kind, document_id)).fetchone()
    return _document(found) if found else None


def all_of(portal: Portal, kind: str, *, archived: bool | None = None) -> list[Document]:
    """Give all documents of a kind (None: in whatever state)."""
    condition = {None: "", True: "AND archived_ms IS NOT NULL", False: "AND archived_ms IS NULL"}[archived]
    sql = f"SELECT {_COLUMNS} FROM documents WHERE kind = ? {condition} ORDER BY seq"
    return [_document(found) for found in portal.db.execute(sql, (kind,))]


def _document(found: tuple[Any, ...]) -> Document:
    *head, body = found
    return Document._make((*head, msgspec.json.decode(body)))
