"""Who may open the page: the one who can read this process's terminal, once per address, remembered by a cookie."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from hmac import compare_digest


@dataclass
class Session:
    """The secrets of one start of the page."""

    port: int
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """Stands in every form of ours, and no other page can read it."""
    _cookie: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    _ticket: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def cookie_name(self) -> str:
        """Name the cookie; browsers share cookies between ports, so that the port is part of it."""
        return f"hubferry_{self.port}"

    @property
    def cookie_header(self) -> str:
        """Give the Set-Cookie header of an opened session."""
        return f"{self.cookie_name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict"

    @property
    def hosts(self) -> frozenset[str]:
        """Name the Host headers that mean this server; any other is a name that somebody else pointed here."""
        return frozenset(f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]"))

    @property
    def origins(self) -> frozenset[str]:
        """Name the origins of our own pages."""
        return frozenset(f"http://{host}" for host in self.hosts)

    def address(self) -> str:
        """Give the address that opens a session, once."""
        return f"http://127.0.0.1:{self.port}/open/{self._ticket}"

    def redeem(self, ticket: str) -> bool:
        """Use an address up; False: it is not the one, or was used."""
        if not compare_digest(ticket.encode(), self._ticket.encode()):
            return False
        self._ticket = secrets.token_urlsafe(32)
        return True

    def knows(self, cookie: str | None) -> bool:
        """Say whether a cookie is of this session."""
        return cookie is not None and compare_digest(cookie.encode(), self._cookie.encode())

    def wrote_form(self, csrf: str | None) -> bool:
        """Say whether a form is one of ours."""
        return csrf is not None and compare_digest(csrf.encode(), self.csrf.encode())
