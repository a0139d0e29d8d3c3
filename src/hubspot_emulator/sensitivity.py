"""Who may read values that a portal marked as sensitive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubspot_emulator.object_types import ObjectType

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_LEVELS = ("sensitive", "highly_sensitive")


def hidden(portal: Portal, kind: ObjectType, granted: frozenset[str]) -> frozenset[str]:
    """Name the properties of a type whose values this caller does not see: they vanish like unknown ones (HS-13)."""
    by_level = _by_level(portal, kind)
    if not by_level:
        return frozenset()
    noun = "custom" if kind.is_custom else kind.name
    names: frozenset[str] = frozenset()
    for level, marked in by_level.items():
        scopes = {f"crm.objects.{noun}.{level}.read{suffix}" for suffix in ("", ".v2")}
        if not scopes & granted:
            names |= marked
    return names


def _by_level(portal: Portal, kind: ObjectType) -> dict[str, frozenset[str]]:
    key = ("sensitive", kind.type_id)
    found: dict[str, frozenset[str]] | None = portal.shapes.get(key)
    if found is None:
        known = portal.properties(kind.type_id).values()
        marked = {level: frozenset(each.name for each in known if each.sensitivity == level) for level in _LEVELS}
        found = portal.shapes[key] = {level: names for level, names in marked.items() if names}
    return found
