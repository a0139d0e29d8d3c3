"""Fetches a file from an address that an answer of HubSpot's names: the only such address that is ever called.

It is held to known hosts that resolve to public addresses, gets no token, and follows no redirect.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import urllib3

from hubferry.hubspot.transport import CONNECT_SECONDS, READ_SECONDS

HOSTS = ("hubapi.com", "hubspot.com", "hubspot.net")
"""HubSpot's own domains; which one its files are on is documented nowhere."""
LARGEST_FILE_BYTES = 20 * 1024**3
MOST_UNPACKED = 200
"""How many bytes one compressed byte may stand for."""
_SMALL_BYTES = 64 * 1024
_PIECE_BYTES = 1024 * 1024


class DownloadError(Exception):
    """The file cannot be had from this address; the text says why, and names no address."""


@dataclass(frozen=True)
class Place:
    """Where a file may be fetched from."""

    base_url: str
    """The origin of the API: files may be there, too, as they are on an emulator."""
    more_hosts: Sequence[str] = ()


def fetch_file(address: str, target: Path, place: Place, *, check: Callable[[], None]) -> None:
    """Write the file to `target`; `check` is called for each piece and may raise. DownloadError says what is wrong."""
    try:
        parts = urlsplit(address)
        pool, headers = _open(parts, place)
    except ValueError as error:
        raise DownloadError("its address is none") from error
    query = f"?{parts.query}" if parts.query else ""
    try:
        response = pool.urlopen(
            "GET", f"{parts.path or '/'}{query}", headers=headers, redirect=False, retries=False, preload_content=False
        )
        try:
            if response.status != 200:
                raise DownloadError(f"its address answers HTTP {response.status}")
            _write(response, target, check)
        finally:
            response.close()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise DownloadError(f"it broke off while it was fetched ({type(error).__name__})") from error
    finally:
        pool.close()


def _write(response: urllib3.BaseHTTPResponse, target: Path, check: Callable[[], None]) -> None:
    size = 0
    with target.open("wb") as file:
        for piece in response.stream(_PIECE_BYTES, decode_content=True):
            check()
            size += len(piece)
            if size > LARGEST_FILE_BYTES:
                raise DownloadError(f"it is larger than {LARGEST_FILE_BYTES >> 30} GiB")
            if size > MOST_UNPACKED * max(response.tell(), _SMALL_BYTES):
                raise DownloadError("it unpacks to more than is believable")
            file.write(piece)


def _open(parts: SplitResult, place: Place) -> tuple[urllib3.HTTPConnectionPool, dict[str, str]]:
    """Connect to the address that was checked, so that a name cannot mean another host a moment later."""
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    host, headers = (parts.hostname or "").lower(), {"User-Agent": "hubferry"}
    if parts.username or parts.password:
        raise DownloadError("its address carries a user")
    base = urlsplit(place.base_url)
    if (parts.scheme, parts.hostname, parts.port) == (base.scheme, base.hostname, base.port):
        kind = urllib3.HTTPSConnectionPool if base.scheme == "https" else urllib3.HTTPConnectionPool
        return kind(host, base.port, timeout=timeout, retries=False), headers
    if parts.scheme != "https" or parts.port not in {None, 443}:
        raise DownloadError("its address is no https:// address on the usual port")
    known = (*HOSTS, *(each.lower() for each in place.more_hosts))
    if not any(host == each or host.endswith(f".{each}") for each in known):
        raise DownloadError(
            f"it is on the host {host!r}, which is not known to be HubSpot's; if it is, name it in `pull.export_hosts`"
        )
    pool = urllib3.HTTPSConnectionPool(
        _resolve(host), 443, timeout=timeout, retries=False, server_hostname=host, assert_hostname=host
    )
    return pool, headers | {"Host": host}


def _resolve(host: str) -> str:
    """Give an address of a host; DownloadError where any of them is private, or there is none."""
    try:
        found = [str(each[4][0]) for each in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)]
    except OSError as error:
        raise DownloadError(f"its host {host!r} is not known") from error
    if not all(ipaddress.ip_address(each.partition("%")[0]).is_global for each in found):
        raise DownloadError(f"its host {host!r} leads into a private network")
    return found[0]
