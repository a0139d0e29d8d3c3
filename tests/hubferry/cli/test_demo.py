"""The demo as a user runs it, and as a user kills it."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

import truth
from hubferry.cli.demo.folder import open_folder
from hubferry.cli.demo.proof import OBJECTS, compare
from hubferry.cli.emulator import start_emulator
from hubferry.errors import ConfigError
from hubferry.project import Project
from hubferry.warehouse.duckdb import DuckDBWarehouse

CONTACTS = 300
WRONG = {
    "annualrevenue": "nextafter(annualrevenue, 1e300)",
    "is_public": "NOT is_public",
    "hs_lastmodifieddate": "hs_lastmodifieddate + INTERVAL 1 MILLISECOND",
    "num_associated_contacts": "NULL",
    "domain": "upper(domain)",
}
"""A wrong value of each type, as near to the right one as can be."""
COMMAND = (sys.executable, "-W", "error", "-m", "hubferry", "demo", "--contacts", str(CONTACTS))


def demo(folder: Path, *, kill_after: float | None = None) -> tuple[int, list[str]]:
    """Run the demo in `folder`/demo; kill it after so many seconds. Gives exit code and lines."""
    with subprocess.Popen(COMMAND, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            text, _ = process.communicate(timeout=kill_after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            text, _ = process.communicate()
        return process.returncode, text.splitlines()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("standing")
    code, lines = demo(folder)
    assert code == 0, "\n".join(lines)
    return folder, lines


def verdicts(folder: Path) -> dict[str, list[str]]:
    """Compare the demo's tables with its portal, asked anew."""
    options = [f"--db={folder / 'demo' / 'portal.db'}"]
    with (
        (folder / "demo" / ".lock").open("a") as lock,
        start_emulator(options, keep_open=lock) as portal,
        Project.open(folder / "demo", {"HUBSPOT_URL": portal.base_url}) as project,
    ):
        return {each.table: each.differences for each in compare(project, portal.control_url)}


def count_created(folder: Path) -> int:
    """Count the contacts that requests made; what the portal's own users made is not among them."""
    with closing(sqlite3.connect(folder / "demo" / "portal.db")) as connection:
        sql = "SELECT count(*) FROM events WHERE what = 'create' AND type_id = '0-1' AND request NOT LIKE 'mutate%'"
        return int(connection.execute(sql).fetchone()[0])


def test_the_demo_ends_with_tables_equal_to_the_portal(finished: tuple[Path, list[str]]) -> None:
    folder, lines = finished

    found = verdicts(folder)

    assert set(found) == {*OBJECTS, "deals-contacts", "deals-companies", "contacts-companies"}
    assert not any(found.values())
    assert_demo_equals_truth(folder)
    assert count_created(folder) == 2
    assert "nothing to do" in "\n".join(lines)


def test_the_demo_shows_each_thing_that_it_promises(finished: tuple[Path, list[str]]) -> None:
    text = "\n".join(finished[1])

    for shown in (
        "-> (cleared)",
        "hs_lead_status invalid",
        "email invalid",
        "-> Manager",
        "-> unlabelled",
        "new record",
    ):
        assert shown in text


def test_the_commands_to_try_next_work_as_printed_from_where_the_user_stands(finished: tuple[Path, list[str]]) -> None:
    folder, lines = finished
    start = next(number for number, line in enumerate(lines) if "commands to try next" in line)
    commands = [line.strip() for line in lines[start + 1 : start + 4]]

    ended = [
        subprocess.run(each, shell=True, cwd=folder, capture_output=True, text=True, check=False) for each in commands
    ]

    assert [each.returncode for each in ended] == [0, 0, 0], [each.stderr for each in ended]
    assert "D-0000003" in ended[0].stdout
    assert "push" in ended[1].stdout or "apply" in ended[1].stdout


def test_a_comparison_that_finds_a_difference_says_so(finished: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder = tmp_path
    shutil.copytree(finished[0] / "demo", folder / "demo")
    with duckdb.connect(str(folder / "demo" / "warehouse.duckdb")) as connection:
        connection.execute(
            "UPDATE hubspot.contacts SET firstname = 'Mallory' WHERE id = (SELECT min(id) FROM hubspot.contacts"
            " WHERE _hubferry_deleted_at IS NULL)"
        )
        for column, wrong in WRONG.items():
            connection.execute(
                f"UPDATE hubspot.companies SET {column} = {wrong} WHERE id = (SELECT min(id) FROM hubspot.companies"
                f" WHERE _hubferry_deleted_at IS NULL AND {column} IS NOT NULL)"
            )
        connection.execute(
            "DELETE FROM hubspot.deals WHERE id = (SELECT max(id) FROM hubspot.deals WHERE NOT archived)"
        )
        connection.execute(
            "DELETE FROM hubspot.associations WHERE rowid = (SELECT min(rowid) FROM hubspot.associations WHERE"
            " from_object = 'deals' AND to_object = 'companies' AND _hubferry_deleted_at IS NULL)"
        )

    found = {name: len(differences) for name, differences in verdicts(folder).items() if differences}

    assert found == {"contacts": 1, "companies": len(WRONG), "deals": 1, "deals-companies": 1}


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(5))
def test_a_demo_killed_at_random_moments_ends_equal_when_it_is_run_again(
    tmp_path: Path, finished: tuple[Path, list[str]], seed: int
) -> None:
    """Two kills a seed, the second in what the first left: ten moments over the whole length of a demo."""
    length = float(next(line for line in finished[1] if line.startswith("Done in ")).split()[2])
    moments = [random.Random(f"{seed}-{nth}").uniform(0.3, length * 0.9) for nth in range(2)]
    print(f"seed {seed}: killed after {moments} of {length} s")

    ended = [demo(tmp_path, kill_after=moment)[0] for moment in moments]
    code, lines = demo(tmp_path)

    assert -signal.SIGKILL in ended
    assert code == 0, "\n".join(lines)
    assert not any(verdicts(tmp_path).values())
    assert_demo_equals_truth(tmp_path)
    assert count_created(tmp_path) == 2


def assert_demo_equals_truth(folder: Path) -> None:
    """Compare as the tests of pull do: with conversions of their own, nothing shared with the demo's proof."""
    options = [f"--db={folder / 'demo' / 'portal.db'}"]
    with (
        (folder / "demo" / ".lock").open("a") as lock,
        start_emulator(options, keep_open=lock) as portal,
    ):
        truth.assert_equal_to_truth(
            DuckDBWarehouse(folder / "demo" / "warehouse.duckdb"),
            portal.control_url,
            objects=("contacts", "companies", "deals"),
            pairs=(("deals", "contacts"), ("deals", "companies"), ("contacts", "companies")),
        )


def test_a_folder_that_is_no_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(ConfigError, match="was not made by a demo"), open_folder(tmp_path):
        pass
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_demo_that_was_cut_short_is_resumed_and_a_complete_one_begins_anew(tmp_path: Path) -> None:
    with open_folder(tmp_path) as first:
        (tmp_path / "portal.db").write_text("state")
    with open_folder(tmp_path) as second:
        kept = (tmp_path / "portal.db").exists()
        second.finish()
    with open_folder(tmp_path) as third:
        left = (tmp_path / "portal.db").exists()

    assert (first.resumed, second.resumed, third.resumed) == (False, True, False)
    assert (kept, left) == (True, False)
