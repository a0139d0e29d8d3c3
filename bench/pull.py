"""What a pull costs in CPU: this process alone, the emulator in another, HubSpot's limits off.

`python bench/pull.py [CONTACTS] [PROPERTIES]` prints seconds of CPU per 100,000 records, first load and re-read, their ratio to
the floor (decoding the same pages and nothing else), and the peak memory; then the calls of an incremental pull after one
contact in a hundred changed, against the least that give them. Run with 10,000, 100,000 and 1,000,000 it shows cost
against size; with `--changed` every contact is changed before the re-read, and nothing after it; `--wide` is the portal of
peers' trouble, 250 contacts of 1,210 filled properties, and prints seconds as they are.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3

from hubferry.clock import SystemClock
from hubferry.config.model import PullBlock
from hubferry.hubspot.client import Client
from hubferry.hubspot.properties import fetch_properties
from hubferry.hubspot.records import RecordShape
from hubferry.pull.run import run_pull
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse

FLOOR_PAGES = 20
WIDE = (250, 1_210)
SEARCH_PAGE, LIST_PAGE = 200, 100
HEADERS = {"Authorization": "Bearer pat-bench"}


@contextmanager
def emulator(contacts: int, *options: str) -> Iterator[str]:
    """Run an emulator in a process of its own; give its address."""
    given = ["--port=0", "--control-port=0", f"--contacts={contacts}", "--no-limits", *options]
    process = subprocess.Popen([sys.executable, "-m", "hubspot_emulator", *given], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = None
        while found is None:
            found = re.search(r"http://[\d.:]+", process.stdout.readline())
        yield found[0]
    finally:
        process.terminate()
        process.wait()


def measure_floor(base_url: str, names: list[str]) -> float:
    """Give the CPU seconds that decoding 100,000 records takes."""
    shape, bodies, after = RecordShape(names), [], ""
    with urllib3.PoolManager() as pool:
        for _ in range(FLOOR_PAGES):
            fields = {"limit": "100", "properties": ",".join(names), **({"after": after} if after else {})}
            answer = pool.request(
                "GET",
                f"{base_url}/crm/objects/2026-09/contacts",
                fields=fields,
                headers=HEADERS,
            )
            bodies.append(answer.data)
            after = shape.pages.decode(answer.data).after or ""
            if not after:
                break
    started = time.process_time()
    count = sum(len(shape.pages.decode(body).results) for body in bodies)
    return (time.process_time() - started) / count * 100_000


def send(method: str, address: str, body: object = None) -> dict[str, Any]:
    """Call the portal as somebody else."""
    headers = {**HEADERS, "Content-Type": "application/json"}
    answer = urllib3.request(method, address, body=json.dumps(body), headers=headers)
    assert answer.status < 300, answer.data
    found: dict[str, Any] = answer.json()
    return found


def change(base_url: str, ids: list[str]) -> None:
    """Write one property of each of these contacts."""
    for start in range(0, len(ids), 100):
        inputs = [{"id": each, "properties": {"jobtitle": f"since {each}"}} for each in ids[start : start + 100]]
        send("POST", f"{base_url}/crm/objects/2026-09/contacts/batch/update", {"inputs": inputs})


def widen(base_url: str, client: Client, properties: int) -> None:
    """Give contacts text properties until there are so many, and each contact a value of each new one."""
    known = {each.name for each in fetch_properties(client, "contacts")}
    names = [f"wide_property_number_{number:04}_of_many" for number in range(properties - len(known))]
    made = {"type": "string", "fieldType": "text", "groupName": "contactinformation"}
    for start in range(0, len(names), 100):
        inputs = [{"name": each, "label": each, **made} for each in names[start : start + 100]]
        send("POST", f"{base_url}/crm/properties/2026-09/contacts/batch/create", {"inputs": inputs})
    after: str | None = ""
    while names and after is not None:
        page = send("GET", f"{base_url}/crm/objects/2026-09/contacts?limit=50&after={after}".removesuffix("&after="))
        inputs = [
            {"id": each["id"], "properties": {name: f"value {each['id']} of {name}" for name in names}}
            for each in page["results"]
        ]
        send("POST", f"{base_url}/crm/objects/2026-09/contacts/batch/update", {"inputs": inputs})
        after = page.get("paging", {}).get("next", {}).get("after")


def measure(base_url: str, client: Client, properties: int, *, per_100_000: bool, changed: bool) -> None:
    """Pull twice and print."""
    names = sorted(each.name for each in fetch_properties(client, "contacts"))[:properties]
    floor = measure_floor(base_url, names) if per_100_000 else 0.0
    if per_100_000:
        print(f"decode only: {floor:.2f} s of CPU per 100,000 records x {properties} properties", flush=True)
    block = PullBlock.model_validate({"streams": {"contacts": {"properties": names, "associations": []}}})
    with tempfile.TemporaryDirectory() as folder:
        warehouse = DuckDBWarehouse(Path(folder) / "bench.duckdb")
        for what in ("first load", "re-read"):
            if changed and what == "re-read":
                change(base_url, live_ids(warehouse))
            cpu, wall = time.process_time(), time.monotonic()
            report = run_pull(
                client=client,
                warehouse=warehouse,
                state=StateStore(warehouse, SystemClock()),
                pull=block,
                full_refresh=True,
            ).streams[0]
            assert report.state == "done", report.error
            cpu, wall = time.process_time() - cpu, time.monotonic() - wall
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            each = cpu / report.read * 100_000
            rate = f"{each:.2f} s of CPU per 100,000, {each / floor:.1f} x decode only; " if per_100_000 else ""
            print(
                f"{what}: {rate}{report.read:,} records took {cpu:.2f} s of CPU, {wall:.1f} s passed; peak {peak} MB",
                flush=True,
            )
        if per_100_000 and not changed:
            measure_incremental(base_url, client, warehouse, block)


def live_ids(warehouse: DuckDBWarehouse) -> list[str]:
    """Give the ids of contacts that are not archived, in order."""
    rows = warehouse.query("SELECT id FROM hubspot.contacts WHERE _hubferry_deleted_at IS NULL ORDER BY id")
    ids: list[str] = rows["id"].to_pylist()
    return ids


def measure_incremental(base_url: str, client: Client, warehouse: DuckDBWarehouse, block: PullBlock) -> None:
    """Change one contact in a hundred, pull incrementally, and print the calls against those that give it.

    The floor is a search for 200 changed ones each, and a page for 100 archived ones each: HubSpot does not tell which of
    those are new, so that each run lists them all.
    """
    state = StateStore(warehouse, SystemClock())
    run_pull(client=client, warehouse=warehouse, state=state, pull=block)  # so that the cursor is past what was made
    ids = live_ids(warehouse)
    change(base_url, ids[::100])
    before = client.usage.counted + client.usage.searches
    report = run_pull(client=client, warehouse=warehouse, state=state, pull=block).streams[0]
    assert (report.state, report.updated) == ("done", len(ids[::100])), report
    calls = client.usage.counted + client.usage.searches - before
    [archived] = warehouse.query(
        "SELECT count(*) AS n FROM hubspot.contacts WHERE _hubferry_deleted_reason = 'archived'"
    )["n"].to_pylist()
    searches, pages = -(-report.updated // SEARCH_PAGE), -(-archived // LIST_PAGE)
    print(
        f"1 % changed: {report.updated:,} records took {calls} calls, floor {searches + pages}"
        f" ({searches} searches, {pages} pages of archived ones), ratio {calls / (searches + pages):.2f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contacts", type=int, nargs="?", default=100_000)
    parser.add_argument("properties", type=int, nargs="?", default=60)
    parser.add_argument("--wide", action="store_true", help="250 contacts of 1,210 properties")
    parser.add_argument("--changed", action="store_true", help="every contact is changed before the re-read")
    parser.add_argument("--fill", type=float, help="how much of what a record need not have is set (the emulator's)")
    options = parser.parse_args()
    contacts, properties = WIDE if options.wide else (options.contacts, options.properties)
    filled = () if options.fill is None else (f"--fill={options.fill}",)
    with (
        emulator(contacts, *filled) as base_url,
        Client(token=Secret("pat-bench"), base_url=base_url, burst_limit=1_000_000) as client,
    ):
        if options.wide:
            widen(base_url, client, properties)
        measure(base_url, client, properties, per_100_000=not options.wide, changed=options.changed)


if __name__ == "__main__":
    main()
