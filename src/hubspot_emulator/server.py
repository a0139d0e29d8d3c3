"""Runs a portal: the API and the control server, each in a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec
import uvicorn

from hubspot_emulator import app, generator, tokens
from hubspot_emulator.clock import Clock, VirtualClock
from hubspot_emulator.control import Control
from hubspot_emulator.fault_actions import FaultRuleError
from hubspot_emulator.faults import Faults
from hubspot_emulator.knobs import Knobs
from hubspot_emulator.limits import TIERS, Limits, Tier
from hubspot_emulator.portal import Portal
from hubspot_emulator.request_log import RequestLog
from hubspot_emulator.settings import Settings, SettingsError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HOST = "127.0.0.1"
START_SECONDS = 30
SHUTDOWN_SECONDS = 1
"""How long calls in flight may take to end when the portal stops; hanging ones are cut off."""


class Emulator:
    """A portal that answers on loopback between `start` and `stop`, or inside `with`."""

    def __init__(self, settings: Settings | None = None, *, clock: Clock | None = None) -> None:
        self.settings = settings or Settings()
        self.clock = clock or self.settings.build_clock()
        self.log = RequestLog(self.clock)
        self.faults = Faults(self.clock)
        self.limits = Limits(self.clock, _tier(self.settings), self.settings.limits)
        self._portal: Portal | None = None
        self._servers: list[_ServerThread] = []

    @property
    def portal(self) -> Portal:
        """The portal's state; take its `lock` to touch it while it serves."""
        if self._portal is None:
            raise RuntimeError("the emulator is not running: call start() first, or use it in a with statement")
        return self._portal

    @property
    def base_url(self) -> str:
        """Where the API answers, in place of https://api.hubapi.com."""
        return f"http://{HOST}:{self._servers[0].port}"

    @property
    def control_url(self) -> str:
        """Where the control server answers."""
        return f"http://{HOST}:{self._servers[1].port}"

    def start(self) -> Self:
        """Open or generate the portal, then listen; a port that is taken is refused before anything is generated."""
        settings = self.settings
        self._read_faults()
        sockets = _listen(settings.port, settings.control_port)
        try:
            self._portal = self._open_portal()
        except BaseException:
            for listening in sockets:
                listening.close()
            raise
        apps = self._build_apps(self._portal)
        self._servers = [_ServerThread(each, listening) for each, listening in zip(apps, sockets, strict=True)]
        for server in self._servers:
            server.start()
        return self

    def stop(self) -> None:
        """Stop listening, let calls in flight end, close the portal; harmless when already stopped."""
        for server in self._servers:
            server.ask_to_stop()
        for server in self._servers:
            server.join()
        if self._portal is not None:
            with self._portal.lock:
                self._portal.close()
        self._portal, self._servers = None, []

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _read_faults(self) -> None:
        name = self.settings.faults_file
        if name is None:
            return
        try:
            self.faults.clear()
            self.faults.add(msgspec.json.decode(Path(name).read_bytes(), type=list[Any]))
        except OSError as error:
            raise SettingsError(f"--faults {name} cannot be read: {error.strerror}") from error
        except (FaultRuleError, msgspec.MsgspecError) as error:
            raise SettingsError(f"--faults {name}: {error}") from error

    def _open_portal(self) -> Portal:
        settings = self.settings
        portal = Portal(
            clock=self.clock,
            path=settings.db or ":memory:",
            portal_id=settings.portal_id,
            knobs=settings.knobs,
            index_lag_seconds=settings.index_lag_seconds,
        )
        portal.tier = settings.tier
        try:
            if generator.is_generated(portal):
                self._catch_up(portal)
            else:
                generator.generate(portal, settings)
        except BaseException:
            portal.close()
            raise
        return portal

    def _catch_up(self, portal: Portal) -> None:
        """A kept portal's time does not go back: a virtual clock goes on from its last write."""
        (last_ms,) = portal.db.execute("SELECT max(at_ms) FROM events").fetchone()
        if isinstance(self.clock, VirtualClock) and last_ms is not None:
            self.clock.advance(max(0.0, last_ms / 1000 - self.clock.time()))

    def _build_apps(self, portal: Portal) -> tuple[ASGIApp, ASGIApp]:
        registry = tokens.Tokens(self.settings.tokens)
        api = app.build_app(portal, self.limits, self.log, self.faults, registry, self.settings.latency_ms)
        return api, Control(portal, self.log, self.faults, self.limits).build_app()


class _ServerThread:
    """One uvicorn server with its own thread and event loop."""

    def __init__(self, application: ASGIApp, listening: socket.socket) -> None:
        self._socket = listening
        self.port: int = listening.getsockname()[1]
        config = uvicorn.Config(
            application,
            lifespan="off",
            log_config=None,
            access_log=False,
            date_header=False,  # the portal's clock dates the answers
            server_header=False,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name=f"hubspot-emulator-{self.port}", daemon=True)

    def start(self) -> None:
        """Serve; come back when the event loop has the socket, so that a stop at once still closes everything."""
        self._thread.start()
        if not self._server.listens.wait(START_SECONDS):
            raise RuntimeError(f"the server on port {self.port} did not start within {START_SECONDS} s")

    def ask_to_stop(self) -> None:
        """Let the server end after the calls in flight."""
        self._server.ask_to_end()

    def join(self) -> None:
        """Wait until the server has ended."""
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


class _Server(uvicorn.Server):
    """A server that tells other threads when it listens, and ends at once when it is asked to.

    uvicorn looks every tenth of a second whether it is to end, and takes another tenth for that; tests start thousands.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()
        self._ends = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self.listens.set()

    def ask_to_end(self) -> None:
        """Let the server end; called by another thread."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ends.set)

    async def main_loop(self) -> None:
        """Wait until the server is asked to end."""
        await self._ends.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let calls in flight end for a while, then cut them off."""
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._calls_end(), SHUTDOWN_SECONDS)
        for task in self.server_state.tasks:
            task.cancel()

    async def _calls_end(self) -> None:
        state = self.server_state
        while state.connections or state.tasks:  # noqa: ASYNC110  uvicorn keeps these sets and tells nobody of changes
            await asyncio.sleep(0.001)


def _tier(settings: Settings) -> Tier:
    """Give what the account's plan may call; how much Professional may is a knob."""
    tier, knobs = TIERS[settings.tier], settings.knobs or Knobs()
    return replace(tier, daily=knobs.daily_calls_professional) if settings.tier == "professional" else tier


def _listen(*ports: int) -> list[socket.socket]:
    opened: list[socket.socket] = []
    for port in ports:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        opened.append(listening)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
            listening.listen(2048)
        except OSError as error:
            for each in opened:
                each.close()
            raise SettingsError(
                f"port {port} cannot be used: {error.strerror}. Give another --port or --control-port."
            ) from error
    return opened
