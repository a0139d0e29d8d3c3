"""How close a full scan comes to the floor that HubSpot's limit sets: 190 list calls of 100 records in ten seconds.

Runs the emulator as a process, with limits and 250 ms of latency, and reads every contact once.
The last line is the ratio; 1.10 is the figure to hold at 200,000 contacts (2,000 calls, about two minutes).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import urllib.request

from hubferry.hubspot.client import Client
from hubferry.hubspot.readers.scan import Scan
from hubferry.hubspot.records import RecordShape
from hubferry.types import Secret

PROPERTIES = ("email", "firstname", "lastname", "hs_object_id", "lastmodifieddate", "lifecyclestage")


def main() -> int:
    """Measure once and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=200_000)
    parser.add_argument("--latency-ms", type=float, default=250)
    options = parser.parse_args()
    arguments = [
        *("--port", "0", "--control-port", "0", "--contacts", str(options.contacts)),
        *("--companies", "0", "--deals", "0", "--latency-ms", str(options.latency_ms)),
    ]
    emulator = subprocess.Popen(
        [sys.executable, "-m", "hubspot_emulator", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert emulator.stdout is not None
        words = emulator.stdout.readline().replace(",", " ").split()
        base_url, control_url = (word for word in words if word.startswith("http"))
        return measure(base_url, control_url)
    finally:
        emulator.terminate()
        emulator.wait()


def measure(base_url: str, control_url: str) -> int:
    """Scan, print the figures, and fail where a limit was broken or a record is missing."""
    ids: set[str] = set()
    cpu, started = time.process_time(), time.monotonic()
    with Client(token=Secret("pat-na1-bench"), base_url=base_url) as client:
        scan = Scan(client, "contacts", RecordShape(PROPERTIES))
        for page in scan.pages():
            ids.update(record.id for record in page.records)
        seconds, usage = time.monotonic() - started, client.usage
        cpu = time.process_time() - cpu
    with urllib.request.urlopen(f"{control_url}/requests") as answer:
        seen = json.load(answer)
    pages = -(-len(ids) // 100)
    floor = pages / 19
    print(f"records {len(ids)} of {scan.total}; list calls {usage.counted} ({pages} pages), searches {usage.searches}")
    print(f"the server saw at most {seen['max_in_10s']} calls in 10 s, {seen['max_searches_in_1s']} searches in 1 s,")
    print(f"and refused {seen['rate_limited']}; {cpu:.1f} s of CPU")
    print(f"seconds {seconds:.1f}, floor {floor:.1f}, ratio {seconds / floor:.3f}")
    broken = seen["max_in_10s"] > 190 or seen["max_searches_in_1s"] > 5 or len(ids) != scan.total
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
