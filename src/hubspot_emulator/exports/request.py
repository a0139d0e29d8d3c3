"""What an export asks for, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hubspot_emulator import lists, parsing, search_filters
from hubspot_emulator.http import ApiError
from hubspot_emulator.object_types import ACTIVITIES
from hubspot_emulator.search_filters import Filter

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

ASSOCIATED_TYPES = 4
GROUPS = 5
LANGUAGES = frozenset(
    [
        "AF_ZA",
        "AR_EG",
        "BG",
        "BN",
        "CA_ES",
        "CS",
        "DA_DK",
        "DE",
        "EL_GR",
        "EN",
        "EN_GB",
        "ES",
        "ES_MX",
        "ET_EE",
        "FI",
        "FR",
        "FR_CA",
        "HE_IL",
        "HI_IN",
        "HR",
        "HU",
        "ID",
        "IT",
        "JA",
        "KO_KR",
        "LT_LT",
        "MS",
        "NL",
        "NO",
        "PL",
        "PT_BR",
        "PT_PT",
        "RO",
        "RU",
        "SK_SK",
        "SL",
        "SV",
        "TH",
        "TL",
        "TR",
        "UK",
        "VI_VN",
        "ZH_CN",
        "ZH_HK",
        "ZH_TW",
    ]
)
_REQUIRED = ("exportType", "exportName", "format", "language", "objectType", "objectProperties")
_KNOWN = {
    *_REQUIRED,
    "associatedObjectType",
    "exportInternalValuesOptions",
    "includeLabeledAssociations",
    "includePrimaryDisplayPropertyForAssociatedObjects",
    "listId",
    "overrideAssociatedObjectsPerDefinitionPerRowLimit",
    "publicCrmSearchRequest",
}


@dataclass(frozen=True, kw_only=True)
class Ask:
    """An export, read and checked."""

    name: str
    kind: str
    """VIEW or LIST."""
    file_format: str
    type_id: str
    properties: tuple[str, ...]
    associated: tuple[str, ...]
    internal_names: bool
    internal_values: bool
    labelled: bool
    """A column of ids for each label, beside the one of all ids."""
    displayed: bool
    """A column of names for each associated type."""
    unlimited: bool
    list_id: str | None
    groups: tuple[tuple[Filter, ...], ...]
    words: tuple[str, ...]
    sort: str
    descending: bool


def parse_ask(portal: Portal, raw: object) -> Ask:
    """Read a decoded body; ApiError 400 names what is wrong."""
    body = parsing.fields(raw, _KNOWN)
    missing = [name for name in _REQUIRED if not body.get(name)]
    if missing:
        raise ApiError(400, f"An export needs {', '.join(missing)}")
    kind = _one_of(body["exportType"], ("LIST", "VIEW"), "exportType")
    file_format = _one_of(str(body["format"]).upper(), ("CSV", "XLS", "XLSX"), "format")
    if file_format == "XLS":
        raise ApiError(400, "The emulator writes no XLS files: ask for XLSX or CSV")
    _one_of(str(body["language"]).upper(), sorted(LANGUAGES), "language")
    object_type = portal.types.resolve(parsing.text(body["objectType"], where="objectType"))
    if object_type.type_id in ACTIVITIES and not portal.knobs.exports_take_activities:
        raise ApiError(400, f"{object_type.name} cannot be exported")
    options = parsing.texts(body.get("exportInternalValuesOptions"), where="exportInternalValuesOptions")
    for option in options:
        _one_of(option, ("NAMES", "VALUES"), "exportInternalValuesOptions")
    search = parsing.fields(
        body.get("publicCrmSearchRequest") or {}, {"filterGroups", "filters", "query", "sorts"}, where="the search"
    )
    sort, descending = _sort(search.get("sorts"))
    ask = Ask(
        name=parsing.text(body["exportName"], where="exportName"),
        kind=kind,
        file_format=file_format,
        type_id=object_type.type_id,
        properties=tuple(dict.fromkeys(parsing.texts(body["objectProperties"], where="objectProperties"))),
        associated=_associated(portal, body.get("associatedObjectType")),
        internal_names="NAMES" in options,
        internal_values="VALUES" in options,
        labelled=_flag(body, "includeLabeledAssociations"),
        displayed=_flag(body, "includePrimaryDisplayPropertyForAssociatedObjects"),
        unlimited=_flag(body, "overrideAssociatedObjectsPerDefinitionPerRowLimit"),
        list_id=None if body.get("listId") is None else parsing.text(body["listId"], where="listId"),
        groups=_groups(portal, search),
        words=tuple(str(search.get("query") or "").lower().split()),
        sort=sort,
        descending=descending,
    )
    _check(portal, ask, has_search=bool(ask.groups or ask.words))
    return ask


def _check(portal: Portal, ask: Ask, *, has_search: bool) -> None:
    kind, known = portal.types.resolve(ask.type_id), portal.properties(ask.type_id)
    for name in (*ask.properties, ask.sort):
        if name not in known or known[name].archived:
            raise ApiError(400, f'Property "{name}" does not exist for {kind.name}: it cannot be exported')
    for group in ask.groups:
        search_filters.build_group(portal, kind, group)
    if ask.kind == "VIEW":
        if ask.list_id is not None:
            raise ApiError(400, "listId belongs to exports of exportType LIST")
        return
    if ask.list_id is None or has_search:
        raise ApiError(400, "An export of exportType LIST needs listId and takes no filters")
    found = lists.find(portal, ask.list_id)
    if found.type_id != ask.type_id:
        raise ApiError(400, f"List {ask.list_id} is no list of {kind.name}")


def _associated(portal: Portal, raw: object) -> tuple[str, ...]:
    """An array, or one name as in HubSpot's guide."""
    names = [raw] if isinstance(raw, str) else parsing.texts(raw, where="associatedObjectType")
    if len(names) > ASSOCIATED_TYPES:
        raise ApiError(400, f"associatedObjectType may name {ASSOCIATED_TYPES} object types, not {len(names)}")
    return tuple(dict.fromkeys(portal.types.resolve(name).type_id for name in names))


def _groups(portal: Portal, search: Mapping[str, Any]) -> tuple[tuple[Filter, ...], ...]:
    raw = parsing.items(search.get("filterGroups"), where="filterGroups")
    listed = [
        parsing.items(parsing.fields(each, {"filters"}, where="a filter group").get("filters"), where="filters")
        for each in raw
    ]
    if search.get("filters"):
        listed.append(parsing.items(search["filters"], where="filters"))
    count, most = sum(map(len, listed)), max(map(len, listed), default=0)
    of_group, in_all = portal.knobs.search_filters_a_group, portal.knobs.search_filters
    if len(listed) > GROUPS or most > of_group or count > in_all:
        raise ApiError(400, f"An export may have {GROUPS} filter groups of {of_group} filters, {in_all} in all")
    return tuple(tuple(_filter(each) for each in filters) for filters in listed)


def _filter(raw: object) -> Filter:
    """The guide says `property`, the OpenAPI file `propertyName`."""
    if isinstance(raw, dict) and "property" in raw and "propertyName" not in raw:
        raw = {"propertyName" if name == "property" else name: value for name, value in raw.items()}
    return search_filters.parse_filter(raw)


def _sort(raw: object) -> tuple[str, bool]:
    sorts = parsing.items(raw, where="sorts")
    if len(sorts) > 1:
        raise ApiError(400, f"An export can be sorted by one property, not {len(sorts)}")
    if not sorts:
        return "hs_object_id", False
    if isinstance(sorts[0], str):
        return sorts[0].removeprefix("-"), sorts[0].startswith("-")
    parts = parsing.fields(sorts[0], {"order", "property", "propertyName"}, where="a sort")
    name = parsing.text(parts.get("propertyName") or parts.get("property"), where="a sort's propertyName")
    return name, _one_of(parts.get("order") or "ASC", ("ASC", "DESC"), "order") == "DESC"


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise ApiError(400, f"{name} must be true or false")
    return bool(value)


def _one_of(raw: object, allowed: Sequence[str], where: str) -> str:
    text = parsing.text(raw, where=where)
    if text not in allowed:
        raise ApiError(400, f"{where} must be one of {', '.join(allowed)}, not {text}")
    return text
