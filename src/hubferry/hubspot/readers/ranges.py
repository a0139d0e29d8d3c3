"""Which part of an object's ids each thread of a scan reads: ranges that are cut, read and committed. No I/O."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence

import msgspec


class IdRange(msgspec.Struct, frozen=True):
    """Ids from `start` up to, but without, `stop`; no `stop` means all that follow."""

    start: int = 0
    stop: int | None = None


class Part:
    """A range while it is read: `start` is the next id to ask for, `committed` the next one not yet handed out.

    `size` is how many records are left to read, None where nobody counted; `measured` while somebody looks for a cut.
    """

    def __init__(self, start: int, stop: int | None, size: int | None) -> None:
        self.start, self.stop, self.size = start, stop, size
        self.committed = start
        self.read = self.handed_out = self.measured = False


class Partition:
    """The ranges of one scan; safe to call from its threads.

    What is read and not handed out yet still counts as remaining, so that a killed scan reads it again.
    """

    def __init__(self, ranges: Sequence[IdRange], size: int | None) -> None:
        self._lock = threading.Lock()
        self._parts = [Part(each.start, each.stop, size if len(ranges) == 1 else None) for each in ranges]
        self._waiting = list(self._parts)
        self._reading: list[Part] = []

    def next_part(self) -> Part | None:
        """Give a range that nobody reads yet, and count it as read from now on."""
        with self._lock:
            if not self._waiting:
                return None
            part = self._waiting.pop()
            self._reading.append(part)
            return part

    def next_to_cut(self, least: int) -> Part | None:
        """Give a range to count or cut that nobody cuts yet: one of unknown size, else the largest of at least `least`."""
        with self._lock:
            parts = [each for each in self._reading if not each.measured]
            part = next((each for each in parts if each.size is None), None)
            part = part or max(parts, key=lambda each: each.size or 0, default=None)
            if part is None or (part.size is not None and part.size < least):
                return None
            part.measured = True
            return part

    def release(self, part: Part) -> None:
        """Say that a range may be cut again."""
        with self._lock:
            part.measured = False

    def cut(self, part: Part, at: int, size_above: int) -> bool:
        """Let the ids of a range from `at` on be read by somebody else; False where it has moved past it."""
        with self._lock:
            if part.read or at <= part.start or (part.stop is not None and at >= part.stop):
                return False
            new = Part(at, part.stop, size_above)
            part.stop, part.size = at, max(0, (part.size or 0) - size_above)
            self._parts.append(new)
            self._waiting.append(new)
            return True

    def resize(self, part: Part, size: int) -> None:
        """Say how much of a range is left: it was counted, or is not to be tried again before smaller ones."""
        with self._lock:
            part.size = size

    def keep(self, part: Part, ids: Sequence[int], next_start: int | None) -> tuple[slice, int | None]:
        """Take in a page: give which of its ids, which ascend, belong to the range, and where the range goes on.

        None: it is read to its end.
        """
        with self._lock:
            first = bisect_left(ids, part.start)
            last = len(ids) if part.stop is None else bisect_left(ids, part.stop)
            part.size = None if part.size is None else max(0, part.size - (last - first))
            if next_start is None or (part.stop is not None and next_start >= part.stop):
                part.read = True
                self._reading.remove(part)
                return slice(first, last), None
            part.start = next_start
            return slice(first, last), next_start

    def hand_out(self, part: Part, next_start: int | None) -> tuple[IdRange, ...]:
        """Say that a page is with the caller now; give what remains once that page is committed."""
        with self._lock:
            if next_start is None:
                part.handed_out = True
            else:
                part.committed = next_start
            return tuple(IdRange(each.committed, each.stop) for each in self._parts if not each.handed_out)

    @property
    def is_open(self) -> bool:
        """Whether anything is still to be handed out."""
        with self._lock:
            return not all(part.handed_out for part in self._parts)
