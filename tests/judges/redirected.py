"""Runs a connector in its own environment with every call to api.hubapi.com sent to another address: `redirected.py ADDRESS MODULE[:FUNCTION] ARGUMENTS..`.

Only where calls go is changed; that nothing else is asked for is checked: a call to any other host ends the run.
"""

from __future__ import annotations

import importlib
import operator
import runpy
import sys
import time

import requests

HOST = "https://api.hubapi.com"


def main() -> None:
    """Redirect, then run the connector as its command would."""
    address, target = sys.argv[1:3]
    sys.argv = [target, *sys.argv[3:]]
    original = requests.adapters.HTTPAdapter.send

    def send(self, request, *args, **options):  # type: ignore[no-untyped-def]
        if request.url.startswith(HOST):
            request.url = address + request.url[len(HOST) :]
        elif not request.url.startswith(address):
            raise SystemExit(f"the connector calls {request.url}")
        return original(self, request, *args, **options)

    requests.adapters.HTTPAdapter.send = send  # type: ignore[method-assign]
    pause = time.sleep
    time.sleep = lambda seconds: pause(min(seconds, 0.05))  # waits are the connectors' habit, not the portal's need
    module, _, function = target.partition(":")
    if function:
        operator.attrgetter(function)(importlib.import_module(module))()
    else:
        runpy.run_module(module, run_name="__main__")


if __name__ == "__main__":
    main()
