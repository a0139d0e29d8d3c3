"""The command `hubspot-emulator`: a HubSpot portal on this machine until it is interrupted."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence

from hubspot_emulator.limits import TIERS
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings, SettingsError, parse_token


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; docs/reference/emulator.md lists the same options."""
    parser = argparse.ArgumentParser(prog="hubspot-emulator", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=8765, help="where the API answers (default 8765; 0: any free port)")
    add("--control-port", type=int, help="where the control server answers (default: the port after --port)")
    add("--contacts", type=int, default=20_000, help="contacts to generate (default 20000)")
    add("--companies", type=int, help="companies to generate (default: a fifth of the contacts)")
    add("--deals", type=int, help="deals to generate (default: a quarter of the contacts)")
    add("--fill", type=float, default=1.0, help="how much of what a record need not have is set (default 1)")
    add("--hard-values", action="store_true", help="some contacts have values that break careless readers")
    add("--hostile-names", action="store_true", help="contacts have properties whose names HubSpot would refuse")
    add("--import", dest="import_file", metavar="FILE", help="JSON lines whose records the portal has, and no others")
    add("--faults", dest="faults_file", metavar="FILE", help="a JSON list of fault rules, in force from the start")
    add("--no-activity", action="store_true", help="records and links only: no activities, forms, lists, e-mail events")
    add("--seed", type=int, default=1, help="the same seed gives the same portal (default 1)")
    add("--db", help="SQLite file that keeps the portal; one that holds a portal is opened as it is (default: memory)")
    add("--latency-ms", type=float, default=0.0, help="time every answer takes at least (default 0)")
    add(
        "--tier",
        choices=sorted(TIERS),
        default="enterprise",
        help="the account's plan: its limits and products (default enterprise)",
    )
    add("--no-limits", action="store_true", help="refuse no call, send no limit headers")
    add("--index-lag-seconds", type=float, default=0.0, help="how long search does not see a write (default 0)")
    add(
        "--clock",
        choices=("real", "virtual"),
        default="real",
        help="virtual: time moves only by POST /clock (default real)",
    )
    add(
        "--token",
        action="append",
        default=[],
        metavar="TOKEN[=SCOPE,SCOPE]",
        help="accept this token, with these scopes or all; repeatable (default: any pat- token, all scopes)",
    )
    add(
        "--until-stdin-closes", action="store_true", help="end when standard input does: with the process that holds it"
    )
    return parser


def parse_settings(arguments: Sequence[str] | None) -> Settings:
    """Read the command line; argparse ends the process where it cannot be read."""
    return build_settings(build_parser().parse_args(arguments))


def build_settings(options: argparse.Namespace) -> Settings:
    """Give the portal that the options describe."""
    control_port = options.control_port
    if control_port is None:
        control_port = options.port + 1 if options.port else 0
    return Settings(
        port=options.port,
        control_port=control_port,
        contacts=options.contacts,
        companies=options.companies,
        deals=options.deals,
        fill=options.fill,
        activity=not options.no_activity,
        hard_values=options.hard_values,
        hostile_names=options.hostile_names,
        faults_file=options.faults_file,
        import_file=options.import_file,
        seed=options.seed,
        db=options.db,
        latency_ms=options.latency_ms,
        tier=options.tier,
        limits=not options.no_limits,
        index_lag_seconds=options.index_lag_seconds,
        clock=options.clock,
        tokens=dict(parse_token(text) for text in options.token),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; give 0, 2 when the portal cannot be started, 130 when interrupted before."""
    options = build_parser().parse_args(arguments)
    stopped = threading.Event()
    if options.until_stdin_closes:
        threading.Thread(target=_wait_for_end_of_stdin, args=(stopped,), daemon=True).start()
    try:
        emulator = Emulator(build_settings(options)).start()
    except SettingsError as error:
        sys.stderr.write(f"hubspot-emulator: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        sys.stdout.write(f"HubSpot API on {emulator.base_url}, control server on {emulator.control_url}\n")
        sys.stdout.flush()
        stopped.wait()
    finally:
        emulator.stop()
    return 0


def _wait_for_end_of_stdin(stopped: threading.Event) -> None:
    """Read the descriptor itself: a buffered reader would hold a lock when the process ends."""
    while os.read(0, 4096):
        pass
    stopped.set()


if __name__ == "__main__":
    sys.exit(main())
