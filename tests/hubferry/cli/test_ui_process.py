"""`hubferry ui` as people start it: a process that prints one address, opens it once, and ends when it is told to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start it in a group of its own, as a terminal does: Ctrl-C is then for the command and the page alike."""
    command = [sys.executable, "-m", "hubferry", "ui", *options]
    environ = os.environ | {"HUBSPOT_TOKEN": "pat-na1-planted"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, env=environ, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "hubferry.yml").write_text(
        "hubspot: {token: '${HUBSPOT_TOKEN}'}\nwarehouse: {duckdb: {path: w.duckdb}}\npull: {streams: {contacts: }}\n"
    )
    return tmp_path


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM], ids=["interrupted", "terminated"])
def test_the_address_opens_the_page_once_and_the_end_is_clean(project: Path, ending: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    page = start(project, "--no-browser", "--port", str(port))
    try:
        assert page.stdout is not None
        address = page.stdout.readline().strip()
        with urllib3.PoolManager(retries=False) as pool:
            opened = pool.request("GET", address, redirect=False)
            again = pool.request("GET", address, redirect=False)
            cookie = opened.headers["Set-Cookie"].partition(";")[0]
            shown = pool.request("GET", f"http://127.0.0.1:{port}/streams", headers={"Cookie": cookie})
            stranger = pool.request("GET", f"http://127.0.0.1:{port}/streams")
        if ending is signal.SIGINT:
            os.killpg(page.pid, ending)
        else:
            page.send_signal(ending)
        _, said = page.communicate(timeout=30)
    finally:
        if page.poll() is None:
            os.killpg(page.pid, signal.SIGKILL)

    assert address.startswith(f"http://127.0.0.1:{port}/open/")
    assert (opened.status, again.status, shown.status, stranger.status) == (303, 403, 200, 401)
    assert (page.returncode, said) == (0, "")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port))


def test_a_port_that_is_taken_and_a_file_with_a_mistake_are_sentences(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        page = start(project, "--no-browser", "--port", str(port))
        _, said = page.communicate(timeout=30)
    (project / "hubferry.yml").write_text("pul: {}\n")
    broken = start(project, "--no-browser")
    _, mistake = broken.communicate(timeout=30)

    assert (page.returncode, broken.returncode) == (2, 2)
    assert f"port {port} of this machine cannot be used" in said
    assert "Traceback" not in said + mistake
    assert "hubferry.yml" in mistake
