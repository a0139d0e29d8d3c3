"""What a diff says to send, sent, leaves nothing to do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubferry.hubspot.properties import Option, Property
from hubferry.push.diff import desired_text

OPTIONS = tuple(Option(value, value) for value in "abc")
PROPERTIES = {
    "text": Property(name="t", label="T", type="string", field_type="text"),
    "number": Property(name="n", label="N", type="number", field_type="number"),
    "several": Property(name="m", label="M", type="enumeration", field_type="checkbox", options=OPTIONS),
}
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str)
CHOICES = st.lists(st.sampled_from("abc"), unique=True).map(";".join)
VALUES = {
    "text": st.text(max_size=5).filter(lambda text: not text.startswith(";")),
    "number": NUMBERS | st.just(""),
    "several": CHOICES,
}


def stored(held: str | None, sent: str, prop: Property) -> str | None:
    """What HubSpot holds after a write."""
    if sent.startswith(";") and prop.field_type == "checkbox":
        return ";".join([*filter(None, (held or "").split(";")), *sent[1:].split(";")])
    return sent or None


@given(st.data(), st.sampled_from(sorted(PROPERTIES)), st.sampled_from(["replace", "append", "remove"]))
def test_a_value_that_was_sent_is_not_sent_again(data: st.DataObject, kind: str, multi: str) -> None:
    prop = PROPERTIES[kind]
    wanted, held = data.draw(VALUES[kind]), data.draw(st.none() | VALUES[kind])
    if multi == "append" and kind == "several" and wanted:
        wanted = f";{wanted}"

    sent = desired_text(wanted, held, prop, multi=multi)

    if sent is not None:
        assert desired_text(wanted, stored(held, sent, prop), prop, multi=multi) is None


@given(st.sampled_from("abc"), CHOICES)
def test_append_never_takes_an_option_away(wanted: str, held: str) -> None:
    prop = PROPERTIES["several"]

    sent = desired_text(f";{wanted}", held, prop, multi="append")

    assert sent is None or set(filter(None, held.split(";"))) <= set((stored(held, sent, prop) or "").split(";"))


@given(CHOICES.filter(bool), CHOICES)
def test_remove_takes_away_what_it_names_and_nothing_else(named: str, held: str) -> None:
    prop = PROPERTIES["several"]

    sent = desired_text(named, held, prop, multi="remove")

    left = held if sent is None else sent
    assert set(filter(None, left.split(";"))) == set(filter(None, held.split(";"))) - set(named.split(";"))
