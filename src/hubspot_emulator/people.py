"""Contacts as senders of forms and readers of emails: what the generator needs of them, and no more."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import msgspec

from hubspot_emulator.samples import CONTACT

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

QUIET_MS = 1_800_000
"""Nothing happened in the last half hour before the portal starts."""


class Person(msgspec.Struct):
    """Some properties of a contact that has an e-mail address."""

    email: str = ""
    firstname: str = ""
    lastname: str = ""


class Candidate(NamedTuple):
    """A person and since when the contact exists."""

    person: Person
    created_ms: int


_decode = msgspec.json.Decoder(Person).decode


def draw(portal: Portal, rng: Random, most: int) -> list[Candidate]:
    """Draw up to so many live contacts with an e-mail address, spread over all of them, by id."""
    table = portal.table(CONTACT)
    every = max(1, table.live_count() // max(1, most))
    rows = portal.db.execute(
        f"SELECT properties, created_ms FROM {table.name} WHERE state = 0 AND id % ? = ? ORDER BY id LIMIT ?",
        (every, rng.randrange(every), most),
    )
    found = [Candidate(_decode(body), created) for body, created in rows]
    return [each for each in found if each.person.email]


def build_guid(rng: Random) -> str:
    """Draw a GUID."""
    return str(UUID(int=rng.getrandbits(128), version=4))
