"""The options of a portal."""

from __future__ import annotations

import pytest

from hubspot_emulator.__main__ import parse_settings
from hubspot_emulator.settings import Settings, SettingsError, parse_token


def test_the_portal_of_the_command_line_is_the_documented_one() -> None:
    settings = parse_settings([])

    assert (settings.port, settings.control_port, settings.clock, settings.limits) == (8765, 8766, "real", True)
    assert (settings.contacts, settings.company_count, settings.deal_count) == (20_000, 4_000, 5_000)


def test_every_option_reaches_the_settings() -> None:
    given = (
        "--port 0 --contacts 10 --companies 3 --deals 0 --fill 0.5 --seed 9 --db x.db --latency-ms 5 --tier free --no-limits"
        " --index-lag-seconds 60 --clock virtual --token pat-a --token pat-b=oauth,tickets"
    )

    assert parse_settings(given.split()) == Settings(
        contacts=10,
        companies=3,
        deals=0,
        fill=0.5,
        seed=9,
        db="x.db",
        latency_ms=5.0,
        tier="free",
        limits=False,
        index_lag_seconds=60.0,
        clock="virtual",
        tokens={"pat-a": None, "pat-b": frozenset({"oauth", "tickets"})},
    )


def test_a_token_without_scopes_differs_from_one_with_none() -> None:
    assert parse_token("pat-a") == ("pat-a", None)
    assert parse_token("pat-a=") == ("pat-a", frozenset())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"tier": "gold"}, "--tier is 'gold'; use one of enterprise, free"),
        ({"contacts": -1}, "--contacts is -1"),
        ({"fill": -1}, "--fill is -1"),
        ({"latency_ms": -0.5}, "--latency-ms is -0.5"),
    ],
)
def test_an_impossible_option_is_named(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings(**wrong)  # type: ignore[arg-type]


def test_an_empty_token_is_refused() -> None:
    with pytest.raises(SettingsError, match="--token is empty"):
        parse_token("=oauth")
