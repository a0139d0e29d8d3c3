"""Compares tables with the portal's own truth, value by value and link by link, both read in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import msgspec
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
    schema = project.files.file.pull.schema_
    rows = project.query(f"SELECT * FROM {project.table_name(schema, name)}").to_pylist()
    stored = {str(row["id"]): row for row in rows}
    if len(stored) != len(rows):
        verdict.differ(f"{len(rows) - len(stored)} ids stand there twice")
    known = {record["id"]: record for record in truth}
    for record in known.values():
        row = stored.get(record["id"])
        if record["state"] == "live":
            _compare_live(verdict, record, row)
        elif row is not None and row["_hubferry_deleted_reason"] != record["state"]:
            verdict.differ(f"{record['id']} is {record['state']}, the table says {row['_hubferry_deleted_reason']}")
    for number in stored.keys() - known.keys():
        verdict.differ(f"{number} stands in the table only")
    return verdict


def _compare_live(verdict: Verdict, record: Mapping[str, Any], row: Mapping[str, Any] | None) -> None:
    if row is None or row["_hubferry_deleted_at"] is not None:
        verdict.differ(
            f"{record['id']} is live, and {'missing in the table' if row is None else 'marked as deleted there'}"
        )
        return
    verdict.rows += 1
    unparsed = msgspec.json.decode(row["_hubferry_unparsed"] or "{}")
    properties = record["properties"]
    columns = {name for name in row if not name.startswith("_hubferry_") and name not in _OWN}
    for name in columns | properties.keys():
        if name == "hs_object_id" and name not in row:
            continue
        wanted, found = properties.get(name) or None, row.get(name)
        verdict.values += wanted is not None
        if found is None and wanted is not None and unparsed.get(name) == wanted:
            continue
        if not _same(wanted, found):
            verdict.differ(f"{record['id']}.{name} differs")


_OWN = {"id", "created_at", "updated_at", "archived", "contact_ids"}


def _same(wanted: str | None, found: object) -> bool:  # noqa: PLR0911  a table of types
    """Say whether a typed value is what HubSpot's text means."""
    if wanted is None or found in (None, ""):  # a cleared property reads as an empty text
        return wanted is None and found in (None, "")
    match found:
        case bool():
            return wanted == ("true" if found else "false")
        case datetime():
            return _moment(wanted) == found.replace(tzinfo=found.tzinfo or UTC)
        case date():
            return wanted[:10] == found.isoformat()
        case int() | float():
            return float(wanted) == found
        case list():
            return [part for part in wanted.split(";") if part] == found
        case _:
            return wanted == str(found)


def _moment(text: str) -> datetime:
    if text.lstrip("-").isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    return datetime.fromisoformat(text)


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
