"""`hubferry record`: one record's whole story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from hubferry.cli.options import HERE, AsFormat, Environment, Folder, IsQuiet
from hubferry.cli.output import Output
from hubferry.cli.session import open_project

if TYPE_CHECKING:
    from hubferry.project import RecordStory, Version


def record(
    object_name: Annotated[str, typer.Argument(metavar="OBJECT", help="An object, as contacts.")],
    record_id: Annotated[str, typer.Argument(metavar="ID", help="The record's id.")],
    who: Annotated[
        list[str] | None,
        typer.Option("--who", metavar="PROPERTY", help="Ask HubSpot who wrote this property when; may be repeated."),
    ] = None,
    project: Folder = HERE,
    env: Environment = None,
    output: AsFormat = "text",
    quiet: IsQuiet = False,
) -> None:
    """Show one record: which rows it is, what was written to it and when, what was pulled of it.

    Looks into the warehouse only; asks HubSpot nothing but for --who.
    """
    out = Output("record", output, quiet)
    with open_project(project, env) as opened:
        found = opened.records.find(object_name, record_id)
        versions = opened.records.fetch_versions(object_name, record_id, who) if who else {}
    _show(out, found)
    for name, kept in versions.items():
        out.line(f"\n{name}, as HubSpot keeps it, newest first:")
        out.table(("value", "since", "by"), [(each.value or "(empty)", each.at, each.by) for each in kept])
    out.result(_result(found, versions))


def _show(out: Output, found: RecordStory) -> None:
    from hubferry.cli.plan_text import render_step  # noqa: PLC0415  imports the steps, and with them pyarrow

    out.line(f"{found.object} {found.id}")
    if not (found.ledger or found.writings or found.row):
        out.line("The warehouse knows nothing of it: no sync wrote it, and it was not pulled.")
    for row in found.ledger:
        out.line(f"  row {row.row_key} of {row.sync}{', which made the record' if row.created else ''}")
    if found.writings:
        out.line("\nwritten, newest first:")
    for each in found.writings:
        why = f": {each.reason}" if each.reason else ""
        out.line(f"  {each.at:%Y-%m-%d %H:%M:%S}  {each.planned.sync}  {each.state}{why}  ({each.plan_id})")
        for text in render_step(each.planned.step):
            out.line(f"    {text}")
    if found.row:
        out.line("\npulled:")
    for name, value in (found.row or {}).items():
        if value is not None:
            out.line(f"  {name}: {value}")
    if found.links:
        out.line()
        rows = [(each.to_object, each.to_id, each.label or "", each.deleted_at or "") for each in found.links]
        out.table(("to", "id", "label", "deleted"), rows)


def _result(found: RecordStory, versions: Mapping[str, Sequence[Version]]) -> dict[str, object]:
    return {
        "object": found.object,
        "id": found.id,
        "rows": [
            {"sync": row.sync, "row_key": row.row_key, "created": row.created, "stored": dict(row.stored)}
            for row in found.ledger
        ],
        "writings": [
            {
                "at": each.at,
                "plan": each.plan_id,
                "sync": each.planned.sync,
                "state": each.state,
                "reason": each.reason,
                "step": each.planned.step,
            }
            for each in found.writings
        ],
        "values": found.row,
        "links": found.links,
        "versions": versions,
    }


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(epilog="Example: hubferry record contacts 101 --who email")(record)
