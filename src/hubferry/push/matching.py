"""How the rows of a sync find their records, and what guards a create against being made twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hubferry.config.model import Sync
from hubferry.errors import ConfigError, UnknownNameError
from hubferry.hubspot.properties import Property
from hubferry.objects import CrmObject

RECORD_ID = "hs_object_id"
HUBFERRY_KEY = "hubferry_key"
NOTHING = "none"
NEW_KEY = Property(name=HUBFERRY_KEY, label="hubferry key", type="string", field_type="text", has_unique_value=True)
"""The unique property that a plan makes where an object has none."""


@dataclass(frozen=True, kw_only=True)
class Matching:
    """What decides which record a row is, after the ledger."""

    kind: Literal["record_id", "unique", "scanned", "keyless"]
    """By the record id the row names; by a unique property; by a property that a list scan is made for (`domain`); or by
    the ledger alone, so that nothing guards a create."""
    property: Property | None = None
    makes_property: bool = False
    """The unique property is not there yet: the plan makes it."""
    adopt_by: Property | None = None
    """How records without the match property are found, once."""


def build_matching(sync: Sync, kind: CrmObject, properties: Mapping[str, Property]) -> Matching:
    """Check `match`, `adopt_by` and `allow_keyless_create`."""
    block = sync.block
    if block.match == RECORD_ID:
        if block.mode == "update":
            return Matching(kind="record_id")
        if not block.allow_keyless_create:
            raise mistake(sync, "match", _unguarded(sync, kind, properties))
        return Matching(kind="keyless")
    if block.match == HUBFERRY_KEY and HUBFERRY_KEY not in properties:
        if not kind.custom_unique:
            raise mistake(sync, "match", f"HubSpot has no unique properties on {kind.name}.")
        _require_adoption(sync, "the property `hubferry_key` does not exist yet")
        return Matching(
            kind="unique", property=NEW_KEY, makes_property=True, adopt_by=_adopt_by(sync, kind, properties)
        )
    prop = find_property(sync, "match", block.match, properties)
    if not any(name == prop.name for name in block.fields) and prop.name != HUBFERRY_KEY:
        raise mistake(
            sync, "match", f"property {prop.name!r} is the match but not among `fields`; add `{prop.name}: <column>`."
        )
    if is_unique(prop, kind.name):
        return Matching(kind="unique", property=prop, adopt_by=_adopt_by(sync, kind, properties))
    if is_domain(prop, kind.name):
        return Matching(kind="scanned", property=prop)
    raise mistake(
        sync,
        "match",
        f"property {prop.name!r} of {kind.name} is not unique in HubSpot, so it cannot decide which record a row is."
        f" Unique here: hs_object_id, {unique_names(kind, properties)}.{_offer(kind)}",
    )


def is_unique(prop: Property, object_name: str) -> bool:
    """Tell whether batch/read and batch/upsert take the property to find a record (contacts' e-mail is so, undeclared)."""
    return prop.has_unique_value or (object_name == "contacts" and prop.name == "email")


def is_domain(prop: Property, object_name: str) -> bool:
    """Tell whether a property is the companies' domain: no unique one, but what people know companies by (HS-19)."""
    return object_name == "companies" and prop.name == "domain"


def unique_names(kind: CrmObject, properties: Mapping[str, Property]) -> str:
    """Name the properties that can decide which record a row is."""
    names = {prop.name for prop in properties.values() if prop.has_unique_value and not prop.read_only}
    return ", ".join(sorted({*names, *(name for name in kind.match_candidates if name in properties)})) or "none yet"


def find_property(sync: Sync, path: str, name: str, properties: Mapping[str, Property]) -> Property:
    """Give a property by name, or say where the wrong name stands."""
    if name not in properties:
        raise UnknownNameError("property", name, known=tuple(properties), file=sync.file, line=sync.line(path))
    return properties[name]


def mistake(sync: Sync, path: str, message: str) -> ConfigError:
    """Make the error of a setting of a sync."""
    return ConfigError(f"sync {sync.name!r}: {message}", file=sync.file, line=sync.line(path))


def require_adoption(sync: Sync) -> None:
    """Refuse the first run on a key that no record holds, unless the sync says what records are adopted."""
    _require_adoption(sync, f"no record of the portal holds the match property {sync.block.match!r} yet")


def _require_adoption(sync: Sync, why: str) -> None:
    if sync.block.adopt_by is None and sync.block.mode in {"upsert", "mirror"}:
        raise mistake(
            sync,
            "match",
            f"{why}, so every row would become a new record, also those that HubSpot has already. Say how to find them:"
            " `adopt_by: email`, `domain` or another property among `fields`; `adopt_by: none` where there are none.",
        )


def _adopt_by(sync: Sync, kind: CrmObject, properties: Mapping[str, Property]) -> Property | None:
    name = sync.block.adopt_by
    if name is None or name == NOTHING:
        return None
    prop = find_property(sync, "adopt_by", name, properties)
    if name not in sync.block.fields:
        raise mistake(
            sync, "adopt_by", f"property {name!r} of {kind.name} is not among `fields`; add `{name}: <column>`."
        )
    return prop


def _offer(kind: CrmObject) -> str:
    if not kind.custom_unique:
        return ""
    return f" Or write `match: {HUBFERRY_KEY}`: the plan then makes that property, unique, and fills it with the key."


def _unguarded(sync: Sync, kind: CrmObject, properties: Mapping[str, Property]) -> str:
    return (
        f"mode {sync.block.mode!r} may create records, and hs_object_id cannot guard a create against being made twice."
        f" Match by a property with unique values ({unique_names(kind, properties)}), or use `mode: update`."
        f"{_offer(kind)} Or take the risk: `allow_keyless_create: true`."
    )
