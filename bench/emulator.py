"""How fast the emulator is, each figure beside the one to hold: list pages, searches, upserts, links, generation.

Starts `python -m hubspot_emulator` with a file, calls it over HTTP on one connection, and measures the time that
passes and the CPU time of the emulator's process (from /proc, so on Linux). What is held is held in that CPU time: a
rate is what one core could answer, whatever else the machine does. `--quick` makes 50,000 contacts instead of
1,000,000; its rates are comparable, its generation is scaled.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CONTACTS = "/crm/objects/2026-09/contacts"
HEADERS = {"Authorization": "Bearer pat-bench", "Content-Type": "application/json"}
FULL, SMALL = 1_000_000, 20_000
FILL = 0.05
"""So much of what a contact need not have is set that 20 properties are, as the figures are meant for."""


@dataclass
class Server:
    """A running emulator and one connection to it."""

    process: subprocess.Popen[str]
    connection: HTTPConnection
    control_url: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call, and fail loudly where the answer is no success."""
        self.connection.request(method, path, None if body is None else json.dumps(body), HEADERS)
        answer = self.connection.getresponse()
        data = answer.read()
        assert answer.status in {200, 201}, (path, answer.status, data[:500])
        return data

    def cpu_seconds(self) -> float:
        """Give the CPU time of the emulator so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self) -> float:
        """Give the most memory it had at a time, file pages aside."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        found = dict(line.split(":", 1) for line in lines)
        return (int(found["VmHWM"].split()[0]) - int(found["RssFile"].split()[0])) / 1024


def start(path: Path, contacts: int, fill: float = FILL) -> tuple[Server, float]:
    """Generate a portal; give it with the seconds that took."""
    arguments = [
        f"--fill={fill}",
        "--port=0",
        "--control-port=0",
        f"--contacts={contacts}",
        "--companies=0",
        "--deals=0",
    ]
    command = [sys.executable, "-m", "hubspot_emulator", "--no-activity", "--no-limits", f"--db={path}"]
    began = time.monotonic()
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    words = process.stdout.readline().replace(",", " ").split()
    seconds = time.monotonic() - began
    base_url, control_url = (word for word in words if word.startswith("http"))
    address = urlsplit(base_url)
    return Server(process, HTTPConnection(address.hostname or "", address.port), control_url), seconds


def report(name: str, value: float, target: float, unit: str, *, most: bool = False, note: str = "") -> bool:
    """Print one figure beside its target; tell whether it holds."""
    holds = value <= target if most else value >= target
    sign = "<=" if most else ">="
    print(f"{name:<42} {value:>10,.1f} {unit:<10} {sign} {target:>7,.0f}  {'ok' if holds else 'MISSED':<7}{note}")
    return holds


def rate(server: Server, seconds: float, one: Callable[[int], int]) -> tuple[float, str]:
    """Call for some seconds; give what was done a second of CPU time, and by the clock as a note."""
    one(-1)
    cpu, began, done, turn = server.cpu_seconds(), time.monotonic(), 0, 0
    while time.monotonic() - began < seconds:
        done += one(turn)
        turn += 1
    passed, cpu = time.monotonic() - began, server.cpu_seconds() - cpu
    return done / cpu, f"{done / passed:,.0f} a second by the clock, {cpu / turn * 1000:.1f} ms of CPU a call"


def measure(server: Server, seconds: float) -> bool:
    """Measure the rates."""
    names = [row["name"] for row in json.loads(server.call("GET", "/crm/properties/2026-09/contacts"))["results"]]
    set_ones = set()
    for record in json.loads(server.call("GET", f"{CONTACTS}?limit=100&properties={','.join(names)}"))["results"]:
        set_ones |= {name for name, value in record["properties"].items() if value}
    wanted = [*sorted(set_ones), *(name for name in names if name not in set_ones)][:60]
    after = "0"

    def list_page(_: int) -> int:
        nonlocal after
        data = server.call("GET", f"{CONTACTS}?limit=100&after={after}&properties={','.join(wanted)}")
        tail = data[-4096:]
        position = tail.rfind(b'"after":"')
        after = tail[position + 9 :].split(b'"', 1)[0].decode() if position >= 0 else "0"
        return 1

    print(
        f"a contact has {set_count(server, names):.0f} of {len(names)} properties set on average; the figures are meant for 20"
    )
    bounds = window(server)

    def search(turn: int) -> int:
        filters = [
            {"propertyName": "lastmodifieddate", "operator": "BETWEEN", "value": bounds[0], "highValue": bounds[1]},
            {"propertyName": "hs_object_id", "operator": "GT", "value": str(max(turn, 0) * 997 % 500_000)},
        ]
        body = {"filterGroups": [{"filters": filters}], "sorts": ["hs_object_id"], "limit": 200, "properties": wanted}
        server.call("POST", f"{CONTACTS}/search", body)
        return 1

    keys = [
        record["properties"]["contact_number"]
        for record in json.loads(server.call("GET", f"{CONTACTS}?limit=100&properties=contact_number"))["results"]
    ]

    def upsert(turn: int) -> int:
        inputs = [
            {
                "id": key,
                "idProperty": "contact_number",
                "properties": {
                    "firstname": f"F{turn}", "lastname": "L", "city": f"C{turn}", "zip": "01234", "jobtitle": "J",
                    "phone": f"+1 555 {turn}", "annualrevenue": str(turn + 1), "birthday": "2000-01-01",
                    "newsletter": "true", "remarks": f"R{turn}",
                },
            }
            for key in keys
        ]  # fmt: skip
        server.call("POST", f"{CONTACTS}/batch/upsert", {"inputs": inputs})
        return 1

    ids = [int(record["id"]) for record in json.loads(server.call("GET", f"{CONTACTS}?limit=100"))["results"]]
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 449}]

    pairs = [(one, other) for one in ids[:50] for other in ids[50:]][:2000]
    made = {"inputs": [{"from": {"id": str(one)}, "to": {"id": str(other)}, "types": types} for one, other in pairs]}
    removed = {
        "inputs": [{"from": {"id": str(one)}, "to": [{"id": str(other)} for other in ids[50:]]} for one in ids[:50]]
    }

    def link(_: int) -> int:
        server.call("POST", "/crm/associations/2026-09/contacts/contacts/batch/create", made)
        server.call("POST", "/crm/associations/2026-09/contacts/contacts/batch/archive", removed)
        return len(pairs)

    holds = []
    for name, target, unit, one in (
        ("list pages of 100, 60 properties", 500, "pages/s", list_page),
        ("window-and-key searches of 200", 100, "calls/s", search),
        ("batch upserts of 100, 10 properties", 40, "calls/s", upsert),
        ("association pairs made and removed", 8_000, "pairs/s", link),
    ):
        value, note = rate(server, seconds, one)
        holds.append(report(name, value, target, unit, note=note))
    return all(holds)


def set_count(server: Server, names: list[str]) -> float:
    """Count what is set on a contact, on average of a hundred."""
    records = json.loads(server.call("GET", f"{CONTACTS}?limit=100&properties={','.join(names)}"))["results"]
    return sum(value is not None for record in records for value in record["properties"].values()) / len(records)


def window(server: Server) -> tuple[str, str]:
    """Find a span of modified dates that holds up to 10,000 contacts."""
    high = int(time.time() * 1000)
    low, span = high, 3_600_000
    while True:
        filters = [{"propertyName": "lastmodifieddate", "operator": "GTE", "value": str(high - span)}]
        body = {"filterGroups": [{"filters": filters}], "limit": 1}
        total = json.loads(server.call("POST", f"{CONTACTS}/search", body))["total"]
        if total > 10_000 or span > 10**11:
            return str(low), str(high)
        low, span = high - span, int(span * 1.3)


def calibrate() -> float:
    """Time a fixed piece of Python: what the figures are worth shows beside how busy the machine is."""
    began, total = time.process_time(), 0
    for number in range(5_000_000):
        total += number * number
    return time.process_time() - began


def main() -> int:
    """Measure, and fail where a figure is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50,000 contacts, short measurements")
    options = parser.parse_args()
    contacts = 50_000 if options.quick else FULL
    share = contacts / FULL
    load = os.getloadavg()[0]
    print(f"a loop of 5,000,000 takes {calibrate():.2f} s of CPU; the load is {load:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        small, seconds = start(Path(folder) / "small.db", SMALL, fill=1.0)
        cpu, note = small.cpu_seconds(), f"{seconds:.1f} s by the clock; interpreter and imports are among the CPU time"
        small.process.terminate()
        small.process.wait()
        fast = report(f"{SMALL:,} contacts made, all set", cpu, 3, "s of CPU", most=True, note=note)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "portal.db"
        server, seconds = start(path, contacts)
        try:
            cpu = server.cpu_seconds()
            size = sum(each.stat().st_size for each in Path(folder).iterdir()) / 1e6
            holds = [
                fast,
                report(
                    f"{contacts:,} contacts made",
                    cpu,
                    120 * share,
                    "s of CPU",
                    most=True,
                    note=f"{seconds:.1f} s by the clock",
                ),
                report("on disk", size, 1_300 * share, "MB", most=True),
                report("memory of the process, at most", server.peak_mb(), 500, "MB", most=True),
                measure(server, 2 if options.quick else 10),
            ]
        finally:
            server.process.terminate()
            server.process.wait()
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
