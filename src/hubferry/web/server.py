"""Serves a site on 127.0.0.1, and nowhere else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from hubferry.errors import UsageError
from hubferry.types import Clock
from hubferry.web.app import build_app
from hubferry.web.session import Session
from hubferry.web.site import Site

HOST = "127.0.0.1"
PORT = 8420
"""Where the page is when no port is named and this one is free."""


class PageServer:
    """One started page; `address` opens it once."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = 0,
        environ: Mapping[str, str] | None = None,
        environment: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._socket = _bind(port)
        self.port: int = self._socket.getsockname()[1]
        self.site = Site(folder, Session(self.port), environ=environ, environment=environment, clock=clock)
        config = uvicorn.Config(
            build_app(self.site),
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=2,
            lifespan="off",
            ws="none",
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Give the address that opens a session, once."""
        return self.site.session.address()

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM."""
        try:
            with suppress(KeyboardInterrupt):  # uvicorn raises it again once it has ended in order
                self._server.run(sockets=[self._socket])
        finally:
            self.site.close()

    def __enter__(self) -> Self:
        """Serve in a thread, for tests and pictures."""
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.site.runs.stop_all(timeout=10)
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(timeout=10)
        self._socket.close()
        self.site.close()


def _bind(port: int | None) -> socket.socket:
    """Take the port that was named; without one the usual, else any that is free."""
    for number in (port,) if port is not None else (PORT, 0):
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((HOST, number))
        except OSError as error:
            bound.close()
            if port is not None:
                raise UsageError(
                    f"port {port} of this machine cannot be used: {error.strerror}. Name another: hubferry ui --port N"
                ) from error
        else:
            bound.listen(128)
            return bound
    raise UsageError("no port of this machine can be used.")
