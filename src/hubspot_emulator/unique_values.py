"""Who holds which unique value: a contact its e-mails, secondary ones too, a record its values of unique properties.

A value of a record that is archived or merged away is free; an erased contact's e-mail may not be used again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Values = Mapping[str, str]
Held = tuple[str, str, str, int]
"""Type, property, value, record."""
ERASED = "erased email"
"""Where the e-mails of erased contacts are kept."""


def holder(portal: Portal, type_id: str, name: str, value: str) -> int | None:
    """Give the live record that holds a unique value; contacts hold secondary e-mails as `email` too."""
    found = portal.db.execute(
        "SELECT record_id FROM unique_values WHERE type_id = ? AND property = ? AND value = ?",
        (type_id, name, value),
    ).fetchone()
    return found[0] if found else None


def names(portal: Portal, type_id: str) -> tuple[str, ...]:
    """Give the properties of a type that no two live records share a value of."""
    key = ("unique", type_id)
    found: tuple[str, ...] | None = portal.shapes.get(key)
    if found is None:
        kind = portal.types.resolve(type_id)
        known = {each.name for each in portal.properties(type_id).values() if each.unique and not each.archived}
        known.discard("hs_additional_emails")  # its parts are held as values of `email`
        found = portal.shapes[key] = tuple(sorted(known | ({kind.key_property} if kind.key_property else set())))
    return found


def pairs(names: Iterable[str], values: Values) -> Iterator[tuple[str, str]]:
    """Give the unique values of a record, each once: an e-mail may be primary and secondary at a time."""
    emails = [values.get("email", "").lower(), *values.get("hs_additional_emails", "").lower().split(";")]
    for name in names:
        if name == "email":
            yield from ((name, email) for email in dict.fromkeys(filter(None, emails)))
        elif value := values.get(name):
            yield name, value


def are_taken(portal: Portal, type_id: str, values: Values) -> bool:
    """Tell whether a live record holds one of the unique values."""
    return any(holder(portal, type_id, *pair) for pair in pairs(names(portal, type_id), values))


def add(portal: Portal, type_id: str, record_id: int, values: Values) -> None:
    """Let a record hold its unique values."""
    load(portal, ((type_id, *pair, record_id) for pair in pairs(names(portal, type_id), values)))


def load(portal: Portal, held: Iterable[Held]) -> None:
    """Let records hold values that nobody holds."""
    portal.db.executemany("INSERT INTO unique_values VALUES (?, ?, ?, ?)", held)


def remove(portal: Portal, type_id: str, values: Values) -> None:
    """Free the unique values of a record."""
    held = [(type_id, *pair) for pair in pairs(names(portal, type_id), values)]
    portal.db.executemany("DELETE FROM unique_values WHERE type_id = ? AND property = ? AND value = ?", held)


def replace(portal: Portal, type_id: str, record_id: int, before: Values, after: Values) -> None:
    """Let a changed record hold what it has now."""
    known = names(portal, type_id)
    if list(pairs(known, before)) != list(pairs(known, after)):
        remove(portal, type_id, before)
        add(portal, type_id, record_id, after)


def erase(portal: Portal, type_id: str, record_id: int, values: Values) -> None:
    """Keep the e-mails of an erased contact from being used again."""
    held = [(type_id, ERASED, value, record_id) for _, value in pairs(("email",), values)]
    portal.db.executemany("INSERT OR REPLACE INTO unique_values VALUES (?, ?, ?, ?)", held)
