"""A worker that is stopped in the middle of a transaction: it says `open`, waits for a line, then tries to commit and to send.

`python stopped_worker.py ENGINE WHERE CLOCK`; CLOCK is a file with the seconds by which its clock is ahead.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from hubferry.errors import HubferryError
from hubferry.state.cursors import Cursor, save_cursor
from hubferry.state.leases import acquire_lease
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.interface import Warehouse

PORTAL = 42


class ShiftedClock:
    """This machine's clock, ahead by what stands in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def time(self) -> float:
        return time.time() + float(self._path.read_text())

    def monotonic(self) -> float:
        return time.monotonic() + float(self._path.read_text())

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def open_engine(engine: str, where: str) -> Warehouse:
    """Open the warehouse that the test made."""
    if engine == "postgres":
        from hubferry.warehouse.postgres.server import Settings  # noqa: PLC0415
        from hubferry.warehouse.postgres.warehouse import PostgresWarehouse  # noqa: PLC0415

        return PostgresWarehouse(Settings(url=Secret(where)))
    from hubferry.warehouse.snowflake.account import Settings as Account  # noqa: PLC0415
    from hubferry.warehouse.snowflake.warehouse import SnowflakeWarehouse  # noqa: PLC0415

    host, port, database = where.split(":")
    if host == "None":  # a real account, which the SNOWFLAKE_* variables name
        from engines import snowflake_settings  # noqa: PLC0415

        return SnowflakeWarehouse(snowflake_settings(database))
    login = {
        "account": "fakesnow",
        "user": "fake",
        "password": Secret("snow"),
        "protocol": "http",
        "network_timeout": 1,
    }
    return SnowflakeWarehouse(Account(database=database, host=host, port=int(port), **login))  # type: ignore[arg-type]


def main(engine: str, where: str, clock_file: str) -> None:
    warehouse, clock = open_engine(engine, where), ShiftedClock(Path(clock_file))
    state = StateStore(warehouse, clock)
    lease = acquire_lease(warehouse, clock, PORTAL, run_id=state.start_run("pull", PORTAL, {}), wait_seconds=0)
    committed = True
    try:
        with lease.transaction() as tx:
            save_cursor(tx, warehouse, PORTAL, "contacts", Cursor(scan="stopped"))
            print("open", flush=True)
            sys.stdin.readline()
    except HubferryError as error:
        committed = False
        print(type(error).__name__, file=sys.stderr)
    print(f"committed {committed}, may send {lease.may_send()}", flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(*sys.argv[1:])
