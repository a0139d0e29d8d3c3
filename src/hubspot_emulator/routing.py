"""Which handler a path goes to: a tree of segments, literal before placeholder."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from hubspot_emulator.http import ApiRequest, Handler, Route

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

DATED_VERSIONS = frozenset({"2025-09", "2026-03", "2026-09", "2026-09-beta"})

Scopes = Callable[["Portal", ApiRequest], Sequence[frozenset[str]]]


def versioned(
    area: str,
    method: str,
    suffix: str,
    handler: Handler,
    *,
    kind: Literal["counted", "search", "uncounted"] = "counted",
    scopes: Scopes | None = None,
    legacy: str = "v3",
) -> tuple[Route, Route]:
    """Make the two routes of a call: `/crm/{area}/{version}...` and `/crm/v3/{area}...`."""
    return (
        Route(method=method, template=f"/crm/{area}/{{version}}{suffix}", handler=handler, kind=kind, scopes=scopes),
        Route(
            method=method,
            template=f"/crm/{legacy}/{area}{suffix}",
            handler=handler,
            kind=kind,
            scopes=scopes,
            version=legacy,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Match:
    """A route and the values of its placeholders."""

    route: Route
    params: Mapping[str, str]


@dataclass
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    placeholder: _Node | None = None
    version: _Node | None = None
    routes: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    """By method: which of the routes, and the names of its placeholders."""


class Router:
    """Finds the route of a call. ValueError when two routes claim one call."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)
        self._root = _build_tree(tuple((route.method, route.template) for route in self._routes))

    def find(self, method: str, path: str) -> Match | frozenset[str]:
        """Give the route of a call, or the methods that the path has (none: there is no such path)."""
        segments = [unquote(segment) for segment in path.strip("/").split("/")]
        found = self._walk(self._root, segments, (), method)
        if isinstance(found, tuple):
            (number, names), values = found
            return Match(route=self._routes[number], params=dict(zip(names, values, strict=True)))
        return frozenset(found)

    def _walk(
        self, node: _Node, segments: Sequence[str], values: tuple[str, ...], method: str
    ) -> tuple[tuple[int, tuple[str, ...]], tuple[str, ...]] | set[str]:
        if not segments:
            if method in node.routes:
                return node.routes[method], values
            return set(node.routes)
        first, rest = segments[0], segments[1:]
        branches = [(node.literals.get(first), values)]
        if first in DATED_VERSIONS:
            branches.append((node.version, (*values, first)))
        branches.append((node.placeholder, (*values, first)))
        methods: set[str] = set()
        for branch, taken in branches:
            if branch is not None:
                found = self._walk(branch, rest, taken, method)
                if isinstance(found, tuple):
                    return found
                methods |= found
        return methods


@functools.lru_cache(maxsize=4)
def _build_tree(calls: tuple[tuple[str, str], ...]) -> _Node:
    """Build the tree of methods and templates once: portals are started by the thousand, and have the same."""
    root = _Node()
    for number, (method, template) in enumerate(calls):
        node, names = root, []
        for segment in template.strip("/").split("/"):
            if segment == "{version}":
                node.version = node = node.version or _Node()
                names.append("version")
            elif segment.startswith("{"):
                node.placeholder = node = node.placeholder or _Node()
                names.append(segment[1:-1])
            else:
                node = node.literals.setdefault(segment, _Node())
        if method in node.routes:
            raise ValueError(f"two routes claim {method} {template}")
        node.routes[method] = (number, tuple(names))
    return root
