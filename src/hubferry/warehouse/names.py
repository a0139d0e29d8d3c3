"""Names longer than a server can hold (PostgreSQL cuts them without a word): shortened by one rule, so that none collide.

A longer name keeps its beginning and ends in `~` and ten characters of a hash of the whole name: the same name is shortened
alike everywhere and always.
"""

from __future__ import annotations

import base64
import hashlib

_HASH_CHARACTERS = 10


def shorten(name: str, limit_bytes: int) -> str:
    """Give the name as a server with this limit keeps it."""
    encoded = name.encode()
    if len(encoded) <= limit_bytes:
        return name
    digest = base64.b32encode(hashlib.sha256(encoded).digest()).decode().lower()[:_HASH_CHARACTERS]
    kept = encoded[: limit_bytes - 1 - _HASH_CHARACTERS].decode(errors="ignore")
    return f"{kept}~{digest}"
