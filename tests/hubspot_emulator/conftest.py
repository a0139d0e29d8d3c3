"""Portals and calls for the emulator's own tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
import urllib3

from hubspot_emulator.server import Emulator


@dataclass(frozen=True)
class Answer:
    """What a call came back with."""

    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes

    def json(self) -> Any:
        """Decode the body."""
        return msgspec.json.decode(self.body)

    def lines(self) -> list[Any]:
        """Decode a body of one JSON value a line."""
        return [msgspec.json.decode(line) for line in self.body.splitlines()]


Call = Callable[..., Answer]


@pytest.fixture
def emulator(portal_factory: Callable[..., Emulator]) -> Emulator:
    """A portal of 60 contacts on a virtual clock."""
    return portal_factory(contacts=60)


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    """Connections that are closed when the test ends."""
    with urllib3.PoolManager(retries=False, timeout=30) as manager:
        yield manager
        manager.clear()


@pytest.fixture
def call(emulator: Emulator, pool: urllib3.PoolManager) -> Call:
    """Call the API of `emulator`: `call("GET", "/crm/...", json=..., token=...)`."""
    return caller(pool, emulator.base_url)


@pytest.fixture
def control(emulator: Emulator, pool: urllib3.PoolManager) -> Call:
    """Call the control server of `emulator`."""
    return caller(pool, emulator.control_url)


@pytest.fixture
def caller_of(pool: urllib3.PoolManager) -> Callable[[Emulator], Call]:
    """Call the API of a portal that the test made itself: `caller_of(emulator)("GET", ...)`."""
    return lambda emulator: caller(pool, emulator.base_url)


@pytest.fixture
def connect(pool: urllib3.PoolManager) -> Callable[[str], Call]:
    """Call whatever answers at an address: `connect(emulator.base_url)`."""
    return lambda url: caller(pool, url)


def caller(pool: urllib3.PoolManager, url: str) -> Call:
    """Bind calls to a server."""

    def call(method: str, path: str, *, json: Any = None, token: str = "pat-test", **more: Any) -> Answer:
        body = None if json is None else msgspec.json.encode(json)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        answer = pool.request(method, url + path, body=body, headers=headers, **more)
        return Answer(answer.status, answer.headers, answer.data)

    return call
