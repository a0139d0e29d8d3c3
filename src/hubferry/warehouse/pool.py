"""Connections to a server: kept while a block says that more calls follow, closed when the last such block ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Generic, Protocol, TypeVar

from hubferry.errors import WarehouseError

C = TypeVar("C")
Lent_co = TypeVar("Lent_co", covariant=True)
_STALE_SECONDS = 20.0
"""A connection that lay idle for longer is asked whether it lives before it is used."""


class Lender(Protocol[Lent_co]):
    """What lends connections of one warehouse, each used by one block at a time."""

    def connection(self) -> AbstractContextManager[Lent_co]:
        """Lend a connection."""
        ...

    def hold(self) -> AbstractContextManager[None]:
        """Keep what is open until the block ends."""
        ...

    def writing(self) -> AbstractContextManager[None]:
        """Refuse a second transaction of the same thread."""
        ...


class Pool(Generic[C]):
    """Connections of one warehouse in one process; each is used by one block at a time."""

    def __init__(self, connect: Callable[[], C], *, is_alive: Callable[[C], bool], close: Callable[[C], None]) -> None:
        self._connect, self._is_alive, self._close = connect, is_alive, close
        self._lock = threading.Lock()
        self._holders = 0
        self._idle: list[tuple[C, float]] = []
        self._writers: set[int] = set()

    @contextmanager
    def connection(self) -> Iterator[C]:
        """Lend a connection; after a failure it is closed, for nobody knows what it is in the middle of."""
        connection = self._take()
        try:
            yield connection
        except BaseException:
            self._close(connection)
            raise
        self._give_back(connection)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep connections until the block ends."""
        with self._lock:
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                idle, self._idle = (self._idle, []) if not self._holders else ([], self._idle)
            for connection, _ in idle:
                self._close(connection)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Refuse a second transaction of the same thread, which would wait for the first one for ever."""
        thread = threading.get_ident()
        if thread in self._writers:
            raise WarehouseError("a transaction is open in this thread already; end it first")
        self._writers.add(thread)
        try:
            yield
        finally:
            self._writers.discard(thread)

    def _take(self) -> C:
        while True:
            with self._lock:
                if not self._idle:
                    break
                connection, since = self._idle.pop()
            if time.monotonic() - since < _STALE_SECONDS or self._is_alive(connection):
                return connection
            self._close(connection)
        return self._connect()

    def _give_back(self, connection: C) -> None:
        with self._lock:
            if self._holders:
                self._idle.append((connection, time.monotonic()))
                return
        self._close(connection)
