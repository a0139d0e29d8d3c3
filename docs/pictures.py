# ruff: noqa: INP001  a script, not a package
"""Makes docs/images from a small demo portal, in a real browser: `python docs/pictures.py`. Needs Chromium and playwright."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path

from hubferry.cli.demo import source
from hubferry.config import starter
from hubferry.project import Project
from hubferry.types import Progress
from hubferry.web.live import LiveRun
from hubferry.web.server import PageServer
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings

IMAGES = Path(__file__).resolve().parent / "images"
SIZE = {"width": 1280, "height": 840}
PICTURES = {
    "check": "/check",
    "editor": "/syncs/contacts/edit",
    "live": "/live/{live}",
    "overview": "/",
    "plan": "/plans/{plan}",
    "record": "/records?object=contacts&id={record}",
    "rejected": "/rejected",
    "runs": "/runs/{run}",
    "stream": "/streams/contacts",
    "stream_settings": "/streams/contacts/settings",
    "streams": "/streams",
    "syncs": "/syncs/contacts",
}
"""Name -> address of every picture: one a page, under the name of its module."""


def main() -> int:
    """Make every picture."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  the list of pictures needs no browser

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.stderr.write("no Chromium on this machine: apt-get install chromium\n")
        return 2
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as place,
        Emulator(Settings(contacts=400, activity=False, clock="real")) as portal,
        contextlib.chdir(write_project(Path(place) / "crm", portal.base_url)),
        PageServer(Path()) as server,
        sync_playwright() as playwright,
    ):
        project = server.site.project()
        project.pull()
        source.write_source(project.folder / "warehouse.duckdb", "hubspot")
        places = make_history(server)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        page.goto(server.address, wait_until="networkidle")
        for name, path in PICTURES.items():
            page.goto(f"http://127.0.0.1:{server.port}{path.format(**places)}", wait_until="networkidle")
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()
    return 0


def make_history(server: PageServer) -> dict[str, str]:
    """Push once, plan again, and read back; give what the addresses of the pictures name."""
    project = server.site.project()
    run = project.apply(project.plan(["contacts"]).id).run_id
    made = project.query(
        f"SELECT record_id FROM {project.table_name('hubferry', 'ledger')} ORDER BY row_key DESC LIMIT 1"
    )
    with project.warehouse.transaction() as tx:
        tx.execute("UPDATE analytics.contacts SET job_title = 'Captain' WHERE contact_number < 'D'")
    live = LiveRun("verify", "Verify of contacts", "hubferry verify contacts", project, _verify)
    server.site.runs.start(live).wait(60)
    plan = project.plan(["contacts"]).id
    return {"plan": plan, "run": run, "live": live.id, "record": str(made["record_id"][0].as_py())}


def _verify(project: Project, progress: Progress) -> str:
    project.verify("contacts", progress=progress)
    return "/syncs/contacts"


def write_project(folder: Path, base_url: str) -> Path:
    """Write the demo's project."""
    files = starter.build_files(demo=True, duckdb="warehouse.duckdb", pull_schema="hubspot")
    files["hubferry.yml"] = files["hubferry.yml"].replace(starter.EMULATOR_URL, base_url)
    files["syncs/contacts.yml"] = source.SYNC
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


if __name__ == "__main__":
    sys.exit(main())
