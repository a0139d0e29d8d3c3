"""Compares tables with the portal's own truth, value by value and link by link, both read in full.

Whole columns are compared at once; what does not come out equal that way is looked at value by value, and only that.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
import urllib3

from hubferry.project import Project

OBJECTS = ("contacts", "companies", "deals")
PAIRS = (("deals", "contacts"), ("deals", "companies"), ("contacts", "companies"))
_SHOWN = 5
_BLOCK = 1 << 24
"""A record is one line of JSON, and must fit into a block of the reader."""
_OWN = {"created_at": "createdAt", "updated_at": "updatedAt"}
_UNCOMPARED = {"id", "archived", "contact_ids"}
_TEXT = pa.string()
_LINK = {"toObject": _TEXT, "toId": _TEXT, "category": _TEXT, "typeId": pa.int64(), "label": _TEXT}
_RECORD = {"id": _TEXT, "state": _TEXT, "createdAt": _TEXT, "updatedAt": _TEXT}


@dataclass
class Verdict:
    """What was compared, and the first differences."""

    table: str
    rows: int = 0
    values: int = 0
    differences: list[str] = field(default_factory=list)

    def differ(self, what: str) -> None:
        """Note a difference; of many, the first few say enough."""
        if len(self.differences) < _SHOWN:
            self.differences.append(what)


def compare(project: Project, control_url: str) -> Iterator[Verdict]:
    """Compare every row of contacts, companies and deals, and of the links between them."""
    links: dict[str, pa.Table] = {}
    for name in OBJECTS:
        table = project.query(f"SELECT * FROM {project.table_name(project.files.file.pull.schema_, name)}")
        truth = _fetch_truth(control_url, name, table.column_names)
        links[name] = _build_links(truth)
        yield _compare_table(name, table, truth)
    for one, other in PAIRS:
        yield _compare_links(project, one, other, links[one])


def _fetch_truth(control_url: str, name: str, properties: Iterable[str]) -> pa.Table:
    """Read every record; texts stay texts, and a property that the table has no column for comes along, too."""
    with urllib3.PoolManager() as pool:
        body = pool.request("GET", f"{control_url}/truth/{name}").data
    known = pa.struct([(each, _TEXT) for each in properties if each not in _OWN and each not in _UNCOMPARED])
    schema = pa.schema({**_RECORD, "properties": known, "associations": pa.list_(pa.struct(list(_LINK.items())))})
    return pyarrow.json.read_json(
        io.BytesIO(body),
        read_options=pyarrow.json.ReadOptions(block_size=_BLOCK),
        parse_options=pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="infer"),
    ).combine_chunks()


# Records


def _compare_table(name: str, table: pa.Table, truth: pa.Table) -> Verdict:
    verdict = Verdict(name)
    ids, known = table["id"].to_pylist(), truth["id"].to_pylist()
    places = {number: place for place, number in enumerate(ids)}
    if len(places) != len(ids):
        verdict.differ(f"{len(ids) - len(places)} ids stand there twice")
    for number in sorted(places.keys() - set(known)):
        verdict.differ(f"{number} stands in the table only")
    states = dict(zip(known, truth["state"].to_pylist(), strict=True))
    reasons = dict(zip(ids, table["_hubferry_deleted_reason"].to_pylist(), strict=True))
    _compare_states(verdict, states, reasons)
    both = [place for place, number in enumerate(known) if states[number] == "live" and number in places]
    verdict.rows = len(both)
    _compare_columns(verdict, table.take([places[known[place]] for place in both]), truth.take(both))
    return verdict


def _compare_states(verdict: Verdict, states: Mapping[str, str], reasons: Mapping[str, str | None]) -> None:
    """Compare who lives; a record that went before the first pull need not be in the table."""
    for number, state in states.items():
        wanted = None if state == "live" else state
        if number not in reasons:
            if wanted is None:
                verdict.differ(f"{number} is live, and missing in the table")
        elif reasons[number] != wanted:
            verdict.differ(f"{number} is {state}, the table says {reasons[number] or 'live'}")


def _compare_columns(verdict: Verdict, table: pa.Table, truth: pa.Table) -> None:
    """Compare the rows of a table with the records of the same places."""
    properties = truth["properties"].combine_chunks()
    names = [each.name for each in properties.type]
    wanted = {**dict(zip(names, properties.flatten(), strict=True)), **{own: truth[name] for own, name in _OWN.items()}}
    for name in wanted.keys() - set(table.column_names):
        if pc.count(wanted[name]).as_py():
            verdict.differ(f"there is no column {name}")
    for name in table.column_names:
        if name in wanted and not name.startswith("_hubferry_"):
            verdict.values += _compare_column(verdict, name, _filled(wanted[name]), table)


def _compare_column(verdict: Verdict, name: str, wanted: pa.Array, table: pa.Table) -> int:
    """Compare one column; give how many values it should hold."""
    column = _filled(table[name])
    for place in _doubtful(wanted, column):
        row = table.slice(place, 1)
        text, value = wanted[place].as_py(), column[place].as_py()
        rest = msgspec.json.decode(row["_hubferry_unparsed"][0].as_py() or "{}")
        typed = None if text is None else _parser(str(column.type))(text)
        if typed != value and not (value is None and rest.get(name) == text):
            verdict.differ(f"{row['id'][0].as_py()}.{name} differs")
    return int(pc.count(wanted).as_py())


def _filled(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Give a column in which a cleared text is none: "" is how HubSpot says cleared."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return pc.if_else(pc.equal(whole, ""), None, whole) if pa.types.is_string(whole.type) else whole


def _doubtful(wanted: pa.Array, found: pa.Array) -> list[int]:
    """Give the places at which a whole-column comparison does not find the text and the typed value to be the same."""
    both = pc.and_(wanted.is_valid(), found.is_valid())
    one_only = pc.xor(wanted.is_valid(), found.is_valid())
    places: list[int] = pc.indices_nonzero(one_only).to_pylist()
    if pc.any(both).as_py():
        try:
            same = _same(wanted.filter(both), found.filter(both))
            places += pc.indices_nonzero(both).filter(pc.invert(pc.fill_null(same, False))).to_pylist()
        except pa.ArrowInvalid:  # a text that is none of the column's type: look at all of them
            places += pc.indices_nonzero(both).to_pylist()
    return places


def _same(texts: pa.Array, values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_list(kind):
        return pc.equal(texts, pc.binary_join(values, ";"))
    if pa.types.is_boolean(kind):
        return pc.equal(texts, values.cast(_TEXT))
    if pa.types.is_date(kind):
        texts = pc.utf8_slice_codeunits(texts, 0, 10)
    return pc.equal(texts.cast(kind), values)


def _parser(kind: str) -> Callable[[str], object]:
    """Give what makes a typed value of HubSpot's text, by the column's type; a text that does not fit stays a text."""
    if kind.startswith("timestamp"):
        return _moment
    if kind.startswith("list"):
        return lambda text: [part for part in text.split(";") if part]
    parsers: dict[str, Callable[[str], object]] = {
        "bool": _truth_of,
        "double": _number,
        "int64": _number,
        "date32[day]": _day,
    }
    return parsers.get(kind, str)


def _truth_of(text: str) -> object:
    return {"true": True, "false": False}.get(text, text)


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _day(text: str) -> object:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return text


def _moment(text: str) -> object:
    try:
        return datetime.fromtimestamp(int(text) / 1000, UTC) if text.isdigit() else datetime.fromisoformat(text)
    except ValueError:
        return text


# Links


def _build_links(truth: pa.Table) -> pa.Table:
    """Give the links of live records, one a row."""
    live = truth.filter(pc.equal(truth["state"], "live"))
    lists = live["associations"].combine_chunks()
    ends = live["id"].combine_chunks().take(pc.list_parent_indices(lists))
    return pa.table([ends, *pc.list_flatten(lists).flatten()], names=["from_id", *_LINK])


def _compare_links(project: Project, one: str, other: str, links: pa.Table) -> Verdict:
    """Compare as bags: a link that stands there twice is a difference, too."""
    wanted = links.filter(pc.equal(links["toObject"], other)).drop_columns(["toObject"])
    verdict = Verdict(f"{one}-{other}", rows=wanted.num_rows)
    found = _query_links(project, one, other)
    with duckdb.connect() as engine:
        engine.register("wanted", wanted)
        engine.register("found", found)
        for sides, what in (
            ("wanted EXCEPT ALL FROM found", "is missing in the table"),
            ("found EXCEPT ALL FROM wanted", "stands in the table only"),
        ):
            for start, end, category, number, _ in engine.execute(f"FROM {sides} LIMIT {_SHOWN}").fetchall():
                verdict.differ(f"{one} {start} - {end} ({category} {number}) {what}")
    return verdict


def _query_links(project: Project, one: str, other: str) -> pa.Table:
    table = project.table_name(project.files.file.pull.schema_, "associations")
    sql = (
        f"SELECT from_id, to_id, category, type_id, label FROM {table}"
        " WHERE from_object = ? AND to_object = ? AND _hubferry_deleted_at IS NULL"
    )
    rows: Any = project.query(sql, (one, other))
    return rows
