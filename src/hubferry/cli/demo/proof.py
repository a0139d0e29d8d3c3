"""Compares tables with the portal's own truth, value by value and link by link, both read in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pyarrow as pa
import urllib3

from hubferry.project import Project

OBJECTS = ("contacts", "companies", "deals")
PAIRS = (("deals", "contacts"), ("deals", "companies"), ("contacts", "companies"))
_SHOWN = 5

Link = tuple[str, str, str, str, int, str | None]


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
    truth = {name: list(_fetch_truth(control_url, name)) for name in OBJECTS}
    for name in OBJECTS:
        yield _compare_table(project, name, truth[name])
    for one, other in PAIRS:
        yield _compare_links(project, one, other, truth)


def _fetch_truth(control_url: str, name: str) -> Iterator[dict[str, Any]]:
    with urllib3.PoolManager() as pool:
        answer = pool.request("GET", f"{control_url}/truth/{name}")
        yield from (msgspec.json.decode(line) for line in answer.data.splitlines())


# Records


def _compare_table(project: Project, name: str, truth: Iterable[dict[str, Any]]) -> Verdict:
    verdict = Verdict(name)
    table = project.query(f"SELECT * FROM {project.table_name(project.files.file.pull.schema_, name)}")
    ids = table["id"].to_pylist()
    places = {number: place for place, number in enumerate(ids)}
    if len(places) != len(ids):
        verdict.differ(f"{len(ids) - len(places)} ids stand there twice")
    known = {record["id"]: record for record in truth}
    for number in places.keys() - known.keys():
        verdict.differ(f"{number} stands in the table only")
    live = [record for record in known.values() if record["state"] == "live"]
    _compare_states(verdict, known.values(), places, table["_hubferry_deleted_reason"].to_pylist())
    both = [record for record in live if record["id"] in places]
    verdict.rows = len(both)
    _compare_columns(verdict, both, table.take([places[record["id"]] for record in both]))
    return verdict


def _compare_states(
    verdict: Verdict, records: Iterable[Mapping[str, Any]], places: Mapping[str, int], reasons: Sequence[str | None]
) -> None:
    """Compare who lives; a record that went before the first pull need not be in the table."""
    for record in records:
        number, place = record["id"], places.get(record["id"])
        wanted = None if record["state"] == "live" else record["state"]
        if place is None and wanted is None:
            verdict.differ(f"{number} is live, and missing in the table")
        elif place is not None and reasons[place] != wanted:
            verdict.differ(f"{number} is {record['state']}, the table says {reasons[place] or 'live'}")


def _compare_columns(verdict: Verdict, records: Sequence[Mapping[str, Any]], table: pa.Table) -> None:
    """Compare column by column: a column of the right values is one comparison."""
    texts = [record["properties"] for record in records]
    used = set().union(*texts)
    for name in used - set(table.column_names):
        verdict.differ(f"there is no column {name}")
    unparsed = [msgspec.json.decode(text) if text else {} for text in table["_hubferry_unparsed"].to_pylist()]
    for name in table.column_names:
        if name in _OWN or name.startswith("_hubferry_"):
            continue
        column = table[name]
        if name not in used and column.null_count == len(column):
            continue
        wanted = [each.get(name) or None for each in texts]
        verdict.values += len(wanted) - wanted.count(None)
        parse = _parser(str(column.type))
        typed = [None if text is None else parse(text) for text in wanted]
        found = [value if value != "" else None for value in column.to_pylist()]  # "" is how HubSpot says cleared
        if typed == found:
            continue
        for record, text, one, other, rest in zip(records, wanted, typed, found, unparsed, strict=True):
            if one != other and not (other is None and rest.get(name) == text):
                verdict.differ(f"{record['id']}.{name} differs")


_OWN = {"id", "created_at", "updated_at", "archived", "contact_ids"}


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


def _compare_links(project: Project, one: str, other: str, truth: Mapping[str, list[dict[str, Any]]]) -> Verdict:
    verdict = Verdict(f"{one}-{other}")
    wanted = Counter(_truth_links(one, other, truth[one]))
    found = Counter(_stored_links(project, one, other))
    verdict.rows = wanted.total()
    for link in wanted - found:
        verdict.differ(f"{_named(link)} is missing in the table")
    for link in found - wanted:
        verdict.differ(f"{_named(link)} stands in the table only")
    return verdict


def _truth_links(one: str, other: str, records: Iterable[Mapping[str, Any]]) -> Iterator[Link]:
    for record in records:
        if record["state"] != "live":
            continue
        for link in record["associations"]:
            if link["toObject"] == other:
                yield one, record["id"], str(link["toId"]), link["category"], int(link["typeId"]), link["label"]


def _stored_links(project: Project, one: str, other: str) -> Iterator[Link]:
    table = project.table_name(project.files.file.pull.schema_, "associations")
    sql = (
        f"SELECT from_object, from_id, to_id, category, type_id, label FROM {table}"
        " WHERE from_object = ? AND to_object = ? AND _hubferry_deleted_at IS NULL"
    )
    for row in project.query(sql, (one, other)).to_pylist():
        yield (
            row["from_object"],
            str(row["from_id"]),
            str(row["to_id"]),
            row["category"],
            int(row["type_id"]),
            row["label"],
        )


def _named(link: Link) -> str:
    return f"{link[0]} {link[1]} - {link[2]} ({link[3]} {link[4]})"
