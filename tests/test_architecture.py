"""The arrows in ARCHITECTURE.md are the arrows in the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src"
BOTTOM = {"types", "errors", "clock", "objects"}
MAY_IMPORT: dict[str, set[str]] = {
    "__init__": {"project", "errors"},
    "__main__": {"cli"},
    "types": set(),
    "errors": set(),
    "clock": {"types"},
    "objects": set(),
    "config": BOTTOM,
    "hubspot": BOTTOM | {"config"},
    "streams": BOTTOM,
    "warehouse": BOTTOM | {"config"},
    "state": BOTTOM | {"warehouse"},
    "pull": BOTTOM | {"config", "hubspot", "streams", "warehouse", "state"},
    "push": BOTTOM | {"config", "hubspot", "warehouse", "state"},
    "project": BOTTOM | {"config", "hubspot", "streams", "warehouse", "state", "pull", "push"},
    "serve": {"errors", "types", "project", "config"},
    "cli": {"clock", "errors", "types", "project", "config", "serve"},
    "web": {"errors", "types", "project", "config"},
    "integrations": {"errors", "types", "project", "config"},
}


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def imported_layers(path: Path) -> Iterator[str]:
    for name in imported_modules(path):
        if name.startswith("hubferry."):
            yield name.split(".")[1]


@pytest.mark.parametrize("path", sorted((SRC / "hubferry").rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_module_imports_only_the_layers_it_may(path: Path) -> None:
    layer = path.relative_to(SRC / "hubferry").parts[0].removesuffix(".py")

    assert set(imported_layers(path)) <= MAY_IMPORT[layer] | {layer}


@pytest.mark.parametrize("path", sorted((SRC / "hubspot_emulator").rglob("*.py")), ids=lambda path: path.name)
def test_the_emulator_imports_nothing_of_hubferry(path: Path) -> None:
    assert not [name for name in imported_modules(path) if name.split(".")[0] == "hubferry"]


@pytest.mark.parametrize("path", sorted((SRC / "hubferry").rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_hubferry_never_imports_the_emulator(path: Path) -> None:
    """The CLI starts it as a process, so that no code can be shared."""
    assert not [name for name in imported_modules(path) if name.split(".")[0] == "hubspot_emulator"]
