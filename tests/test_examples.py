"""The example workflow: its steps are run by the shell that GitHub would use, in a project of the demo."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hubferry.cli.app import main
from hubspot_emulator.server import Emulator

WORKFLOW = Path(__file__).parent.parent / "examples" / "github-actions" / "hubspot.yml"
ACTIONS = {"actions/checkout", "actions/setup-python"}
"""What a shell cannot run."""


def read_workflow() -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text())
    return found


def run(step: dict[str, Any], folder: Path, summary: Path) -> None:
    """Run a step as GitHub does."""
    bin_folder = Path(sys.executable).parent
    variables = {"PATH": f"{bin_folder}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(summary), "HOME": str(folder)}
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(shell, cwd=folder, env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{step['name']}: {done.stdout}{done.stderr}"


@pytest.mark.heavy  # six processes
def test_every_step_of_the_workflow_runs(
    tmp_path: Path, portal_factory: Callable[..., Emulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = portal_factory(contacts=20, companies=0, deals=0, limits=False, clock="real")
    monkeypatch.chdir(tmp_path)
    assert main(["init", "crm", "--demo", "--quiet"]) == 0
    folder, summary = tmp_path / "crm", tmp_path / "summary.md"
    hubspot = {"token": "${EMULATOR_TOKEN}", "base_url": portal.base_url}
    streams = {"contacts": {"properties": ["email"], "associations": []}}
    (folder / "hubferry.yml").write_text(yaml.safe_dump({"hubspot": hubspot, "pull": {"streams": streams}}))

    for job in read_workflow()["jobs"].values():
        for step in job["steps"]:
            if not step.get("run", "pip install").startswith("pip install"):
                run(step, folder, summary)

    (shown,) = re.findall(r"^```json\n(.*?)^```", summary.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert json.loads(shown)["data"]["counts"]["contacts"]["rows"] == 2


def test_the_workflow_uses_known_actions_and_writes_nothing_to_github() -> None:
    workflow = read_workflow()

    used = {
        step["uses"].partition("@")[0] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step
    }
    assert used == ACTIONS
    assert workflow["permissions"] == {"contents": "read"}


def test_every_secret_of_the_workflow_comes_from_github() -> None:
    assert all(re.fullmatch(r"\$\{\{ secrets\.\w+ \}\}", value) for value in read_workflow()["env"].values())
