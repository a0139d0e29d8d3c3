"""After a demo of the default size the tables equal the portal and nothing was made twice; killed ones are in test_demo.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from acceptance_world import Portal, ProjectFolder, running_portal

from truth import fetch_truth


def start_demo(folder: Path) -> subprocess.Popen[bytes]:
    """Start the demo as a user does; what it says goes to a file, so that no full pipe holds it up."""
    with (folder / "said.txt").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "hubferry", "demo"],
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=said,
            stderr=subprocess.STDOUT,
        )


def assert_nothing_twice(portal: Portal) -> None:
    assert portal.created_by_requests() == ["contacts", "contacts"]
    live = [each for each in fetch_truth(portal.control_url, "contacts") if each["state"] == "live"]
    for name in ("email", "contact_number"):
        values = [each["properties"][name] for each in live if each["properties"].get(name)]
        assert len(values) == len(set(values)), f"two contacts have one {name}"


@pytest.mark.heavy
def test_tables_equal_the_portal_after_a_demo_of_the_default_size(tmp_path: Path) -> None:
    with start_demo(tmp_path) as process:
        assert process.wait() == 0, (tmp_path / "said.txt").read_text()

    with running_portal(f"--db={tmp_path / 'demo' / 'portal.db'}") as portal:
        ProjectFolder(tmp_path / "demo").assert_equal(portal)
        assert_nothing_twice(portal)
