"""Paging tokens and the `paging` part of answers, for the families whose token HubSpot encodes in base64.

A token arrives percent-encoded in the answer (`MQ%3D%3D`); clients send it back as it is or encoded once more (HS-44).
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import quote, unquote, urlencode

import msgspec

from hubspot_emulator import parsing
from hubspot_emulator.http import ApiError, ApiRequest

_SIZES = ("count", "limit")
"""What the size of a page is called, in query or body."""


def encode_token(text: str) -> str:
    """Encode what a page ends with."""
    return quote(base64.urlsafe_b64encode(text.encode()).decode(), safe="")


def decode_token(token: str, *, name: str = "after") -> str:
    """Give what `encode_token` was given; ApiError 400 for anything else."""
    try:
        return base64.b64decode(unquote(token), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise _refused(name, token) from error


def number_token(request: ApiRequest, name: str = "after") -> int | None:
    """Read a token that holds a whole number; None where none is given."""
    token = parsing.one(request, name)
    if token is None:
        return None
    text = decode_token(token, name=name)
    if not text.isdecimal():
        raise _refused(name, token)
    return int(text)


def build_next(request: ApiRequest, text: str) -> dict[str, dict[str, str]]:
    """Build the `paging` of a page that has a successor."""
    token = encode_token(text)
    rest = [(name, value) for name, given in request.query.items() if name != "after" for value in given]
    query = "&".join(filter(None, (urlencode(rest), f"after={token}")))
    return {"next": {"after": token, "link": f"{request.base_url}{request.path}?{query}"}}


def cut_limits(query: dict[str, list[str]], body: bytes, most: int) -> tuple[dict[str, list[str]], bytes]:
    """Give a request that asks for so many results on a page at most."""
    cut = {
        name: [str(most) if name in _SIZES and each.isdecimal() and int(each) > most else each for each in values]
        for name, values in query.items()
    }
    if not any(b'"%b"' % name.encode() in body for name in _SIZES):
        return cut, body
    try:
        asked = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return cut, body  # the call itself says what is wrong with it
    sizes = {name: most for name in _SIZES if isinstance(asked, dict) and isinstance(asked.get(name), int)}
    return cut, msgspec.json.encode({**asked, **{name: min(most, asked[name]) for name in sizes}}) if sizes else body


def _refused(name: str, token: str) -> ApiError:
    return ApiError(400, f"Invalid paging token {token!r} in {name}: pass on what the last page gave, unchanged")
