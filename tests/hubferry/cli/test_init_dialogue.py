"""`hubferry init` at a terminal: a person is asked, and the token is tried at once."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from hubspot_emulator.server import Emulator

TOKEN = "pat-na1-8d7c6b5a-1111-2222-3333-444455556666"


def dialogue(folder: Path, *arguments: str) -> pexpect.spawn:
    environment = {**os.environ, "TERM": "dumb"}
    environment.pop("HUBSPOT_TOKEN", None)
    return pexpect.spawn(
        sys.executable,
        ["-m", "hubferry", "init", *arguments],
        cwd=folder,
        env=environment,
        encoding="utf-8",
        timeout=60,
    )


def test_a_token_is_tried_at_once_and_kept_where_only_its_owner_reads_it(
    tmp_path: Path, portal_factory: Callable[..., Emulator]
) -> None:
    portal = portal_factory(contacts=0, companies=0, deals=0)

    person = dialogue(tmp_path, "crm", "--base-url", portal.base_url)
    person.expect("account")
    person.sendline("y")
    person.expect("Token")
    person.sendline("not-a-token")
    person.expect("not right")
    person.expect("Token")
    person.sendline(TOKEN)
    person.expect(r"takes it: portal \d+")
    person.expect("hubferry check")
    person.expect(pexpect.EOF)
    person.close()

    kept = tmp_path / "crm" / ".env"
    assert person.exitstatus == 0
    assert kept.read_text() == f"HUBSPOT_TOKEN={TOKEN}\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert TOKEN not in (tmp_path / "crm" / "hubferry.yml").read_text()


@pytest.mark.parametrize(("answers", "demo"), [(["n"], True), (["y", ""], False)])
def test_no_account_is_the_emulator_and_no_token_is_for_later(tmp_path: Path, answers: list[str], demo: bool) -> None:
    person = dialogue(tmp_path, "crm")
    for answer, question in zip(answers, ("account", "Token"), strict=False):
        person.expect(question)
        person.sendline(answer)
    person.expect("hubferry pull")
    person.expect(pexpect.EOF)
    person.close()

    assert person.exitstatus == 0
    assert ("base_url" in (tmp_path / "crm" / "hubferry.yml").read_text()) == demo
