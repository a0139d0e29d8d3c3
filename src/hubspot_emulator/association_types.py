"""The association types every portal has: HubSpot's published ids, one line a pair, both directions.

Left out: pairs of which HubSpot publishes one direction's id only (carts, payments, services, courses, listings,
appointments, projects, lead activities). An association between them is refused as an invalid type.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

HUBSPOT_DEFINED = "HUBSPOT_DEFINED"
USER_DEFINED = "USER_DEFINED"

TypeKey = tuple[str, int]
"""A type as requests name it: category and type id. The id alone says nothing: each category counts its own."""

Role = Literal["default", "label", "primary", "primary_inverse"]
"""`primary` is the direction of the record that has one primary (contact -> company), `primary_inverse` its inverse."""

CONTACT, COMPANY, DEAL, TICKET = "0-1", "0-2", "0-3", "0-5"
LINE_ITEM, QUOTE, COMMUNICATION, TASK, NOTE, MEETING, CALL, EMAIL = (
    "0-8",
    "0-14",
    "0-18",
    "0-27",
    "0-46",
    "0-47",
    "0-48",
    "0-49",
)
INVOICE, QUOTE_TEMPLATE, SUBSCRIPTION, POSTAL_MAIL, ORDER, LEAD = "0-53", "0-64", "0-69", "0-116", "0-123", "0-136"


class PairType(NamedTuple):
    """One association type of a pair of object types, with its inverse."""

    from_type: str
    to_type: str
    type_id: int
    inverse_type_id: int
    role: Role = "default"
    label: str | None = None
    inverse_label: str | None = None


def _primary(from_type: str, to_type: str, type_id: int, inverse_type_id: int) -> PairType:
    return PairType(from_type, to_type, type_id, inverse_type_id, "primary", "Primary", "Primary")


def _label(from_type: str, to_type: str, type_id: int, inverse_type_id: int, label: str, inverse: str) -> PairType:
    return PairType(from_type, to_type, type_id, inverse_type_id, "label", label, inverse)


PAIR_TYPES: tuple[PairType, ...] = (
    # records of one object type: their own inverse
    PairType(CONTACT, CONTACT, 449, 449),
    PairType(COMPANY, COMPANY, 450, 450),
    PairType(DEAL, DEAL, 451, 451),
    PairType(TICKET, TICKET, 452, 452),
    _label(COMPANY, COMPANY, 14, 13, "Parent Company", "Child Company"),
    # contacts
    PairType(CONTACT, COMPANY, 279, 280),
    PairType(CONTACT, DEAL, 4, 3),
    PairType(CONTACT, TICKET, 15, 16),
    PairType(CONTACT, CALL, 193, 194),
    PairType(CONTACT, COMMUNICATION, 82, 81),
    PairType(CONTACT, EMAIL, 197, 198),
    PairType(CONTACT, INVOICE, 178, 177),
    PairType(CONTACT, LEAD, 609, 608),
    PairType(CONTACT, MEETING, 199, 200),
    PairType(CONTACT, NOTE, 201, 202),
    PairType(CONTACT, ORDER, 508, 507),
    PairType(CONTACT, POSTAL_MAIL, 454, 453),
    PairType(CONTACT, QUOTE, 70, 69),
    PairType(CONTACT, SUBSCRIPTION, 296, 295),
    PairType(CONTACT, TASK, 203, 204),
    _primary(CONTACT, COMPANY, 1, 2),
    _label(CONTACT, COMPANY, 931, 930, "Billing Contact", "Billing Contact"),
    _label(CONTACT, QUOTE, 703, 702, "Contact Signer", "Contact Signer"),
    _label(CONTACT, QUOTE, 1227, 1226, "Billing Contact", "Billing Contact"),
    # companies
    PairType(COMPANY, DEAL, 342, 341),
    PairType(COMPANY, TICKET, 340, 339),
    PairType(COMPANY, CALL, 181, 182),
    PairType(COMPANY, COMMUNICATION, 88, 87),
    PairType(COMPANY, EMAIL, 185, 186),
    PairType(COMPANY, INVOICE, 180, 179),
    PairType(COMPANY, LEAD, 611, 610),
    PairType(COMPANY, MEETING, 187, 188),
    PairType(COMPANY, NOTE, 189, 190),
    PairType(COMPANY, ORDER, 935, 934),
    PairType(COMPANY, POSTAL_MAIL, 460, 459),
    PairType(COMPANY, QUOTE, 72, 71),
    PairType(COMPANY, SUBSCRIPTION, 298, 297),
    PairType(COMPANY, TASK, 191, 192),
    _label(COMPANY, QUOTE, 1335, 1334, "Billing Company", "Billing Company"),
    # deals
    PairType(DEAL, TICKET, 27, 28),
    PairType(DEAL, CALL, 205, 206),
    PairType(DEAL, COMMUNICATION, 86, 85),
    PairType(DEAL, EMAIL, 209, 210),
    PairType(DEAL, INVOICE, 176, 175),
    PairType(DEAL, LEAD, 1038, 1037),
    PairType(DEAL, LINE_ITEM, 19, 20),
    PairType(DEAL, MEETING, 211, 212),
    PairType(DEAL, NOTE, 213, 214),
    PairType(DEAL, ORDER, 511, 512),
    PairType(DEAL, POSTAL_MAIL, 458, 457),
    PairType(DEAL, QUOTE, 63, 64),
    PairType(DEAL, SUBSCRIPTION, 300, 299),
    PairType(DEAL, TASK, 215, 216),
    _primary(DEAL, COMPANY, 5, 6),
    # tickets
    PairType(TICKET, CALL, 219, 220),
    PairType(TICKET, COMMUNICATION, 84, 83),
    PairType(TICKET, EMAIL, 223, 224),
    PairType(TICKET, MEETING, 225, 226),
    PairType(TICKET, NOTE, 227, 228),
    PairType(TICKET, ORDER, 526, 525),
    PairType(TICKET, POSTAL_MAIL, 456, 455),
    PairType(TICKET, SUBSCRIPTION, 1122, 1121),
    PairType(TICKET, TASK, 229, 230),
    _primary(TICKET, COMPANY, 26, 25),
    # leads: 579 and 581 are the assumed inverses of 578 and 580
    PairType(LEAD, NOTE, 854, 855),
    _primary(LEAD, CONTACT, 578, 579),
    _primary(LEAD, COMPANY, 580, 581),
    _primary(LEAD, DEAL, 582, 583),
    # quotes, line items, invoices, orders, subscriptions
    PairType(QUOTE, INVOICE, 408, 407),
    PairType(QUOTE, LINE_ITEM, 67, 68),
    PairType(QUOTE, SUBSCRIPTION, 304, 303),
    PairType(QUOTE, TASK, 217, 218),
    PairType(LINE_ITEM, INVOICE, 410, 409),
    PairType(LINE_ITEM, ORDER, 514, 513),
    PairType(LINE_ITEM, SUBSCRIPTION, 302, 301),
    PairType(INVOICE, ORDER, 517, 518),
    PairType(INVOICE, SUBSCRIPTION, 622, 623),
    _primary(ORDER, COMPANY, 509, 510),
)

SINGULAR_NAMES = {
    CALL: "call",
    COMMUNICATION: "communication",
    COMPANY: "company",
    CONTACT: "contact",
    DEAL: "deal",
    EMAIL: "email",
    INVOICE: "invoice",
    LEAD: "lead",
    LINE_ITEM: "line_item",
    MEETING: "meeting_event",
    NOTE: "note",
    ORDER: "order",
    POSTAL_MAIL: "postal_mail",
    QUOTE: "quote",
    SUBSCRIPTION: "subscription",
    TASK: "task",
    TICKET: "ticket",
}
"""The object's name inside a type's name, as inline associations show it (`task_to_contact`)."""


class _Line(NamedTuple):
    """One direction of a `PairType`, as it is stored."""

    from_type: str
    to_type: str
    type_id: int
    inverse_type_id: int
    role: Role
    label: str | None
    name: str


def _directions() -> Iterator[_Line]:
    """Yield every type in both directions; a type that is its own inverse once."""
    with_primary = {frozenset((pair.from_type, pair.to_type)) for pair in PAIR_TYPES if pair.role == "primary"}
    for pair in PAIR_TYPES:
        marked = frozenset((pair.from_type, pair.to_type)) in with_primary
        there = _type_name(pair.from_type, pair.to_type, pair.role, pair.label, marked)
        yield _Line(pair.from_type, pair.to_type, pair.type_id, pair.inverse_type_id, pair.role, pair.label, there)
        if pair.inverse_type_id == pair.type_id:
            continue
        role: Role = "primary_inverse" if pair.role == "primary" else pair.role
        back = _type_name(pair.to_type, pair.from_type, role, pair.inverse_label, marked)
        yield _Line(pair.to_type, pair.from_type, pair.inverse_type_id, pair.type_id, role, pair.inverse_label, back)


def _type_name(from_type: str, to_type: str, role: Role, label: str | None, with_primary: bool) -> str:
    """Where a pair has a Primary, that one bears the plain name and the default says `_unlabeled` (recorded)."""
    plain = f"{SINGULAR_NAMES[from_type]}_to_{SINGULAR_NAMES[to_type]}"
    if role == "label":
        return f"{(label or '').lower().replace(' ', '_')}_{plain}"
    return f"{plain}_unlabeled" if role == "default" and with_primary else plain


def _quoted(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def _hubspot_types() -> Iterator[str]:
    lines = list(_directions())
    kinds = {(line.from_type, line.to_type, line.type_id): kind for kind, line in enumerate(lines, start=1)}
    for kind, line in enumerate(lines, start=1):
        inverse = kinds[line.to_type, line.from_type, line.inverse_type_id]
        yield (
            f"({kind}, {_quoted(line.from_type)}, {_quoted(line.to_type)}, '{HUBSPOT_DEFINED}', {line.type_id},"
            f" {inverse}, {_quoted(line.role)}, {_quoted(line.name)}, {_quoted(line.label)})"
        )


SCHEMA = f"""
CREATE TABLE IF NOT EXISTS association_types (
  kind INTEGER PRIMARY KEY, from_type TEXT NOT NULL, to_type TEXT NOT NULL, category TEXT NOT NULL,
  type_id INTEGER NOT NULL, inverse INTEGER NOT NULL, role TEXT NOT NULL, name TEXT NOT NULL, label TEXT,
  UNIQUE (from_type, to_type, category, type_id)
);
INSERT OR IGNORE INTO association_types VALUES
{", ".join(_hubspot_types())};
"""


class LinkType(NamedTuple):
    """One direction of an association type, as stored."""

    kind: int
    from_type: str
    to_type: str
    category: str
    type_id: int
    inverse: int
    """The kind of the other direction; a type may be its own inverse."""
    role: str
    name: str
    label: str | None

    @property
    def key(self) -> TypeKey:
        """Give the pair that names the type within its direction."""
        return self.category, self.type_id


class Direction:
    """The types from one object type to another; read once a request."""

    def __init__(self, db: sqlite3.Connection, from_type: str, to_type: str) -> None:
        sql = "SELECT * FROM association_types WHERE from_type = ? AND to_type = ? ORDER BY kind"
        types = [LinkType(*row) for row in db.execute(sql, (from_type, to_type))]
        self.from_type, self.to_type = from_type, to_type
        self.by_key: Mapping[TypeKey, LinkType] = {link_type.key: link_type for link_type in types}
        self.by_kind: Mapping[int, LinkType] = {link_type.kind: link_type for link_type in types}
        self.default = next((link_type for link_type in types if link_type.role == "default"), None)
        self.primary = next((link_type for link_type in types if link_type.role.startswith("primary")), None)
        self.kinds = ",".join(str(kind) for kind in self.by_kind)
