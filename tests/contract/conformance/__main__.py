"""Writes the table of coverage into docs/reference/emulator.md."""

from __future__ import annotations

from conformance import coverage
from conformance.checks import check_everything
from conformance.recordings import replay_all

rows = coverage.count(check_everything(), replay_all())
coverage.write_page(rows)
print(coverage.render(rows))
