"""The emulator as a child: on free ports, and never longer than its parent."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3

from hubferry.cli.emulator import start_emulator
from hubferry.errors import EmulatorError

_PARENT = """
import fcntl
import sys
from hubferry.cli.emulator import start_emulator
lock = open(sys.argv[1], "a")
fcntl.flock(lock, fcntl.LOCK_EX)
with start_emulator(["--contacts=5"], keep_open=lock) as portal:
    print(portal.control_url, flush=True)
    sys.stdin.read()
"""


def test_an_emulator_answers_inside_the_block_and_not_after_it(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as lock, urllib3.PoolManager(retries=False) as pool:
        with start_emulator(["--contacts=5"], keep_open=lock) as portal:
            assert pool.request("GET", f"{portal.control_url}/health").json() == {"ok": True}

        with pytest.raises(urllib3.exceptions.HTTPError):
            pool.request("GET", f"{portal.control_url}/health")


def test_an_emulator_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", _PARENT, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        parent.send_signal(signal.SIGKILL)
        parent.wait()

    with (tmp_path / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # waits until the emulator, which holds the lock too, has gone
    with urllib3.PoolManager(retries=False) as pool, pytest.raises(urllib3.exceptions.HTTPError):
        pool.request("GET", f"{url}/health")


def test_an_emulator_that_cannot_start_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "portal.db").write_text("this is no database, and long enough to be looked at as one" * 20)
    with (
        (tmp_path / "lock").open("a") as lock,
        pytest.raises(EmulatorError, match="did not start"),
        start_emulator([f"--db={tmp_path / 'portal.db'}"], keep_open=lock),
    ):
        pass


def test_the_command_passes_every_option_on(tmp_path: Path) -> None:
    given = (
        "--port 0 --control-port 0 --contacts 7 --companies 1 --deals 1 --seed 3 --tier free --no-limits --latency-ms 1"
    )
    (tmp_path / "faults.json").write_text('[{"match": {"path": "/crm/v3/objects/deals"}, "do": {"status": 503}}]')
    given += f" --faults {tmp_path / 'faults.json'} --hard-values --hostile-names --no-activity"
    given += " --index-lag-seconds 2 --clock virtual --token pat-a --token pat-b=crm.objects.contacts.read"
    command = [sys.executable, "-m", "hubferry", "emulator", *given.split(), "--db", str(tmp_path / "portal.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        urls = [word.rstrip(",\n") for word in process.stdout.readline().split() if word.startswith("http")]
        with urllib3.PoolManager() as pool:
            truth = pool.request("GET", f"{urls[1]}/truth/companies").data.splitlines()
            hard = pool.request("GET", f"{urls[1]}/truth/properties").data
            nothing = pool.request("GET", f"{urls[1]}/truth/products").data
            faulty = pool.request(
                "GET", f"{urls[0]}/crm/v3/objects/deals", headers={"Authorization": "Bearer pat-a"}, retries=False
            ).status
            refused = pool.request("GET", f"{urls[0]}/crm/v3/owners", headers={"Authorization": "Bearer pat-c"}).status
        os.kill(process.pid, signal.SIGTERM)
        process.wait()

    assert (len(truth), refused, faulty, nothing) == (1, 401, 503, b"")
    assert b'"hard_choice"' in hard
    assert b'"name":"with space"' in hard
    assert (tmp_path / "portal.db").exists()
