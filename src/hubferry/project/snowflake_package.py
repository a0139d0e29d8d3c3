"""hubferry itself as one file for a stage: what Snowflake puts on the path of the procedures."""

from __future__ import annotations

import zipfile
from pathlib import Path

import hubferry

_MOMENT = (1980, 1, 1, 0, 0, 0)
"""The same package is the same file, byte by byte."""


def write_package(path: Path) -> int:
    """Write this version of hubferry as a zip file, and give how many files are in it."""
    root = Path(hubferry.__file__).parent
    files = sorted(each for each in root.rglob("*") if each.is_file() and "__pycache__" not in each.parts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for each in files:
            entry = zipfile.ZipInfo(each.relative_to(root.parent).as_posix(), _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, each.read_bytes())
    return len(files)
