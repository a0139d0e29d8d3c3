"""Fills a new portal: records, owners, links, labels, and the archived and merged ones that every portal has.

The same settings give the same portal; the order of the steps is part of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from hubspot_emulator import associations, hard_values, owners, pipelines, rollups, samples, samples_file, timestamps
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.families import FAMILIES
from hubspot_emulator.samples import COMPANY, CONTACT, DAY_MS, DEAL, TICKET, Samples, Values
from hubspot_emulator.settings import Settings

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

HUBSPOT, USER = "HUBSPOT_DEFINED", "USER_DEFINED"
YEARS_MS = 730 * DAY_MS
QUIET_MS = 1_800_000
"""Nothing was modified in the last half hour before the portal starts."""
MARK = "generated_from"

Pairs = list[tuple[int, int]]
_Build = Callable[[int], Values]

LABELS: tuple[tuple[str, str, str, str, str | None], ...] = (
    (CONTACT, CONTACT, "friend", "Friend", None),
    (CONTACT, CONTACT, "manager_employee", "Manager", "Employee"),
    (CONTACT, COMPANY, "decision_maker", "Decision maker", None),
    (CONTACT, COMPANY, "consultant_client", "Consultant", "Client"),
    (DEAL, CONTACT, "champion", "Champion", None),
)
"""From, to, name, label, and the other side's label where it is another."""


def is_generated(portal: Portal) -> bool:
    """Tell whether this file holds a portal already."""
    return portal.db.execute("SELECT 1 FROM settings WHERE name = ?", (MARK,)).fetchone() is not None


def generate(portal: Portal, settings: Settings) -> None:
    """Fill an empty portal; commits once, so that a killed start leaves nothing half made."""
    with portal.lock:
        # A rollback journal of a new file holds nothing; the write-ahead log would hold the whole portal a second time.
        portal.db.execute("PRAGMA journal_mode = DELETE")
        if settings.import_file is None:
            Generation(portal, settings).run()
        else:
            Generation(portal, replace(settings, contacts=0, companies=0, deals=0)).run()
            samples_file.load(portal, settings.import_file)
        for family in FAMILIES:
            if family.fill is not None and settings.activity and settings.import_file is None:
                family.fill(portal, settings.seed)
        if portal.knobs.rollups_follow:
            rollups.refresh_all(portal)
            portal.db.execute("DELETE FROM history WHERE source = ?", (rollups.SOURCE,))
        portal.db.execute("DELETE FROM events")  # what happened before the portal started is not an applied write
        portal.db.execute("DELETE FROM old_images")  # and the search index has long seen it
        portal.db.execute("INSERT INTO settings VALUES (?, ?)", (MARK, f"seed {settings.seed}"))
        portal.commit()
        portal.db.execute("PRAGMA journal_mode = WAL")


class Generation:
    """One run of the generator."""

    def __init__(self, portal: Portal, settings: Settings) -> None:
        self.portal, self.settings = portal, settings
        self.rng = Random(f"portal {settings.seed}")  # noqa: S311 - repeatable on purpose
        self.now_ms = portal.now_ms()
        self.ids: dict[str, list[int]] = {}

    def run(self) -> None:
        """Do every step, in the order that others depend on."""
        samples.add_portal_properties(self.portal)
        if self.settings.hard_values:
            hard_values.add_hard_properties(self.portal)
        if self.settings.hostile_names:
            hard_values.add_hostile_properties(self.portal)
        owner_ids = owners.load(self.portal, _build_owners(self.rng, self.now_ms))
        self.samples = Samples(self.portal, owner_ids, self.now_ms, self.settings.fill)
        self.load_records()
        self.load_links()
        self.load_labelled_links()
        self.clear_some()
        self.merge_some()
        self.archive_some()

    # Records

    def load_records(self) -> None:
        """Load companies first: contacts name theirs."""
        settings, rng, make = self.settings, self.rng, self.samples
        self.load(COMPANY, settings.company_count, lambda number: make.build_company(rng, number))
        names = [f"{word} Holding" for word in samples.WORDS]
        self.load(CONTACT, settings.contacts, lambda number: self.build_contact(number, rng.choice(names)))
        deal_pipeline, deal_stages = pipelines.stages(self.portal, DEAL)
        self.load(DEAL, settings.deal_count, lambda n: make.build_deal(rng, n, deal_stages, deal_pipeline))
        ticket_pipeline, ticket_stages = pipelines.stages(self.portal, TICKET)
        tickets = settings.contacts // 20
        self.load(TICKET, tickets, lambda n: make.build_ticket(rng, n, ticket_stages, ticket_pipeline))

    def build_contact(self, number: int, company: str) -> Values:
        """Build a contact, made harder where the settings ask for it."""
        values = self.samples.build_contact(self.rng, number, company=company)
        if self.settings.hard_values:
            values = hard_values.harden(self.rng, values)
        return hard_values.add_hostile(self.rng, values) if self.settings.hostile_names else values

    def load(self, type_id: str, count: int, build: _Build) -> None:
        """Load records created over two years, ids in the order of creation."""
        last = self.now_ms - QUIET_MS
        created = sorted(last - int(self.rng.random() * YEARS_MS) for _ in range(count))
        rows = ((build(number), moment, self.modified(moment)) for number, moment in enumerate(created, 1))
        self.ids[type_id] = list(self.portal.load_records(type_id, rows))

    def modified(self, created_ms: int) -> int:
        """Draw when a record changed last: a tenth never did, most long ago, some recently."""
        span = self.now_ms - QUIET_MS - created_ms
        drawn = self.rng.random()
        return created_ms + (0 if drawn < 0.1 else int(span * self.rng.random() ** (0.3 if drawn < 0.4 else 1.5)))

    # Links

    def load_links(self) -> None:
        """Link contacts to companies, deals to both, tickets to contacts; one company has very many contacts."""
        contacts, companies, deals = self.ids[CONTACT], self.ids[COMPANY], self.ids[DEAL]
        if companies:
            self.link_contacts_to_companies(contacts, companies)
            by_deal = self.some(deals, companies, share=0.8, most=1)
            self.pairs(DEAL, COMPANY, 341, by_deal)
            self.pairs(DEAL, COMPANY, 5, by_deal)
        self.pairs(DEAL, CONTACT, 3, self.some(deals, contacts, share=0.85, most=3))
        self.pairs(TICKET, CONTACT, 16, self.some(self.ids[TICKET], contacts, share=0.9, most=1))

    def link_contacts_to_companies(self, contacts: Sequence[int], companies: Sequence[int]) -> None:
        """Give most contacts a Primary company, some a second one, and the first company a crowd."""
        crowd = set(contacts[: max(len(contacts) // 20, min(520, len(contacts) // 4))])
        first = [
            (contact, companies[0] if contact in crowd else self.rng.choice(companies))
            for contact in contacts
            if contact in crowd or self.rng.random() < 0.75
        ]
        self.pairs(CONTACT, COMPANY, 279, first)
        self.pairs(CONTACT, COMPANY, 1, first)
        linked = dict(first)
        second = [(contact, self.rng.choice(companies)) for contact in linked if self.rng.random() < 0.06]
        self.pairs(CONTACT, COMPANY, 279, [pair for pair in second if linked[pair[0]] != pair[1]])

    def some(self, from_ids: Sequence[int], to_ids: Sequence[int], *, share: float, most: int) -> Pairs:
        """Draw distinct pairs: this share of the records has one to `most` others."""
        if not to_ids:
            return []
        return [
            (from_id, to_id)
            for from_id in from_ids
            if self.rng.random() < share
            for to_id in self.rng.sample(to_ids, min(len(to_ids), self.rng.randint(1, most)))
        ]

    def pairs(self, from_type: str, to_type: str, type_id: int, found: Pairs, category: str = HUBSPOT) -> None:
        """Load links of one type."""
        associations.load_pairs(self.portal, from_type, to_type, category, type_id, found)

    def load_labelled_links(self) -> None:
        """Define the portal's labels, single and paired, and use each on some links."""
        for from_type, to_type, name, label, inverse in LABELS:
            type_id, _ = associations.create_label(self.portal, from_type, to_type, name, label, inverse)
            from_ids, to_ids = self.ids[from_type], self.ids[to_type]
            drawn = self.some(from_ids, to_ids, share=0.02, most=2)
            self.pairs(
                from_type,
                to_type,
                type_id,
                [pair for pair in drawn if from_type != to_type or pair[0] != pair[1]],
                USER,
            )

    # The past

    def clear_some(self) -> None:
        """Clear texts of a hundredth of the contacts: cleared reads back as "", never set as null."""
        for contact in self.rng.sample(self.ids[CONTACT], len(self.ids[CONTACT]) // 100):
            with self.at_some_moment(CONTACT, (contact,)):
                self.portal.update_record(CONTACT, contact, {"phone": "", "zip": ""}, request="generator")

    def merge_some(self) -> None:
        """Merge a few contacts and companies, the first survivor a second time, so that a chain exists."""
        for type_id in (CONTACT, COMPANY):
            ids = self.ids[type_id]
            count = min(len(ids) // 8, 3 + len(ids) // 400)
            chosen = self.rng.sample(ids[1:], 2 * count + 1) if count else []
            survivors = [self.merge(type_id, *pair) for pair in zip(chosen[1::2], chosen[2::2], strict=True)]
            if survivors:
                self.merge(type_id, survivors[0], chosen[0])
            self.ids[type_id] = sorted(set(ids) - set(chosen))

    def merge(self, type_id: str, primary: int, merged: int) -> int:
        """Merge two records at some moment since both were modified."""
        with self.at_some_moment(type_id, (primary, merged)):
            return self.portal.merge_records(type_id, primary, merged, request="generator")

    def archive_some(self) -> None:
        """Archive a fiftieth of the records, some of which others still mention."""
        for type_id in (COMPANY, CONTACT, DEAL, TICKET):
            ids = self.ids[type_id]
            for record in self.rng.sample(ids[1:], len(ids) // 50):
                with self.at_some_moment(type_id, (record,)):
                    self.portal.archive_record(type_id, record, request="generator")

    @contextmanager
    def at_some_moment(self, type_id: str, record_ids: Sequence[int]) -> Iterator[None]:
        """Let the portal believe, for one write, that it is a moment after the records were last modified."""
        rows = self.portal.table(type_id).rows(record_ids)
        first = max(self.now_ms - 80 * DAY_MS, *(row.updated_ms for row in rows.values()))
        moment = first + int(self.rng.random() * (self.now_ms - QUIET_MS - first))
        clock, self.portal.clock = self.portal.clock, VirtualClock(moment / 1000)
        try:
            yield
        finally:
            self.portal.clock = clock


FIRST_OWNER_ID, FIRST_USER_ID = 52_550_153, 12_282_590


def _build_owners(rng: Random, now_ms: int) -> list[dict[str, object]]:
    """Build 25 owners in HubSpot's JSON: people with teams, some who left, one queue."""
    built: list[dict[str, object]] = []
    for number in range(25):
        first, last = samples.FIRST_NAMES[number], samples.LAST_NAMES[number]
        created = now_ms - int((0.2 + rng.random()) * YEARS_MS)
        archived = number % 8 == 5
        team = {"id": str(178_588 + number % 3), "name": ("Sales", "Support", "Vertrieb")[number % 3], "primary": True}
        built.append(
            {
                "id": str(FIRST_OWNER_ID + 37 * number),
                "email": f"owner{number}@example.com",
                "type": "QUEUE" if number == 24 else "PERSON",
                "firstName": first,
                "lastName": last,
                "userId": None if archived else FIRST_USER_ID + number,
                "userIdIncludingInactive": FIRST_USER_ID + number,
                "createdAt": timestamps.render_ms(created),
                "updatedAt": timestamps.render_ms(created + int(rng.random() * (now_ms - QUIET_MS - created))),
                "archived": archived,
                "teams": [team] if number % 4 else [],
            }
        )
    return built
