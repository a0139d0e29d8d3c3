"""Named points where a test may kill the process, to show that nothing is lost there. Nothing happens in normal use.

`HUBFERRY_CRASH=name:nth` kills (SIGKILL) at the nth time that the point is reached.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

POINTS = (
    "lease.acquired",
    "transaction.begun",
    "transaction.before_fence",
    "transaction.before_commit",
    "transaction.after_commit",
    "run.finished",
    "pull.page_fetched",
    "pull.chunk_merged",
    "pull.before_sweep",
    "push.intents_committed",
    "push.batch_answered",
    "push.results_committed",
    "push.labels_answered",
    "push.links_answered",
)
"""Every point, so that a test can sweep them all; add a name here before using it."""

_reached: Counter[str] = Counter()


def crashpoint(name: str) -> None:
    """Kill this process here if the environment asks for it."""
    wanted = os.environ.get("HUBFERRY_CRASH")
    if wanted is None:
        return
    if name not in POINTS:
        raise ValueError(f"crash point {name!r} is not in hubferry.state.crash.POINTS")
    _reached[name] += 1
    if wanted == f"{name}:{_reached[name]}":
        os.kill(os.getpid(), signal.SIGKILL)
