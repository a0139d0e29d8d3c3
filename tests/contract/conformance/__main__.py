"""Writes the table of coverage into docs/reference/emulator.md."""

from __future__ import annotations

import urllib3

from conformance import coverage
from conformance.calls import Caller
from conformance.checks import check_routes
from conformance.recordings import replay_all
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings

with Emulator(Settings(contacts=60, limits=False)) as emulator, urllib3.PoolManager(retries=False) as pool:
    rows = coverage.count(check_routes(Caller(emulator, pool)), replay_all())
coverage.write_page(rows)
print(coverage.render(rows))
