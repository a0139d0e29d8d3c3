"""Changes to a portal as its users would make them: by the rules of HTTP writes, repeatable from a seed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from hubspot_emulator import associations, object_samples, owners, pipelines, values
from hubspot_emulator.families import FAMILIES
from hubspot_emulator.samples import COMPANY, CONTACT, DEAL, TICKET, Samples, Values
from hubspot_emulator.storage import State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Count = Annotated[int, msgspec.Meta(ge=0)]
SHARES = ((COMPANY, 0.2), (DEAL, 0.2))
"""How changes are split when no object is named; contacts have the rest."""
KINDS = ("restores", "creates", "edits", "archives", "erases", "merges", "associations")
SAMPLED = (CONTACT, COMPANY, DEAL, TICKET)
"""Types whose values `samples` makes."""
LINKED = ((CONTACT, COMPANY), (DEAL, CONTACT), (DEAL, COMPANY), (CONTACT, CONTACT))


class MutationError(ValueError):
    """The portal has too few records for what was asked, or the object is not one that can be changed so."""


class Mutation(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of `POST /mutate`: how many of each."""

    seed: int = 0
    object: str | None = None
    """Any object; None: contacts mostly, companies and deals too."""
    creates: Count = 0
    edits: Count = 0
    archives: Count = 0
    merges: Count = 0
    associations: Count = 0
    activity: Count = 0
    """Of every family that is a feed: opens, changes of subscriptions."""
    erases: Count = 0
    """Contacts erased for good, as by gdpr-delete."""
    restores: Count = 0
    """Archived records brought back; those whose unique values are taken stay archived."""


Done = dict[str, dict[str, list[Any]]]


def mutate(portal: Portal, wanted: Mutation) -> Done:
    """Change the portal and give what was done, ids by kind and object; commits once, or changes nothing."""
    with portal.lock:
        try:
            done = Mutating(portal, wanted).run()
        except BaseException:
            portal.rollback()
            raise
        portal.commit()
        return done


class Mutating:
    """One call of `mutate`. No record is changed twice in it, so that the counts are counts of records."""

    def __init__(self, portal: Portal, wanted: Mutation) -> None:
        self.portal, self.wanted = portal, wanted
        self.rng = Random(f"mutation {wanted.seed}")  # noqa: S311 - repeatable on purpose
        self.samples = Samples(portal, owners.live_ids(portal), portal.now_ms())
        self.request = f"mutate {wanted.seed}"
        self.makers: dict[str, object_samples.Maker] = {}
        self.done: Done = {kind: {} for kind in KINDS}

    def run(self) -> Done:
        """Draw the records first, then change them, then link what is still alive."""
        wanted = self.wanted
        splits = {kind: self.split(getattr(wanted, kind)) for kind in KINDS if kind not in {"associations", "erases"}}
        splits["erases"] = dict.fromkeys(self.types(), 0) | {CONTACT: wanted.erases}
        if wanted.erases and CONTACT not in self.types():
            raise MutationError(f"object is {wanted.object!r}; only contacts can be erased")
        for type_id in self.types():
            self.change(type_id, {kind: split[type_id] for kind, split in splits.items()})
        if wanted.associations:
            self.done["associations"] = self.relink(wanted.associations)
        if wanted.activity:
            self.done["activity"] = {
                name: family.act(self.portal, self.rng, wanted.activity)
                for family in FAMILIES
                if family.act is not None
                for name in list(family.truths)[:1]
            }
        return {kind: found for kind, found in self.done.items() if found}

    def types(self) -> tuple[str, ...]:
        """Name the object types to change."""
        if self.wanted.object is None:
            return (CONTACT, COMPANY, DEAL)
        return (self.portal.types.resolve(self.wanted.object).type_id,)

    def split(self, count: int) -> dict[str, int]:
        """Split a count over the object types."""
        types = self.types()
        if len(types) == 1:
            return {types[0]: count}
        parts = {type_id: int(count * share) for type_id, share in SHARES}
        return {CONTACT: count - sum(parts.values()), **parts}

    def change(self, type_id: str, counts: dict[str, int]) -> None:
        """Make the changes of one object type."""
        name = self.portal.types.resolve(type_id).name
        needed = counts["edits"] + counts["archives"] + counts["erases"] + 2 * counts["merges"]
        if counts["merges"] and not self.portal.types.resolve(type_id).mergeable:
            raise MutationError(f"{name} cannot be merged; ask for 0 merges")
        live = self.live_ids(type_id) if needed else []
        if needed > len(live):
            raise MutationError(f"{name}: {needed} live records are needed, the portal has {len(live)}; ask for fewer")
        chosen = iter(self.rng.sample(live, needed))
        if counts["restores"]:
            self.done["restores"][name] = self.restore(type_id, counts["restores"])
        actions: dict[str, Callable[[], object]] = {
            "edits": lambda: self.edit(type_id, next(chosen)),
            "archives": lambda: self.archive(type_id, next(chosen)),
            "erases": lambda: self.erase(type_id, next(chosen)),
            "merges": lambda: self.merge(type_id, next(chosen), next(chosen)),
            "creates": lambda: self.create(type_id),
        }
        for kind, action in actions.items():
            if counts[kind]:
                self.done[kind][name] = [action() for _ in range(counts[kind])]

    def live_ids(self, type_id: str) -> list[int]:
        """Give the ids of the live records, ascending."""
        table = self.portal.table(type_id).name
        return [record for (record,) in self.portal.db.execute(f"SELECT id FROM {table} WHERE state = 0 ORDER BY id")]

    def create(self, type_id: str) -> str:
        """Create a record whose unique values nobody has."""
        number = (self.portal.table(type_id).last_id() or 0) + 1_000_000
        made = self.build(type_id, number)
        while self.is_taken(type_id, made):
            number += 1
            made = self.build(type_id, number)
        return str(self.portal.create_record(type_id, made, request=self.request))

    def build(self, type_id: str, number: int) -> Values:
        """Build the writable values of a new record."""
        if type_id == CONTACT:
            made = self.samples.build_contact(self.rng, number)
        elif type_id == COMPANY:
            made = self.samples.build_company(self.rng, number)
        elif type_id == DEAL:
            pipeline, stages = pipelines.stages(self.portal, DEAL)
            made = self.samples.build_deal(self.rng, number, stages, pipeline)
        else:
            made = self.maker(type_id).values(number, self.portal.now_ms())
        known = self.portal.properties(type_id)
        made.pop("hs_additional_emails", None)  # an enumeration without options: only HubSpot's own pages write it
        return self.checked(type_id, {name: value for name, value in made.items() if not known[name].read_only}, None)

    def checked(self, type_id: str, given: Values, before: Values | None) -> Values:
        """Normalise values as an HTTP write does."""
        stored, problems = values.check(self.portal, self.portal.types.resolve(type_id), given, before)
        if problems:
            names = ", ".join(problem.name for problem in problems)
            raise MutationError(
                f"the generator made values that the portal refuses, of {names}; this is a defect of it"
            )
        return stored

    def is_taken(self, type_id: str, made: Values) -> bool:
        """Tell whether a unique value of these is held by a live record."""
        pairs = [("email", made["email"])] if "email" in made else []
        pairs += [(name, made[name]) for name in made if self.portal.properties(type_id)[name].unique]
        return any(self.portal.holder(type_id, name, value) is not None for name, value in pairs)

    def edit(self, type_id: str, record_id: int) -> str:
        """Change one to four values of a record."""
        before = self.portal.values_of(type_id, record_id)
        drawn = (
            self.samples.build_change(self.rng, type_id, before)
            if type_id in SAMPLED
            else self.maker(type_id).change(before)
        )
        changes = self.checked(type_id, drawn, before)
        self.portal.update_record(type_id, record_id, changes, request=self.request)
        return str(record_id)

    def maker(self, type_id: str) -> object_samples.Maker:
        """Give what makes values of a type that has no samples of its own."""
        if type_id not in self.makers:
            self.makers[type_id] = object_samples.maker_of(self.portal, self.rng, type_id)
        return self.makers[type_id]

    def erase(self, type_id: str, record_id: int) -> str:
        """Erase a contact for good."""
        self.portal.purge_record(type_id, record_id, request=self.request)
        return str(record_id)

    def archive(self, type_id: str, record_id: int) -> str:
        """Archive a record."""
        self.portal.archive_record(type_id, record_id, request=self.request)
        return str(record_id)

    def restore(self, type_id: str, count: int) -> list[str]:
        """Bring back archived records, as many as can be of those drawn."""
        table = self.portal.table(type_id).name
        sql = f"SELECT id FROM {table} WHERE state <> 0 AND state = {State.ARCHIVED:d} ORDER BY id"
        archived = [record for (record,) in self.portal.db.execute(sql)]
        if count > len(archived):
            name = self.portal.types.resolve(type_id).name
            raise MutationError(f"{name}: {count} archived records are needed, the portal has {len(archived)}")
        chosen = self.rng.sample(archived, count)
        return [str(each) for each in chosen if self.portal.restore_record(type_id, each, request=self.request)]

    def merge(self, type_id: str, primary: int, merged: int) -> dict[str, str]:
        """Merge two records."""
        survivor = self.portal.merge_records(type_id, primary, merged, request=self.request)
        return {"primary": str(primary), "merged": str(merged), "survivor": str(survivor)}

    def relink(self, count: int) -> dict[str, list[Any]]:
        """Make new links, set labels, and remove links, in turn, from records of the types in hand."""
        ways = [way for way in LINKED if way[0] in self.types()]
        for type_id in self.types() if not ways else ():
            known = (associations.direction(self.portal, type_id, end) for end in (CONTACT, COMPANY, DEAL))
            ways += [(each.from_type, each.to_type) for each in known if each.default is not None]
        live = {type_id: self.live_ids(type_id) for way in ways for type_id in way}
        ways = [(start, end) for start, end in ways if live[start] and len(live[end]) > (start == end)]
        if not ways:
            raise MutationError("no two live records could be linked; ask for 0 associations")
        found: dict[str, list[Any]] = {}
        for turn in range(count):
            from_type, to_type = ways[turn % len(ways)]
            from_id = self.rng.choice(live[from_type])
            change = self.remove_link(from_type, from_id, to_type) if turn % 3 == 2 else None
            change = change or self.add_link(from_type, from_id, to_type, live[to_type], labelled=turn % 3 == 1)
            found.setdefault(self.portal.types.resolve(from_type).name, []).append(change)
        return found

    def add_link(
        self, from_type: str, from_id: int, to_type: str, to_ids: list[int], *, labelled: bool
    ) -> dict[str, Any]:
        """Link a record to another one, with a label of the portal where there is one."""
        to_id = self.rng.choice(to_ids)
        while from_type == to_type and to_id == from_id:
            to_id = self.rng.choice(to_ids)
        ways = associations.direction(self.portal, from_type, to_type)
        labels = sorted(key for key in ways.by_key if key[0] == associations.USER_DEFINED) if labelled else []
        types = [self.rng.choice(labels)] if labels else []
        associations.link(self.portal, from_type, from_id, to_type, to_id, types, request=self.request)
        return self.told("labelled" if types else "linked", from_type, from_id, to_type, to_id)

    def remove_link(self, from_type: str, from_id: int, to_type: str) -> dict[str, Any] | None:
        """Remove one of a record's links; None where it has none."""
        name = self.portal.types.resolve(to_type).name
        links = associations.links_of(self.portal, from_type, from_id)
        ends = sorted({int(link["toId"]) for link in links if link["toObject"] == name})
        if not ends:
            return None
        to_id = self.rng.choice(ends)
        associations.unlink(self.portal, from_type, from_id, to_type, to_id, request=self.request)
        return self.told("unlinked", from_type, from_id, to_type, to_id)

    def told(self, action: str, from_type: str, from_id: int, to_type: str, to_id: int) -> dict[str, Any]:
        """Describe a change of a link."""
        names = self.portal.types.resolve(from_type).name, self.portal.types.resolve(to_type).name
        return {"action": action, "from": names[0], "fromId": str(from_id), "to": names[1], "toId": str(to_id)}
