# ruff: noqa: INP001  a script, not a package
"""Makes docs/images from a small demo portal, in a real browser: `python docs/pictures.py`. Needs Chromium and playwright."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from hubferry.cli.demo import source
from hubferry.config import starter
from hubferry.web.server import PageServer
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings

IMAGES = Path(__file__).resolve().parent / "images"
SIZE = {"width": 1280, "height": 840}


def main() -> int:
    """Make every picture."""
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
        plan = project.plan(["contacts"]).id
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        page.goto(server.address, wait_until="networkidle")
        for name, path in pictures(plan).items():
            page.goto(f"http://127.0.0.1:{server.port}{path}", wait_until="networkidle")
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()
    return 0


def pictures(plan: str) -> dict[str, str]:
    """Give name -> address of every picture."""
    return {
        "overview": "/",
        "stream": "/streams/contacts",
        "plan": f"/plans/{plan}",
        "mapper": "/syncs/contacts/edit",
    }


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
