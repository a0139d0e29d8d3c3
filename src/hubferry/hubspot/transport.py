"""One HTTP exchange with HubSpot: TLS or loopback only, no redirect, bounded time and size, no retry of its own."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3

from hubferry.errors import ConfigError, UnexpectedAnswerError
from hubferry.hubspot.refusals import Failure, Kind
from hubferry.types import Clock, Secret

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
TOTAL_SECONDS = 120.0
LARGEST_BODY_BYTES = 64 * 1024 * 1024
CONNECTIONS = 64
_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Exchange:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """A pool of connections to one origin. The token goes into each request's headers and nowhere else."""

    def __init__(self, token: Secret, base_url: str, clock: Clock, *, read_seconds: float = READ_SECONDS) -> None:
        self.base_url = check_base_url(base_url)
        self._token, self._clock = token, clock
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds)
        pool_class, host, port = _pool_of(self.base_url)
        self._pool = pool_class(host, port, maxsize=CONNECTIONS, block=True, timeout=timeout, retries=False)

    def exchange(self, method: str, target: str, body: bytes | None) -> Exchange | Failure:
        """Send one request; `target` is a path of our own making, with its query."""
        if not target.startswith("/") or target.startswith("//"):
            raise ValueError("a request needs a path that starts with one slash")
        headers = {
            "Authorization": f"Bearer {self._token.reveal()}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": "hubferry",
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            response = self._pool.urlopen(
                method, target, body=body, headers=headers, redirect=False, retries=False, preload_content=False
            )
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
            return Failure(kind=Kind.UNSENT, reason=_sentence(error))
        except urllib3.exceptions.HTTPError as error:
            return Failure(kind=Kind.BROKEN, reason=_sentence(error))
        try:
            return Exchange(response.status, response.headers, self._read(response))
        except urllib3.exceptions.HTTPError as error:
            response.close()
            return Failure(kind=Kind.BROKEN, reason=_sentence(error), status=response.status)
        finally:
            response.release_conn()

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        until = self._clock.monotonic() + TOTAL_SECONDS
        pieces: list[bytes] = []
        size = 0
        for piece in response.stream(_PIECE_BYTES, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST_BODY_BYTES:
                response.close()
                raise UnexpectedAnswerError(
                    f"HubSpot's answer is larger than {LARGEST_BODY_BYTES >> 20} MiB, which no page of theirs is;"
                    " check base_url, or read fewer properties.",
                    status=response.status,
                )
            if self._clock.monotonic() > until:
                raise urllib3.exceptions.ReadTimeoutError(self._pool, "", "the answer took too long")
        return b"".join(pieces)


def check_base_url(text: str) -> str:
    """Give the origin without a slash at its end; ConfigError for what the token must not be sent to."""
    parts = urlsplit(text)
    if parts.username or parts.password or parts.query or parts.fragment or parts.path not in {"", "/"}:
        raise ConfigError("base_url must be an origin only, such as https://api.hubapi.com: no user, path or query")
    if not parts.hostname or parts.scheme not in {"https", "http"}:
        raise ConfigError(f"base_url {text!r} is no https:// address; HubSpot's is https://api.hubapi.com")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ConfigError(
            f"base_url {text!r} would send the token unencrypted; http:// is for an emulator on this machine"
            " (127.0.0.1) only"
        )
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _pool_of(base_url: str) -> tuple[type[urllib3.HTTPConnectionPool], str, int | None]:
    parts = urlsplit(base_url)
    kind = urllib3.HTTPSConnectionPool if parts.scheme == "https" else urllib3.HTTPConnectionPool
    return kind, parts.hostname or "", parts.port


def _sentence(error: urllib3.exceptions.HTTPError) -> str:
    """Say what went wrong on the wire; never the text of the error, which can hold the URL."""
    known: tuple[tuple[type[Exception], str], ...] = (
        (urllib3.exceptions.NameResolutionError, "the host name is not known"),
        (urllib3.exceptions.NewConnectionError, "the connection was refused"),
        (urllib3.exceptions.ConnectTimeoutError, "the connection was not accepted in time"),
        (urllib3.exceptions.SSLError, "the TLS certificate or handshake failed"),
        (urllib3.exceptions.ReadTimeoutError, "no answer in time"),
        (urllib3.exceptions.IncompleteRead, "the answer was cut short"),
        (urllib3.exceptions.DecodeError, "the answer could not be decompressed"),
    )
    return next((text for kind, text in known if isinstance(error, kind)), "the connection broke")
