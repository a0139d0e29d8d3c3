"""Values and names that break careless readers, put into a generated portal where `--hard-values` or `--hostile-names` ask."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hubspot_emulator import definitions
from hubspot_emulator.samples import CONTACT, Values

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

LONG_TEXT = "64 KB of a note, ünïcödé 🚢; " * 2_340
TEXTS = (
    "a;b",
    "0042",
    "N/A",
    "null",
    "nul\x00inside",
    "\ufeffbyte order mark",
    "e\u0301 is not \u00e9",
    "\u202eright to left",
    "👩\u200d👩\u200d👧\u200d👦\U0001d518",
    "'; DROP TABLE contacts; --",
    '",\n"=HYPERLINK("http://example.com")"',
    "=1+1",
    "\\N",
    "line\u2028separator\r\n\ttab",
    LONG_TEXT[:65_536],
)
NUMBERS = ("0." + "1234567890" * 5 + "12", "1" * 54, "-0", "1e400", "007", "N/A")
MOMENTS = ("1773300826615", "2022-02-17T19:25:29Z", "22022-01-01T00:00:00Z", "1970-01-01T00:00:00.001Z")
DATES = ("22022-01-01", "1645056000000", "0001-01-01", "2024-02-29")
OPTIONS = ("a,b", 'quote"d', "it's", "1; DROP TABLE x", "ünï", " spaced ", "%_", "true")
HOSTILE_NAMES = (
    "with space",
    "Upper",
    "upper",
    "🦄",
    "x" * 300,
    "x" * 299 + "y",
    '"; DROP TABLE contacts; --',
    "?",
    "%s",
    "$1",
    "user",
    'quote"d',
    "it's",
    "semi;colon",
    "a.b",
    "ünï",
    "select",
    "--",
    "properties",
    "1st",
)
SHARE = 0.2


def add_hard_properties(portal: Portal) -> None:
    """Add an enumeration whose labels and options are hard to quote."""
    made = definitions.portal_defined(
        "hard_choice",
        'Hard: "choice"; it\'s',
        kind="enumeration",
        field="select",
        options=OPTIONS,
        group="contactinformation",
    )
    portal.add_property(CONTACT, made)


def add_hostile_properties(portal: Portal) -> None:
    """Add properties whose names HubSpot would refuse; only a reader that quotes every name survives them."""
    for name in HOSTILE_NAMES:
        portal.add_property(CONTACT, definitions.portal_defined(name, f"Hostile {name}", group="contactinformation"))


def harden(rng: Random, values: Values) -> Values:
    """Give a share of the contacts one hard value of each kind."""
    if rng.random() < SHARE:
        values["remarks"], values["city"] = rng.choice(TEXTS), rng.choice(TEXTS[:-1])
        values["loyalty_score"], values["last_visit_at"] = rng.choice(NUMBERS), rng.choice(MOMENTS)
        values["birthday"], values["hard_choice"] = rng.choice(DATES), rng.choice(OPTIONS)
    return values


def add_hostile(rng: Random, values: Values) -> Values:
    """Fill some of the properties with hostile names."""
    return values | {name: name for name in HOSTILE_NAMES if rng.random() < SHARE}
