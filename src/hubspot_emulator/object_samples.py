"""A few records of every object type that the generator has no plan of its own for: commerce, leads, goals, services and more.

What a record holds is drawn from its type's definitions; names, stages, owners and links are added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from hubspot_emulator import associations, owners, pipeline_store, timestamps
from hubspot_emulator.family import Family
from hubspot_emulator.people import QUIET_MS
from hubspot_emulator.property_definition import Definition
from hubspot_emulator.samples import COMPANY, CONTACT, DAY_MS, DEAL, TEXTS, TICKET, WORDS

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Values = dict[str, str]

SPAN_MS = 600 * DAY_MS
CONTACTS_PER_RECORD = 50
LEAST, MOST = 4, 300
SKIPPED = frozenset({"createdate", "hs_createdate", "hs_timestamp", "hs_name", "hs_attachment_ids"})
"""Properties that HubSpot or this module sets, or that name things the portal does not have."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How records of one type are made."""

    type_id: str
    title: str = "hs_name"
    """The property that names a record."""
    linked: tuple[str, ...] = ()
    """Types that a record is linked to where it may be, each with this module's chance."""
    moment: str | None = None
    """The property that dates what the record is about."""
    part_of: tuple[str, str] | None = None
    """A property that holds the id of a record, and that record's type."""
    share: float = 1.0
    """How many there are, beside the other types."""


PRODUCT, LINE_ITEM, QUOTE, DEAL_SPLIT = "0-7", "0-8", "0-14", "0-9002"
PLANS: tuple[Plan, ...] = (
    Plan(type_id=PRODUCT, title="name"),
    Plan(type_id=LINE_ITEM, title="name", linked=(DEAL,), part_of=("hs_product_id", PRODUCT), share=2.0),
    Plan(type_id="0-64"),
    Plan(type_id=QUOTE, title="hs_title", linked=(DEAL, CONTACT, COMPANY)),
    Plan(type_id="0-18", title="", linked=(CONTACT, COMPANY, DEAL), moment="hs_timestamp"),
    Plan(type_id="0-19", title="hs_submission_name", linked=(CONTACT,), moment="hs_submission_timestamp"),
    Plan(type_id="0-53", title="hs_title", linked=(CONTACT, DEAL, COMPANY)),
    Plan(type_id="0-69", linked=(CONTACT, COMPANY, DEAL)),
    Plan(type_id="0-74", title="hs_goal_name"),
    Plan(type_id="0-84", title="hs_label"),
    Plan(type_id="0-85", title="hs_label"),
    Plan(type_id="0-86", title="hs_label"),
    Plan(type_id="0-101", title=""),
    Plan(type_id="0-116", title="", linked=(CONTACT, COMPANY), moment="hs_timestamp"),
    Plan(type_id="0-123", title="hs_order_name", linked=(CONTACT, DEAL, COMPANY, TICKET)),
    Plan(type_id="0-136", title="hs_lead_name", linked=(CONTACT, COMPANY)),
    Plan(type_id="0-142", title="hs_cart_name"),
    Plan(type_id="0-162"),
    Plan(type_id="0-410", title="hs_course_name"),
    Plan(type_id="0-420"),
    Plan(type_id="0-421", title="hs_appointment_name"),
    Plan(type_id="0-970"),
    Plan(type_id="0-9001", title="hs_contract_name"),
    Plan(type_id=DEAL_SPLIT, title="", part_of=("hs_deal_split_deal_id", DEAL)),
    Plan(type_id="0-9003", title="hs_client_name"),
    Plan(type_id="0-9004", title="hs_service_name"),
)


def fill(portal: Portal, seed: int) -> None:
    """Make the records of every plan in a portal that has contacts, companies and deals."""
    contacts = portal.table(CONTACT).live_count()
    if not contacts:
        return
    count = min(MOST, max(LEAST, contacts // CONTACTS_PER_RECORD))
    ends = {type_id: _live_ids(portal, type_id) for type_id in (CONTACT, COMPANY, DEAL, TICKET)}
    rng = Random(f"objects {seed}")  # noqa: S311 - repeatable; one for all, since making one takes long
    for plan in PLANS:
        if plan.part_of:
            ends[plan.part_of[1]] = _live_ids(portal, plan.part_of[1])
        maker = Maker(portal, rng, plan, ends)
        made = portal.load_records(plan.type_id, maker.rows(int(count * plan.share)))
        for to_type in plan.linked:
            _link(portal, rng, (plan.type_id, made), (to_type, ends[to_type]))
        with portal.acting(portal.now_ms() - QUIET_MS, "CRM_UI"):
            portal.archive_record(plan.type_id, made[-2], request="generator")


def maker_of(portal: Portal, rng: Random, type_id: str) -> Maker:
    """Give what makes records of any type, one that has no plan here too."""
    dated = "hs_timestamp" if "hs_timestamp" in portal.types.resolve(type_id).required else None
    plan = next((each for each in PLANS if each.type_id == type_id), Plan(type_id=type_id, title="", moment=dated))
    return Maker(portal, rng, plan, {})


class Maker:
    """Makes the values of one type's records."""

    def __init__(self, portal: Portal, rng: Random, plan: Plan, ends: Mapping[str, Sequence[int]]) -> None:
        self.rng, self.plan = rng, plan
        self.last = portal.now_ms() - QUIET_MS
        self.owner_ids = owners.live_ids(portal)
        self.part_of, part_type = plan.part_of or ("", "")
        self.wholes = ends.get(part_type, ())
        kind = portal.types.resolve(plan.type_id)
        self.noun = kind.singular.replace("_", " ")
        known = portal.properties(plan.type_id)
        fixed = {
            *SKIPPED,
            plan.title,
            plan.moment,
            kind.pipeline_property,
            kind.stage_property,
            "hubspot_owner_id",
            self.part_of,
        }
        self.drawn = [each for name, each in sorted(known.items()) if name not in fixed and _is_drawn(each)]
        self.owned = "hubspot_owner_id" in known
        self.required = [known[name] for name in kind.required if name in known]
        pipeline = next(iter(pipeline_store.read(portal, plan.type_id)), None)
        self.stages = [stage["id"] for stage in pipeline["stages"]] if pipeline and kind.stage_property else []
        self.staged = {kind.pipeline_property: pipeline["id"]} if pipeline and kind.pipeline_property else {}
        self.stage_property = kind.stage_property or ""

    def rows(self, count: int) -> list[tuple[Values, int, int]]:
        """Make so many, in the order of their creation."""
        rng = self.rng
        moments = sorted(self.last - int(rng.random() * SPAN_MS) for _ in range(count))
        return [
            (self.values(number, created), created, created + int(rng.random() ** 2 * (self.last - created)))
            for number, created in enumerate(moments, 1)
        ]

    def values(self, number: int, created: int) -> Values:
        """Draw one record's values."""
        rng, plan = self.rng, self.plan
        values: Values = dict(self.staged)
        if self.stages:
            values[self.stage_property] = rng.choice(self.stages)
        if plan.title:
            values[plan.title] = f"{rng.choice(WORDS).capitalize()} {self.noun} {number}"
        if plan.moment:
            values[plan.moment] = timestamps.render_ms(created)
        if self.owned and self.owner_ids and rng.random() < 0.8:
            values["hubspot_owner_id"] = rng.choice(self.owner_ids)
        values |= {each.name: self.draw(each) for each in self.drawn if rng.random() < 0.8}
        values |= {each.name: self.draw(each) for each in self.required if each.name not in values}
        if self.wholes:
            values[self.part_of] = str(self.wholes[number % len(self.wholes)])
        return values

    def change(self, before: Mapping[str, str]) -> Values:
        """Draw one to three values that differ from those of a record."""
        changes: Values = {}
        while self.drawn and not changes:
            for each in self.rng.sample(self.drawn, min(len(self.drawn), self.rng.randint(1, 3))):
                value = self.draw(each)
                if value != before.get(each.name, ""):
                    changes[each.name] = value
        return changes

    def draw(self, definition: Definition) -> str:
        """Draw a value that HubSpot would accept."""
        return _DRAWS[definition.type](self.rng, definition, self.last)


def _is_drawn(definition: Definition) -> bool:
    return (
        not definition.read_only
        and not definition.unique
        and not definition.archived
        and definition.type in _DRAWS
        and (definition.type != "enumeration" or bool(definition.options))
    )


def _number(rng: Random, definition: Definition, _last: int) -> str:
    if definition.name.endswith("_id"):
        return str(rng.randint(1, 10**9))
    return rng.choice((f"{rng.random() * 10_000:.2f}", str(rng.randint(0, 500)), "0"))


_DRAWS: dict[str, Callable[[Random, Definition, int], str]] = {
    "bool": lambda rng, _definition, _last: rng.choice(("true", "false")),
    "date": lambda rng, _definition, last: timestamps.render_ms(last - rng.randint(0, 500) * DAY_MS)[:10],
    "datetime": lambda rng, _definition, last: timestamps.render_ms(last - int(rng.random() * SPAN_MS)),
    "enumeration": lambda rng, definition, _last: rng.choice(definition.options),
    "number": _number,
    "string": lambda rng, _definition, _last: rng.choice((*TEXTS, *WORDS)),
}


def _live_ids(portal: Portal, type_id: str) -> list[int]:
    sql = f"SELECT id FROM {portal.table(type_id).name} WHERE state = 0 ORDER BY id LIMIT 2000"
    return [record_id for (record_id,) in portal.db.execute(sql)]


def _link(portal: Portal, rng: Random, made: tuple[str, Sequence[int]], others: tuple[str, Sequence[int]]) -> None:
    (from_type, from_ids), (to_type, to_ids) = made, others
    default = associations.direction(portal, from_type, to_type).default
    if default is None or not to_ids:
        return
    pairs = [(each, rng.choice(to_ids)) for each in from_ids if rng.random() < 0.8]
    associations.load_pairs(portal, from_type, to_type, default.category, default.type_id, pairs)


FAMILY = Family(fill=fill)
