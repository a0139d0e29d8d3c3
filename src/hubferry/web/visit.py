"""One request as pages see it, and what they give: values, so that a page is a function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubferry.project import Project
    from hubferry.web.site import Site


@dataclass(frozen=True)
class Page:
    """A whole page, or with `part` a piece of one: a template and the value it shows."""

    template: str
    context: object
    status: int = 200


@dataclass(frozen=True)
class Redirect:
    """Another address of ours."""

    path: str


@dataclass(frozen=True)
class Download:
    """A file to be kept, as texts that come one after the other."""

    name: str
    texts: Iterator[str]


Answer = Page | Redirect | Download


@dataclass(frozen=True)
class Form:
    """The fields of a form, in order; a name may stand there several times."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """Give the first value of a field."""
        return next((value for key, value in self.fields if key == name), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Give every value of a field."""
        return tuple(value for key, value in self.fields if key == name)

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.fields)


@dataclass(frozen=True)
class Visit:
    """One request as pages see it."""

    site: Site
    path: Mapping[str, str] = field(default_factory=dict)
    query: Form = field(default_factory=Form)
    form: Form = field(default_factory=Form)
    is_part: bool = False
    """The answer goes into a page that is already shown."""

    @property
    def project(self) -> Project:
        """Give the project as its files are now."""
        return self.site.project()
