"""One rule for names: what Snowflake would take without quotes is folded to upper case as Snowflake does, all else is kept.

So `select email from hubspot.contacts` works. A name that came back all in upper case is given in lower case.
"""

from __future__ import annotations

import re

from hubferry.warehouse import names, sql

LIMIT_BYTES = 255
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_FOLDED = re.compile(r"[A-Z_][A-Z0-9_$]*")


_FULL: dict[str, str] = {}
"""Names that this process shortened, by what became of them; they are the same in every warehouse."""


def fold(name: str) -> str:
    """Give a name as Snowflake keeps it."""
    folded = name.upper() if _PLAIN.fullmatch(name) else name
    short = names.shorten(folded, LIMIT_BYTES)
    if short != folded:
        _FULL[short] = name
    return short


def unfold(name: str) -> str:
    """Give a name of Snowflake's as we write it; one that another process shortened stays short."""
    if name in _FULL:
        return _FULL[name]
    return name.lower() if _FOLDED.fullmatch(name) else name


def quote(name: str) -> str:
    """Quote one name."""
    return sql.quote(fold(name))


def full_name(*parts: str) -> str:
    """Quote a name of several parts."""
    return ".".join(map(quote, parts))
