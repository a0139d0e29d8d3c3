"""docs/reference/emulator.md names what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from hubspot_emulator.__main__ import build_parser
from hubspot_emulator.control import Control
from hubspot_emulator.fault_actions import ActionKind, Phase
from hubspot_emulator.faults import Faults
from hubspot_emulator.limits import TIERS
from hubspot_emulator.server import Emulator

PAGE = (Path(__file__).parents[2] / "docs/reference/emulator.md").read_text(encoding="utf-8")


def test_every_option_is_listed_and_no_other() -> None:
    options = {text for action in build_parser()._actions for text in action.option_strings if text.startswith("--")}

    listed = set(re.findall(r"^\| `(--[a-z-]+)", PAGE, flags=re.MULTILINE))
    assert listed == options - {"--help"}


def test_every_control_call_is_listed_and_no_other(emulator: Emulator) -> None:
    app = Control(emulator.portal, emulator.log, Faults(), emulator.limits).build_app()
    calls = {
        f"{method} {route.path}"  # type: ignore[attr-defined]
        for route in app.routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
    }

    assert set(re.findall(r"^\| `((?:GET|POST|DELETE) /[a-z/{}]+)`", PAGE, flags=re.MULTILINE)) == calls


def test_every_tier_and_every_word_of_a_fault_rule_is_explained() -> None:
    for tier in TIERS:
        assert f"`{tier}`" in PAGE
    for phase in get_args(Phase):
        assert f"`{phase}`" in PAGE
    for kind in set(get_args(ActionKind)) - {"respond"}:
        assert f'"kind": "{kind}"' in PAGE
