"""The pages tell the truth: generated ones are current, what they cite exists, and the quickstart's commands work."""

from __future__ import annotations

import importlib.util
import inspect
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from hubferry import errors

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("changelog.d/*.md"))
    if path.parent.name != "reference" or path.name == "emulator.md"
)
SOURCES = sorted(path for folder in ("src", "tests", "bench") for path in (ROOT / folder).rglob("*.py"))


def build_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_generated_page_is_what_the_code_would_write() -> None:
    pages = build_module().build_pages()

    stale = [name for name, text in pages.items() if (ROOT / "docs/reference" / name).read_text() != text]
    assert not stale, "run `make docs`"


def test_every_command_has_an_example_and_a_section() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text()

    for name, command in build_module().commands().items():
        assert f"\n## hubferry {name}\n" in page
        assert f"hubferry {name}" in (command.epilog or ""), f"hubferry {name} --help shows no example"


def test_every_command_that_opens_a_project_takes_an_environment() -> None:
    for name, command in build_module().commands().items():
        options = {each.name for each in command.params}
        assert ("project" in options) == ("env" in options), f"hubferry {name}"


def test_every_exit_code_of_an_error_is_explained() -> None:
    module = build_module()

    assert {each.exit_code for each in module.error_classes()} <= set(module.EXIT_CODES)


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    assert drawn_tree() == {(each.__name__, each.__bases__[0].__name__) for each in build_module().error_classes()}


def drawn_tree() -> set[tuple[str, str]]:
    """Give (class, parent) of each line of the tree that errors.py draws."""
    tree = inspect.cleandoc(errors.__doc__ or "").partition("\n\n")[2]
    found: set[tuple[str, str]] = set()
    above = ["Exception"]
    for line in tree.splitlines():
        name = line.strip()
        depth = (len(line) - len(name)) // 4
        above[depth + 1 :] = [name]
        found.add((name, above[depth]))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_page_cites_exists(page: Path) -> None:
    missing = [
        cited for cited in cited_paths(page) if not (ROOT / cited).exists() and not (page.parent / cited).exists()
    ]

    assert not missing


def cited_paths(page: Path) -> Iterator[str]:
    text = page.read_text()
    yield from re.findall(r"`((?:src|tests|docs|bench)/[\w./-]+)`", text)
    yield from (link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link)


@pytest.mark.parametrize("kind", ["HS", "ADR"])
def test_every_behaviour_and_decision_that_is_cited_exists(kind: str) -> None:
    behaviours = (ROOT / "docs/hubspot-behaviours.md").read_text()
    known = {
        "HS": set(re.findall(r"^### (HS-\d+)", behaviours, flags=re.MULTILINE)),
        "ADR": {f"ADR-{path.name[:4]}" for path in (ROOT / "docs/adr").glob("*.md")},
    }[kind]

    cited = {found for path in (*SOURCES, *PAGES) for found in re.findall(rf"\b{kind}-\d+", path.read_text())}
    assert cited
    assert cited <= known


def test_every_page_that_the_code_cites_exists() -> None:
    cited = {found for path in SOURCES for found in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text())}

    assert cited
    assert not [name for name in cited if not (ROOT / name).exists()]


def test_every_page_of_the_browser_has_a_picture_that_the_script_makes() -> None:
    pages = {path.stem for path in (ROOT / "src/hubferry/web/pages").glob("*.py")} - {"__init__", "exports"}
    made = runpy.run_path(str(ROOT / "docs/pictures.py"))["PICTURES"]

    assert set(made) == pages
    assert {path.stem for path in (ROOT / "docs/images").glob("*.png")} == pages


def test_every_guarantee_names_tests_that_exist() -> None:
    page = (ROOT / "docs/guarantees.md").read_text()
    tests = {
        name for path in ROOT.glob("tests/**/test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }

    named = set(re.findall(r"`(test_\w+)`", page))
    assert named
    assert not sorted(named - tests)


def test_every_part_of_the_guarantees_names_a_test() -> None:
    page = (ROOT / "docs/guarantees.md").read_text()
    promised = page.partition("## What is promised")[2].partition("\n## ")[0]

    for line in promised.splitlines():
        if line.startswith("* "):
            assert re.search(r"`test_\w+`", line), line


def test_no_file_names_a_path_of_one_machine() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in (*SOURCES, *PAGES, ROOT / "Makefile", ROOT / ".ci/run")
        if re.search(r"/(work|home)/(shared|main)\b", path.read_text())
    ]
    assert not found
