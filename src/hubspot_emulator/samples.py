"""Plausible values for generated records: every one that HubSpot would accept, and many that break careless readers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from hubspot_emulator import definitions, timestamps

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Values = dict[str, str]
Make = Callable[[Random], str]

DAY_MS = 86_400_000
CONTACT, COMPANY, DEAL, TICKET = "0-1", "0-2", "0-3", "0-5"

FIRST_NAMES = (
    "Aïcha", "Amélie", "Ana", "Björn", "Chidi", "Daniel", "Dmitri", "Elif", "Fatima", "Grace", "Hana", "Ingrid", "Jo", "José",
    "Kwame", "Lars", "Li", "Maeve", "Mohammed", "Ngọc", "Noor", "Olga", "Priya", "Quentin", "Rosa", "Søren", "Tomáš", "Uma",
    "Wei", "Yuki", "Zoë", "陽子", "Ольга", "محمد",
)  # fmt: skip
LAST_NAMES = (
    "Adeyemi", "Anderson", "Bauer", "Ben-David", "Castro", "D'Angelo", "de la Cruz", "Eriksson", "Fischer", "García", "Haddad",
    "Ivanova", "Janssen", "Kim", "Łukasik", "Müller", "Nguyễn", "O'Brien", "Patel", "Quinn", "Rossi", "Smith", "Sørensen",
    "Tanaka", "Ünal", "van der Berg", "Williams", "Yildirim-Öz", "Zhang", "Øvergård", "佐藤",
)  # fmt: skip
CITIES = (
    "Berlin",
    "Boston",
    "Córdoba",
    "Kraków",
    "Lagos",
    "Mumbai",
    "München",
    "Osaka",
    "Paris",
    "São Paulo",
    "Zürich",
    "東京",
)
COUNTRIES = (
    "Brazil",
    "Côte d'Ivoire",
    "France",
    "Germany",
    "India",
    "Japan",
    "Nigeria",
    "Poland",
    "Switzerland",
    "United States",
)
WORDS = (
    "anchor",
    "bright",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "granite",
    "harbor",
    "indigo",
    "juniper",
    "kestrel",
    "lumen",
)
SUFFIXES = ("AG", "GmbH", "Inc.", "Ltd", "& Sons", "S.A.", "株式会社")
JOBS = (
    "Account Manager",
    'Chief "Fun" Officer',
    "Engineer",
    "Head of R&D",
    "Leiter Einkauf",
    "Professor, Dr.",
    "VP Sales",
)
TEXTS = (
    "Called twice, no answer.",
    "Line one\nline two\r\nline three",
    'She said "not before Q3", then hung up; call back.',
    "Tab\tseparated, comma, semicolon; and a backslash \\",
    "Ünïcödé ✓ 日本語 — and an emoji 🚢",
    "  spaces around  ",
    "NULL",
    "<p>Some <b>HTML</b> &amp; entities</p>",
    "It's 50% off {{ not_a_template }}",
)
DOMAINS = ("example.com", "example.net", "example.org", "mail.example.com")
TOPICS = ("billing", "data_quality", "integrations", "pricing", "reporting", "security")


@dataclass(frozen=True)
class Field:
    """One property, the share of records that have it, and how a value is made."""

    name: str
    share: float
    make: Make


def _one_of(values: Iterable[str]) -> Make:
    found = tuple(values)
    return lambda rng: found[int(rng.random() * len(found))]


def _some_of(values: Iterable[str]) -> Make:
    found = tuple(values)
    return lambda rng: ";".join(
        sorted({found[int(rng.random() * len(found))] for _ in range(1 + int(rng.random() * 3))})
    )


def _whole(high: int) -> Make:
    return lambda rng: str(int(rng.random() * high))


def _money(high: int) -> Make:
    return lambda rng: f"{rng.random() * high:.2f}"


def _exact(rng: Random) -> str:
    """The expansion of a binary fraction to its last digit, as HubSpot sends calculated numbers."""
    return f"{Decimal(rng.random()):f}"


def _phone(rng: Random) -> str:
    return f"+1 555-01{int(rng.random() * 100):02d} ext. {int(rng.random() * 10_000):04d}"


def _street(rng: Random) -> str:
    return f"{int(rng.random() * 400) + 1} {WORDS[int(rng.random() * len(WORDS))].capitalize()} St."


def _zip(rng: Random) -> str:
    return f"{int(rng.random() * 100_000):05d}"  # leading zeros: a text, not a number


def _date(rng: Random) -> str:
    year, month, day = 1950 + int(rng.random() * 80), 1 + int(rng.random() * 12), 1 + int(rng.random() * 28)
    return f"{year}-{month:02d}-{day:02d}"


@functools.lru_cache(maxsize=4)
def _moment_before(now_ms: int) -> Make:
    """Draw from some hundred moments of two years: rendering a new one each time would take a third of the generation."""
    rng = Random(now_ms)  # noqa: S311 - repeatable on purpose
    moments = [now_ms - int(rng.random() * 700 * DAY_MS) for _ in range(900)]
    return _one_of(
        timestamps.render_ms(moment if number % 10 else moment // 1000 * 1000) for number, moment in enumerate(moments)
    )


@functools.cache
def _local_part(first: str, last: str) -> str:
    local = "".join(letter for letter in f"{first}.{last}".lower() if letter.isascii() and letter not in " '")
    return local.strip(".") or "kontakt"


class Samples:
    """Makes records of one portal; the same generator state gives the same records."""

    def __init__(self, portal: Portal, owner_ids: Iterable[str], now_ms: int, fill: float = 1.0) -> None:
        self._portal = portal
        owner = _one_of(owner_ids)
        moment = _moment_before(now_ms)
        self.fields: Mapping[str, tuple[Field, ...]] = {
            CONTACT: self._contact_fields(owner, moment),
            COMPANY: self._company_fields(owner),
            DEAL: self._deal_fields(owner, moment),
            TICKET: self._ticket_fields(owner),
        }
        self._draws = {
            type_id: tuple((field.name, field.share * fill, field.make) for field in fields)
            for type_id, fields in self.fields.items()
        }
        self.writable: Mapping[str, tuple[Field, ...]] = {
            type_id: tuple(field for field in fields if not portal.properties(type_id)[field.name].read_only)
            for type_id, fields in self.fields.items()
        }

    def build_contact(self, rng: Random, number: int, *, company: str = "") -> Values:
        """Build a contact's values; `number` makes its e-mail and `contact_number` its own."""
        first, last = FIRST_NAMES[int(rng.random() * len(FIRST_NAMES))], LAST_NAMES[int(rng.random() * len(LAST_NAMES))]
        values = {"firstname": first, "lastname": last, "contact_number": f"C-{number:07d}"}
        if rng.random() < 0.97:
            values["email"] = f"{_local_part(first, last)}.{number}@{DOMAINS[number % len(DOMAINS)]}"
            if rng.random() < 0.01:
                values["hs_additional_emails"] = f"old.{number}@example.org;private.{number}@example.net"
        if company:
            values["company"] = company
        return self._fill(rng, CONTACT, values)

    def build_company(self, rng: Random, number: int) -> Values:
        """Build a company's values; few domains are shared, some are missing, as in real portals."""
        word = WORDS[int(rng.random() * len(WORDS))]
        values = {"name": f"{word.capitalize()} {number} {SUFFIXES[int(rng.random() * len(SUFFIXES))]}"}
        values["company_number"] = f"K-{number:06d}"
        drawn = rng.random()
        if drawn < 0.9:
            values["domain"] = f"{word}{number - (drawn < 0.02)}.example.com"
        return self._fill(rng, COMPANY, values)

    def build_deal(self, rng: Random, number: int, stages: tuple[str, ...], pipeline: str) -> Values:
        """Build a deal's values in one of these stages."""
        values = {"dealname": f"{WORDS[int(rng.random() * len(WORDS))].capitalize()} renewal #{number}"}
        values |= {"pipeline": pipeline, "dealstage": stages[int(rng.random() * len(stages))]}
        values["deal_number"] = f"D-{number:06d}"
        return self._fill(rng, DEAL, values)

    def build_ticket(self, rng: Random, number: int, stages: tuple[str, ...], pipeline: str) -> Values:
        """Build a ticket's values in one of these stages."""
        values = {"subject": f"Ticket {number}: {WORDS[int(rng.random() * len(WORDS))]} does not work"}
        values |= {"hs_pipeline": pipeline, "hs_pipeline_stage": stages[int(rng.random() * len(stages))]}
        return self._fill(rng, TICKET, values)

    def build_change(self, rng: Random, type_id: str, before: Mapping[str, str]) -> Values:
        """Build one to four values that differ from those of a record; now and then one is cleared."""
        fields = self.writable[type_id]
        changes: Values = {}
        while not changes:
            for field in rng.sample(fields, min(len(fields), rng.randint(1, 4))):
                value = "" if rng.random() < 0.1 else field.make(rng)
                # A lifecycle stage may only go forward: a change of it could be a change of nothing.
                if value != before.get(field.name, "") and field.name != "lifecyclestage":
                    changes[field.name] = value
        return changes

    def _fill(self, rng: Random, type_id: str, values: Values) -> Values:
        draw = rng.random
        for name, share, make in self._draws[type_id]:
            if draw() < share:
                values[name] = make(rng)
        return values

    def _options(self, type_id: str, name: str) -> tuple[str, ...]:
        return self._portal.properties(type_id)[name].options

    def _contact_fields(self, owner: Make, moment: Make) -> tuple[Field, ...]:
        def one(name: str, share: float) -> Field:
            return Field(name, share, _one_of(self._options(CONTACT, name)))

        def some(name: str, share: float) -> Field:
            return Field(name, share, _some_of(self._options(CONTACT, name)))

        return (
            Field("address", 0.7, _street),
            Field("annualrevenue", 0.3, _money(10_000_000)),
            Field("birthday", 0.5, _date),
            Field("city", 0.8, _one_of(CITIES)),
            Field("country", 0.8, _one_of(COUNTRIES)),
            Field("first_conversion_date", 0.3, moment),
            Field("followercount", 0.3, _whole(100_000)),
            Field("hs_analytics_average_page_views", 0.4, _whole(20)),
            Field("hs_analytics_last_timestamp", 0.5, moment),
            Field("hs_analytics_num_page_views", 0.8, _whole(500)),
            Field("hs_analytics_num_visits", 0.8, _whole(90)),
            Field("hs_analytics_revenue", 0.5, _exact),
            one("hs_analytics_source", 0.9),
            some("hs_buying_role", 0.3),
            Field("hs_email_delivered", 0.6, _whole(200)),
            Field("hs_email_last_open_date", 0.5, moment),
            Field("hs_email_optout", 0.5, _one_of(("true", "false"))),
            one("hs_language", 0.5),
            one("hs_lead_status", 0.6),
            some("hs_legal_basis", 0.3),
            one("hs_timezone", 0.3),
            Field("hubspot_owner_id", 0.7, owner),
            Field("industry", 0.3, _one_of(WORDS)),
            Field("jobtitle", 0.7, _one_of(JOBS)),
            Field("last_visit_at", 0.5, moment),
            Field("lifecyclestage", 0.95, _one_of(self._options(CONTACT, "lifecyclestage"))),
            Field("loyalty_score", 0.6, _exact),
            Field("message", 0.4, _one_of(TEXTS)),
            Field("mobilephone", 0.3, _phone),
            Field("newsletter", 0.6, _one_of(("true", "false"))),
            Field("notes_last_updated", 0.4, moment),
            Field("num_notes", 0.6, _whole(40)),
            Field("phone", 0.8, _phone),
            Field("remarks", 0.3, _one_of(TEXTS)),
            Field("salutation", 0.3, _one_of(("Dr.", "Frau", "Mr.", "Ms."))),
            Field("state", 0.4, _one_of(("BW", "CA", "MA", "NY", "SP"))),
            some("topics", 0.5),
            Field("website", 0.3, lambda rng: f"https://{_one_of(WORDS)(rng)}.example.com/?q=1&r=ü"),
            Field("zip", 0.7, _zip),
        )

    def _company_fields(self, owner: Make) -> tuple[Field, ...]:
        return (
            Field("address", 0.7, _street),
            Field("annualrevenue", 0.5, _money(900_000_000)),
            Field("city", 0.8, _one_of(CITIES)),
            Field("country", 0.8, _one_of(COUNTRIES)),
            Field("description", 0.4, _one_of(TEXTS)),
            Field("founded_year", 0.4, lambda rng: str(1850 + int(rng.random() * 170))),
            Field("hubspot_owner_id", 0.7, owner),
            Field("industry", 0.7, _one_of(self._options(COMPANY, "industry"))),
            Field("is_public", 0.5, _one_of(("true", "false"))),
            Field("lifecyclestage", 0.9, _one_of(self._options(COMPANY, "lifecyclestage"))),
            Field("numberofemployees", 0.6, _whole(20_000)),
            Field("phone", 0.6, _phone),
            Field("type", 0.6, _one_of(self._options(COMPANY, "type"))),
            Field("web_technologies", 0.3, _some_of(self._options(COMPANY, "web_technologies")[:60])),
            Field("zip", 0.7, _zip),
        )

    def _deal_fields(self, owner: Make, moment: Make) -> tuple[Field, ...]:
        return (
            Field("amount", 0.9, _money(250_000)),
            Field("closedate", 0.7, moment),
            Field("closed_lost_reason", 0.1, _one_of(TEXTS)),
            Field("deal_currency_code", 0.6, _one_of(self._options(DEAL, "deal_currency_code"))),
            Field("dealtype", 0.6, _one_of(self._options(DEAL, "dealtype"))),
            Field("description", 0.4, _one_of(TEXTS)),
            Field("hs_deal_stage_probability", 0.8, _exact),
            Field("hs_next_step", 0.3, _one_of(TEXTS)),
            Field("hs_priority", 0.5, _one_of(self._options(DEAL, "hs_priority"))),
            Field("hubspot_owner_id", 0.8, owner),
        )

    def _ticket_fields(self, owner: Make) -> tuple[Field, ...]:
        return (
            Field("content", 0.9, _one_of(TEXTS)),
            Field("hs_ticket_category", 0.5, _some_of(self._options(TICKET, "hs_ticket_category"))),
            Field("hs_ticket_priority", 0.7, _one_of(self._options(TICKET, "hs_ticket_priority"))),
            Field("hubspot_owner_id", 0.6, owner),
        )


def add_portal_properties(portal: Portal) -> None:
    """Add the properties that the generated portal's users made: one unique key an object, and one of each type."""
    contact, company, deal = "contactinformation", "companyinformation", "dealinformation"
    own = definitions.portal_defined
    for definition in (
        own("contact_number", "Contact number", group=contact, unique=True),
        own("birthday", "Birthday", kind="date", field="date", group=contact),
        own("last_visit_at", "Last visit", kind="datetime", field="date", group=contact),
        own("loyalty_score", "Loyalty score", kind="number", field="number", group=contact),
        own("newsletter", "Newsletter", kind="bool", field="booleancheckbox", options=("true", "false"), group=contact),
        own("remarks", "Remarks", field="textarea", group=contact),
        own("topics", "Topics", kind="enumeration", field="checkbox", options=TOPICS, group=contact),
    ):
        portal.add_property(CONTACT, definition)
    portal.add_property(COMPANY, own("company_number", "Company number", group=company, unique=True))
    portal.add_property(DEAL, own("deal_number", "Deal number", group=deal, unique=True))
