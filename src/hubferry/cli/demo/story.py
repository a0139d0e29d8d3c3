"""The demo, in order: a portal, a first pull, changes, an incremental pull, a plan, a push, nothing left to do, and the proof."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hubferry.cli.emulator import Portal, start_emulator
from hubferry.cli.output import Output, style
from hubferry.cli.progress import show_progress
from hubferry.errors import DifferenceError, EmulatorError

if TYPE_CHECKING:
    from hubferry.cli.demo.folder import DemoFolder
    from hubferry.cli.demo.proof import Verdict
    from hubferry.project import Project, PullReport

CHANGES = {"creates": 30, "edits": 120, "archives": 20, "merges": 10, "associations": 40}


def demo(
    folder: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the demo lives; made anew unless it was cut short.")
    ] = Path("demo"),
    contacts: Annotated[int, typer.Option(min=300, help="Contacts of the portal.")] = 20_000,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> int:
    """See the whole way, on this machine.

    Starts an emulated HubSpot portal, pulls it into DuckDB, lets it change, pulls again, plans and pushes rows back,
    and compares every table with the portal. Needs no account. Cut short, it goes on where it was.
    """
    from hubferry.cli.demo.folder import open_folder  # noqa: PLC0415  heavy: fcntl is absent on Windows, DuckDB is slow

    out = Output("demo", "text", quiet)
    started = time.monotonic()
    with open_folder(folder) as place:
        _say(out, "A HubSpot portal on this machine" + (", as the last demo left it" if place.resumed else ""))
        options = [f"--db={place.portal_db}", f"--contacts={contacts}"]
        with start_emulator(options, keep_open=place.lock) as portal:
            out.line(
                f"  {contacts:,} contacts, {contacts // 5:,} companies, {contacts // 4:,} deals; HubSpot's limits are on"
            )
            _write_project(place)
            _tell(out, place, portal)
        place.finish()
    out.line(f"\nDone in {time.monotonic() - started:.0f} s. Three commands to try next:")
    for command in _next_commands(folder):
        out.line(f"  {command}")
    return 0


def _tell(out: Output, place: DemoFolder, portal: Portal) -> None:
    from hubferry.cli.demo import source  # noqa: PLC0415
    from hubferry.project import Project  # noqa: PLC0415

    environ = {**os.environ, "HUBSPOT_URL": portal.base_url}
    with Project.open(place.path, environ) as project:
        _say(out, "First pull: everything")
        first = _pull(out, project)
        _say(out, "The portal changes, as people use it")
        out.line(f"  {_mutate(portal, seed=len(project.runs(10_000)))}")
        _say(out, "Second pull: what changed")
        second = _pull(out, project)
        out.line(
            f"  {second.calls + second.searches:,} calls in place of {first.calls + first.searches:,} for everything"
        )
        _prove(out, project, portal)
        _say(out, "A table of the warehouse, to be pushed: analytics.contacts")
        source.write_source(place.path / "warehouse.duckdb", project.files.file.pull.schema_)
        _push(out, project)
        _say(out, "Last pull: what was pushed comes back")
        _pull(out, project)
        _prove(out, project, portal)


def _pull(out: Output, project: Project) -> PullReport:
    from hubferry.cli.pull import show_pull  # noqa: PLC0415

    with show_progress(out) as progress:
        report = project.pull(progress=progress, wait_seconds=10)
    show_pull(out, report)
    if report.exit_code:
        raise DifferenceError("the pull did not read every stream; what is missing stands above")
    return report


def _mutate(portal: Portal, *, seed: int) -> str:
    import msgspec  # noqa: PLC0415
    import urllib3  # noqa: PLC0415

    with urllib3.PoolManager() as pool:
        answer = pool.request(
            "POST", f"{portal.control_url}/mutate", body=msgspec.json.encode({"seed": seed, **CHANGES})
        )
        done: dict[str, Any] = msgspec.json.decode(answer.data)
    if answer.status != 200:
        raise EmulatorError(f"the emulator could not change its portal: {done.get('error')}")
    counts = {kind: sum(len(ids) for ids in objects.values()) for kind, objects in done.items()}
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items())


def _push(out: Output, project: Project) -> None:
    from hubferry.cli.push import show_plan, show_push  # noqa: PLC0415

    _say(out, "Plan: what a push would change in HubSpot")
    with show_progress(out) as progress:
        plan = project.plan(["contacts"], progress=progress)
    show_plan(out, project, plan, limit=5)
    _say(out, "Apply exactly that plan")
    with show_progress(out) as progress:
        report = project.apply(plan.id, progress=progress)
    show_push(out, report)
    _say(out, "Plan again")
    again = project.plan(["contacts"])
    if again.changes:
        show_plan(out, project, again, limit=5)
        raise DifferenceError("the second plan is not empty: HubSpot does not hold what was just written")
    out.line(
        "  nothing to do: HubSpot holds what the table says, but for what is listed by `hubferry rejected contacts`"
    )


def _prove(out: Output, project: Project, portal: Portal) -> None:
    from hubferry.cli.demo import proof  # noqa: PLC0415

    _say(out, "Compared with the portal itself, value by value")
    verdicts = list(proof.compare(project, portal.control_url))
    for verdict in verdicts:
        _show_verdict(out, verdict)
    if any(verdict.differences for verdict in verdicts):
        raise DifferenceError("tables and portal differ, see above; please report this with the folder of the demo")


def _show_verdict(out: Output, verdict: Verdict) -> None:
    values = f", {verdict.values:,} values" if verdict.values else ""
    mark = style("DIFFERS", "red") if verdict.differences else style("equal", "green")
    out.line(f"  {mark}  {verdict.table}: {verdict.rows:,} rows{values}")
    for difference in verdict.differences:
        out.line(f"         {difference}")


def _write_project(place: DemoFolder) -> None:
    """Write the demo's own files again: a demo that was killed may have left half of them."""
    from hubferry.cli.demo import source  # noqa: PLC0415
    from hubferry.config import starter  # noqa: PLC0415

    files = starter.build_files(demo=True, duckdb="warehouse.duckdb", pull_schema="hubspot")
    files["hubferry.yml"] = files["hubferry.yml"].replace(starter.EMULATOR_URL, "${HUBSPOT_URL}")
    files[".env"] += f"HUBSPOT_URL={starter.EMULATOR_URL}\n"
    files["syncs/contacts.yml"] = source.SYNC
    for name, text in files.items():
        path = place.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _next_commands(folder: Path) -> list[str]:
    hubferry = _as_typed()
    project = shlex.quote(str(folder))
    return [
        f"{hubferry} rejected contacts --project {project}",
        f"{hubferry} runs --project {project}",
        f"{hubferry} init crm    # a project of your own: put your token into crm/.env",
    ]


def _as_typed() -> str:
    """Give the command as it works from here: its name where the shell finds it, else its path."""
    script = Path(sys.argv[0])
    found = shutil.which("hubferry")
    if found and Path(found).resolve() == script.resolve():
        return "hubferry"
    if script.name == "hubferry":
        return shlex.quote(str(script))
    return f"{shlex.quote(sys.executable)} -m hubferry"


def _say(out: Output, title: str) -> None:
    out.line(f"\n{style(title, 'bold')}")


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(epilog="Example: hubferry demo --contacts 2000")(demo)
