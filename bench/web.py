"""How fast the page answers on a portal of 1,000,000 contacts: p95 of each page against 200 ms, and what its first paint weighs.

A small portal is pulled and pushed through the emulator; then its rows are multiplied in the warehouse by SQL: contacts to
1,000,000, the steps of one plan and their results to 1,000,000, what could not be done to 100,000, runs to 2,000.

    python bench/web.py [--contacts 1000000] [--times 40]
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import duckdb
import urllib3

from hubferry.cli.demo import source
from hubferry.config import starter
from hubferry.web.server import PageServer
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings

TARGET_MS, TARGET_BYTES = 200, 150_000


def main() -> int:
    options = _parse()
    with (
        tempfile.TemporaryDirectory() as folder,
        Emulator(Settings(contacts=500, activity=False, clock="real")) as portal,
    ):
        environ = _write_project(Path(folder), portal.base_url)
        with PageServer(Path(folder), environ=environ) as server:
            project = server.site.project()
            project.pull()
            source.write_source(Path(folder) / "warehouse.duckdb", "hubspot")
            plan = project.plan(["contacts"])
            run = project.apply(plan.id).run_id
            pulled = next(each.run_id for each in project.runs() if each.kind == "pull")
            began = time.perf_counter()
            _multiply(Path(folder) / "warehouse.duckdb", options.contacts, plan.id)
            print(f"rows multiplied to {options.contacts:,} in {time.perf_counter() - began:.0f} s")
            return _measure(server, options.times, {"plan": plan.id, "apply": run, "pull": pulled})


def _multiply(file: Path, contacts: int, plan: str) -> None:
    """Copy rows under new keys, in the order of the keys as a pull leaves them."""
    with duckdb.connect(str(file)) as base:
        live = base.sql("SELECT count(*) FROM hubspot.contacts").fetchall()[0][0]
        copies = contacts // live
        base.execute(
            "CREATE OR REPLACE TABLE hubspot.contacts AS SELECT c.* REPLACE ((1000000000 + n * 1000 + row_number() OVER (PARTITION BY n))::VARCHAR AS id)"
            f" FROM range({copies}) AS r(n), hubspot.contacts AS c ORDER BY id"
        )
        steps = base.sql("SELECT count(*) FROM hubferry.plan_steps WHERE plan_id = ?", params=[plan]).fetchall()[0][0]
        for table in ("plan_steps", "journal"):
            base.execute(
                f"INSERT INTO hubferry.{table} SELECT t.* REPLACE (number + (n + 1) * 100 AS number, row_key || '-' || n AS row_key)"
                f" FROM range({contacts // steps}) AS r(n), hubferry.{table} AS t WHERE plan_id = ? ORDER BY number",
                [plan],
            )
        base.execute(
            f"INSERT INTO hubferry.rejected SELECT t.* REPLACE (row_key || '-' || n AS row_key) FROM range({contacts // 20}) AS r(n), hubferry.rejected AS t"
        )
        base.execute(
            "INSERT INTO hubferry.runs SELECT t.* REPLACE (run_id || '-' || n AS run_id) FROM range(500) AS r(n), hubferry.runs AS t"
        )
        base.execute(
            "INSERT INTO hubferry.stream_runs SELECT t.* REPLACE (run_id || '-' || n AS run_id) FROM range(500) AS r(n), hubferry.stream_runs AS t"
        )


def _measure(server: PageServer, times: int, names: dict[str, str]) -> int:
    pool = urllib3.PoolManager()
    origin = f"http://127.0.0.1:{server.port}"
    cookie = pool.request("GET", server.address, redirect=False).headers["Set-Cookie"].partition(";")[0]
    middle = _middle_key(server)
    pages = (
        "/",
        "/check",
        "/streams",
        "/streams/contacts",
        "/streams/contacts?tab=columns",
        "/streams/contacts?tab=rows",
        f'/streams/contacts?tab=rows&after=["{middle}"]',
        f"/streams/contacts/rows/{middle}",
        "/streams/contacts?tab=unparsed",
        "/streams/contacts/settings",
        "/syncs",
        "/syncs/contacts",
        "/syncs/contacts/edit",
        "/syncs/new",
        "/plans/{plan}",
        "/plans/{plan}?after=50000000",
        "/plans/{plan}?kind=create&search=D-0000001",
        "/runs",
        "/runs/{pull}",
        "/runs/{apply}",
        "/runs/{apply}?tab=applied&after=50000000",
        "/rejected",
        "/rejected?after=C-0000009-25000&detail=row",
    )
    worst = 0.0
    print(
        f"busy machine: load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; CPU is of this process, DuckDB's threads and the asking included"
    )
    print(f"{'page':<52} {'p50 ms':>8} {'p95 ms':>8} {'of 200':>7} {'CPU ms':>7} {'first paint':>12}")
    for page in pages:
        path, taken, html = page.format(**names) if "[" not in page else page, [], b""
        used = time.process_time()
        for _ in range(times):
            began = time.perf_counter()
            answer = pool.request("GET", f"{origin}{path}", headers={"Cookie": cookie})
            taken.append((time.perf_counter() - began) * 1000)
            if answer.status != 200:
                raise SystemExit(f"{path}: {answer.status} {answer.data[:300]!r}")
            html = answer.data
        used = (time.process_time() - used) * 1000 / times
        taken.sort()
        p95, weight = taken[int(len(taken) * 0.95) - 1], len(html) + _weigh(html.decode(), origin)
        worst = max(worst, p95 / TARGET_MS, weight / TARGET_BYTES)
        print(f"{page:<52} {taken[len(taken) // 2]:8.0f} {p95:8.0f} {p95 / TARGET_MS:7.2f} {used:7.0f} {weight:12,}")
    print(f"worst ratio to its target (p95 200 ms, first paint 150 KB): {worst:.2f}")
    return 0 if worst <= 1 else 1


def _middle_key(server: PageServer) -> str:
    sql = "SELECT id FROM hubspot.contacts ORDER BY id LIMIT 1 OFFSET (SELECT count(*) // 2 FROM hubspot.contacts)"
    return str(server.site.project().query(sql)["id"][0].as_py())


def _weigh(html: str, origin: str) -> int:
    """Add up what is sent of the files that the browser fetches before it paints."""
    files = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', html))
    return sum(_sent(f"{origin}{name}") for name in files)


@cache
def _sent(address: str) -> int:
    answer = urllib3.request("GET", address, headers={"Accept-Encoding": "gzip"}, decode_content=False)
    return len(answer.data)


def _write_project(folder: Path, base_url: str) -> dict[str, str]:
    files = starter.build_files(demo=True, duckdb="warehouse.duckdb", pull_schema="hubspot")
    files["hubferry.yml"] = files["hubferry.yml"].replace(starter.EMULATOR_URL, base_url)
    files["syncs/contacts.yml"] = source.SYNC
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return {}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=40)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
