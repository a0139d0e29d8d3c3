"""The report for somebody who helps: what is needed, and nothing that is secret or a person's."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from hubferry.cli.app import main
from hubspot_emulator.server import Emulator

TOKEN = "pat-na1-8d7c6b5a-1111-2222-3333-planted"
PLANTED = "planted.person@x.com"
FILE = """\
hubspot: {token: "${MY_TOKEN}", base_url: "${MY_URL}"}
pull: {streams: {owners: }}
alerts: {webhook: {url: "${MY_HOOK}"}}
"""
SYNC = f"""\
query: SELECT 'C-1' AS number, '{PLANTED}' AS email
where: email <> '{PLANTED}x'
key: number
object: contacts
match: email
fields: {{email: email, firstname: {{constant: {PLANTED}}}, lastname: {{sql: "'{PLANTED}'"}}}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "syncs").mkdir()
    (tmp_path / "hubferry.yml").write_text(FILE)
    (tmp_path / "syncs" / "people.yml").write_text(SYNC)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    monkeypatch.setenv("MY_HOOK", "https://hooks.x.com/planted-hook")
    return tmp_path


def test_the_report_has_runs_and_settings_and_neither_a_secret_nor_a_value(
    project: Path, portal_factory: Callable[..., Emulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_URL", portal_factory(contacts=0, companies=0, deals=0).base_url)
    main(["pull", "--quiet"])
    main(["push", "people", "--quiet"])

    code = main(["doctor", "--out", "report.json"])

    text = (project / "report.json").read_text()
    report = json.loads(text)
    assert code == 0
    assert stat.S_IMODE((project / "report.json").stat().st_mode) == 0o600
    assert [run["kind"] for run in report["runs"]] == ["push", "pull"]
    assert report["check"]["items"]
    assert report["syncs"]["people"]["query"].endswith("characters)")
    assert report["tables"]["ledger"] == 1
    assert "planted" not in text


def test_a_portal_that_cannot_be_reached_does_not_keep_the_report_from_being_written(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_URL", "http://127.0.0.1:9")

    assert main(["doctor", "--out", "report.json"]) == 0

    text = (project / "report.json").read_text()
    assert json.loads(text)["versions"]["hubferry"]
    assert "planted" not in text
