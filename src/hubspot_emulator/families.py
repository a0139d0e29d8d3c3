"""The families of calls beside the core: a line of `FAMILIES` each; their tables a line of `schemas.SCHEMAS`.

`family.Family` says what a family may bring; a module exports it as `FAMILY`.
"""

from __future__ import annotations

from hubspot_emulator.family import Family

FAMILIES: tuple[Family, ...] = ()
