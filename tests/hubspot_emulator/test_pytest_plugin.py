"""The fixtures that other projects get, run as they run them: in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

PLUGIN = "hubspot_emulator.pytest_plugin"
SUITE = """
import urllib.request
import pytest

CONTACTS = "/crm/objects/2026-09/contacts?limit=100"


def read(address):
    request = urllib.request.Request(address + CONTACTS, headers={"Authorization": "Bearer pat-x"})
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def test_a_portal_answers(hubspot_emulator):
    assert b'"results":[{' in read(hubspot_emulator.base_url)


@pytest.mark.hubspot_emulator(contacts=3, companies=0, deals=0)
class TestSmall:
    def test_the_marker_says_how_large(self, hubspot_emulator):
        assert read(hubspot_emulator.base_url).count(b'"id":') == 3

    @pytest.mark.hubspot_emulator(contacts=2)
    def test_the_nearest_marker_wins(self, hubspot_emulator):
        assert read(hubspot_emulator.base_url).count(b'"id":') == 2
        assert hubspot_emulator.settings.companies == 0


def test_several_portals_and_a_fault(hubspot_emulator_factory):
    one, other = hubspot_emulator_factory(contacts=1), hubspot_emulator_factory(contacts=1)
    one.faults.add([{"do": {"status": 503}}])
    with pytest.raises(urllib.error.HTTPError):
        read(one.base_url)
    assert read(other.base_url)
"""


def run_pytest(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", PLUGIN, "--strict-markers", "-W", "error"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_a_suite_of_another_project_gets_portals(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(SUITE)

    done = run_pytest(tmp_path)

    assert "4 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_a_suite_that_asks_for_no_portal_imports_none() -> None:
    code = f"import sys, {PLUGIN}; sys.exit('hubspot_emulator.server' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_pytest_finds_the_plugin_by_itself() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

    assert project["entry-points"]["pytest11"] == {PLUGIN: PLUGIN}
