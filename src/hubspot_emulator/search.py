"""Search: an index of live records that may lag behind them.

While the index lags, a record is found (or not) by what it was, counted as what it was, and shown as what it is:
a new record is missing, an archived one still counts in `total`, and a changed one may not satisfy its own filter
(HS-04).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from zlib import crc32

import msgspec

from hubspot_emulator import parsing, reading, scopes, search_filters
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.reading import Shown
from hubspot_emulator.routing import versioned
from hubspot_emulator.search_filters import Group
from hubspot_emulator.storage import State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

PAGE_LIMIT = 200
RESULT_LIMIT = 10_000
GROUPS = 5
QUERY_LIMIT = 3_000

_decode = msgspec.json.Decoder(dict[str, str]).decode


@dataclass(frozen=True, kw_only=True)
class Query:
    """A search, read and checked."""

    groups: tuple[Group, ...]
    words: tuple[str, ...]
    sort: str
    descending: bool
    properties: tuple[str, ...]
    limit: int
    offset: int

    @property
    def plain(self) -> bool:
        """Tell whether columns alone can answer."""
        return len(self.groups) == 1 and not self.groups[0].rest and not self.words


def search(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer one page of hits, `total` counting all."""
    parsing.known_parameters(request, ())
    kind = portal.types.resolve(request.params["objectType"])
    query = _parse(portal, kind, request)
    skipped = _empty_before(portal, query)
    if skipped is None:
        return json_response(
            {"total": _find(portal, kind, query)[0], "results": [], "paging": _after(query.offset + query.limit)}
        )
    shift = skipped * query.limit
    query = replace(query, offset=query.offset - shift)
    total, ids = _find(portal, kind, query)
    table = portal.table(kind.type_id)
    limit = _page_size(portal, query, total)
    page = _disordered(portal, ids[:limit])
    rows = table.rows(page) if page else {}
    live = [rows[record_id] for record_id in page if record_id in rows and rows[record_id].state == State.LIVE]
    results = reading.records(portal, kind, live, Shown(properties=query.properties, granted=request.granted))
    answer: dict[str, object] = {"total": total, "results": results}
    if query.offset + limit < total:
        answer["paging"] = _after(query.offset + limit + shift)
    return json_response(answer)


def _parse(portal: Portal, kind: ObjectType, request: ApiRequest) -> Query:
    body = parsing.fields(request.json(), {"filterGroups", "filters", "sorts", "query", "properties", "limit", "after"})
    limit, offset = _number(body, "limit", 10), _number(body, "after", 0)
    if not 1 <= limit <= PAGE_LIMIT:
        raise ApiError(400, f"limit must be a whole number from 1 to {PAGE_LIMIT}, not {limit}")
    last = offset + limit if portal.knobs.search_end_counts_limit else offset + 1
    if last > RESULT_LIMIT:
        raise ApiError(400, "Cannot fetch more than 10000 total records for this endpoint", category=None)
    words = str(body.get("query") or "")
    if len(words) > QUERY_LIMIT:
        raise ApiError(400, f"query has {len(words)} characters; the most is {QUERY_LIMIT}")
    sort, descending = _sort(portal, kind, body.get("sorts"))
    return Query(
        groups=tuple(_groups(portal, kind, body)),
        words=tuple(words.lower().split()),
        sort=sort,
        descending=descending,
        properties=tuple(parsing.texts(body.get("properties"), where="properties")),
        limit=limit,
        offset=offset,
    )


def _groups(portal: Portal, kind: ObjectType, body: Mapping[str, Any]) -> Iterator[Group]:
    raw = parsing.items(body.get("filterGroups"), where="filterGroups")
    listed = [
        parsing.items(parsing.fields(each, {"filters"}, where="a filter group").get("filters"), where="filters")
        for each in raw
    ]
    if body.get("filters"):
        listed.append(parsing.items(body["filters"], where="filters"))
    most = max((len(filters) for filters in listed), default=0)
    count = sum(len(filters) for filters in listed)
    of_group, in_all = portal.knobs.search_filters_a_group, portal.knobs.search_filters
    if len(listed) > GROUPS or most > of_group or count > in_all:
        raise ApiError(
            400,
            f"A search may have {GROUPS} filter groups of {of_group} filters, {in_all} in all;"
            f" this one has {len(listed)} groups of up to {most}, {count} in all",
        )
    for filters in listed or [[]]:
        yield search_filters.build_group(portal, kind, [search_filters.parse_filter(each) for each in filters])


def _sort(portal: Portal, kind: ObjectType, raw: object) -> tuple[str, bool]:
    sorts = parsing.items(raw, where="sorts")
    if len(sorts) > 1:
        raise ApiError(400, f"A search can be sorted by one property, not {len(sorts)}")
    if not sorts:
        return kind.created_property, False
    if isinstance(sorts[0], str):
        name, direction = sorts[0].removeprefix("-"), "DESCENDING" if sorts[0].startswith("-") else "ASCENDING"
    else:
        parts = parsing.fields(sorts[0], {"propertyName", "direction"}, where="a sort")
        name = parsing.text(parts.get("propertyName"), where="a sort's propertyName")
        direction = parts.get("direction") or "ASCENDING"
    if direction not in {"ASCENDING", "DESCENDING"}:
        raise ApiError(400, f"direction must be ASCENDING or DESCENDING, not {direction}")
    if name not in portal.properties(kind.type_id):
        raise ApiError(400, f'Property "{name}" does not exist for {kind.name}: it cannot be sorted by')
    return name, direction == "DESCENDING"


def _find(portal: Portal, kind: ObjectType, query: Query) -> tuple[int, list[int]]:
    """Give the number of hits and the ids of those from the offset on, at least a page of them."""
    stale = _old_images(portal, kind)
    column = search_filters.column(kind, query.sort)
    if query.plain and column and not stale:
        return _find_by_columns(portal, kind, query, column)
    definition = portal.properties(kind.type_id)[query.sort]
    read = search_filters.comparable(definition)
    hits = _hits(portal, kind, query, stale)
    with_key = sorted(
        (
            (key, record_id)
            for record_id, values in hits.items()
            if (key := _sort_key(read, values, query.sort)) is not None
        ),
        key=lambda hit: (hit[0], hit[1]),
        reverse=query.descending,
    )
    without_key = sorted(set(hits) - {record_id for _, record_id in with_key})
    ids = [record_id for _, record_id in with_key] + without_key
    return len(ids), ids[query.offset :]


def _sort_key(read: Callable[[str], Any], values: Mapping[str, str], name: str) -> object | None:
    """Give what a record is sorted by; a number property may hold "N/A", which sorts like no value."""
    try:
        return read(values[name]) if values.get(name) else None
    except ValueError:
        return None


def _find_by_columns(portal: Portal, kind: ObjectType, query: Query, column: str) -> tuple[int, list[int]]:
    table, group = portal.table(kind.type_id), query.groups[0]
    where = " AND ".join(["state = 0", *group.where])
    # A window over the modified date is the narrow side of nearly every search; the planner does not know.
    windowed = any(condition.startswith("updated_ms") for condition in group.where)
    source = f"{table.name} INDEXED BY {table.modified_index}" if windowed else table.name
    (total,) = portal.db.execute(f"SELECT count(*) FROM {source} WHERE {where}", group.parameters).fetchone()
    if windowed and column == "id" and total > query.limit and total * total > query.limit * table.live_count():
        source = f"{table.name} NOT INDEXED"  # so wide a window is met soon enough in the order of ids
    order = "DESC" if query.descending else "ASC"
    found = portal.db.execute(
        f"SELECT id FROM {source} WHERE {where} ORDER BY {column} {order}, id {order} LIMIT ? OFFSET ?",
        (*group.parameters, query.limit, query.offset),
    )
    return total, [record_id for (record_id,) in found]


def _hits(
    portal: Portal, kind: ObjectType, query: Query, stale: Mapping[int, dict[str, str] | None]
) -> dict[int, Mapping[str, str]]:
    """Give all hits with the values they were found by."""
    table = portal.table(kind.type_id)
    hits: dict[int, Mapping[str, str]] = {}
    for group in query.groups:
        where = " AND ".join(["state = 0", *group.where])
        for record_id, blob in portal.db.execute(
            f"SELECT id, properties FROM {table.name} WHERE {where}", group.parameters
        ):
            if record_id in stale or record_id in hits:
                continue
            values = _decode(blob)
            if all(matches(values) for matches in group.rest):
                hits[record_id] = values
        lagging = {record_id: old for record_id, old in stale.items() if old is not None}
        hits |= {record_id: old for record_id, old in lagging.items() if all(matches(old) for matches in group.every)}
    if query.words:
        hits = {record_id: values for record_id, values in hits.items() if _has_words(kind, query.words, values)}
    return hits


def _old_images(portal: Portal, kind: ObjectType) -> dict[int, dict[str, str] | None]:
    """Give what the index still holds of records written within the lag; None: it holds nothing of them."""
    if not portal.index_lag_ms:
        return {}
    portal.db.execute("DELETE FROM old_images WHERE indexed_ms <= ?", (portal.now_ms(),))
    images: dict[int, dict[str, str] | None] = {}
    for record_id, state, blob in portal.db.execute(
        "SELECT record_id, state, properties FROM old_images WHERE type_id = ? ORDER BY seq", (kind.type_id,)
    ):
        if record_id not in images:  # the oldest image is the last one indexed
            images[record_id] = _decode(blob) if state == State.LIVE else None
    return images


def _has_words(kind: ObjectType, words: Iterable[str], values: Mapping[str, str]) -> bool:
    texts = [values.get(name, "").lower() for name in kind.searched]
    return all(any(word in text for text in texts) for word in words)


def _after(offset: int) -> dict[str, dict[str, str]]:
    return {"next": {"after": str(offset)}}


def _empty_before(portal: Portal, query: Query) -> int | None:
    """Count the empty pages before a page; None: it is one itself. They take offsets and hold no hits."""
    every = portal.knobs.search_empty_page_every
    if not every:
        return 0
    number = query.offset // query.limit
    return None if number % every == every - 1 else number // every


def _disordered(portal: Portal, ids: list[int]) -> list[int]:
    """Put every n-th page into an order that nobody asked for, where the knob says so."""
    every = portal.knobs.search_unsorted_page_every
    if not every:
        return ids
    portal.unsorted_pages += 1
    return ids if portal.unsorted_pages % every else sorted(ids, key=lambda record_id: crc32(b"%d" % record_id))


def _page_size(portal: Portal, query: Query, total: int) -> int:
    """Halve every n-th page that has a successor, where the knob says so."""
    every = portal.knobs.search_short_page_every
    if not every or query.offset + query.limit >= total or query.limit < 2:
        return query.limit
    portal.search_pages += 1
    return query.limit if portal.search_pages % every else query.limit // 2


def _number(body: Mapping[str, Any], name: str, default: int) -> int:
    given = body.get(name)
    if given is None or given == "":
        return default
    text = str(given)
    if isinstance(given, bool) or not text.isdigit():
        raise ApiError(400, f"{name} must be a whole number, not {text}")
    return int(text)


ROUTES: tuple[Route, ...] = versioned(
    "objects", "POST", "/{objectType}/search", search, kind="search", scopes=scopes.read_object
)
