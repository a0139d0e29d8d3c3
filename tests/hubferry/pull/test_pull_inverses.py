"""The type of a link's other direction is derived only where it is certain."""

from __future__ import annotations

from hubferry.hubspot.associations import Link, LinkType
from hubferry.pull.inverses import Inverses

DEFAULT = LinkType("HUBSPOT_DEFINED", 279), LinkType("HUBSPOT_DEFINED", 280)
PRIMARY = LinkType("HUBSPOT_DEFINED", 1, "Primary"), LinkType("HUBSPOT_DEFINED", 2, "Primary")


def user(type_id: int, label: str) -> LinkType:
    """A label of the portal."""
    return LinkType("USER_DEFINED", type_id, label)


def derived(there: tuple[LinkType, ...], back: tuple[LinkType, ...]) -> Inverses:
    """What follows from the two lists of types."""
    inverses = Inverses(back)
    inverses.derive(there)
    return inverses


def link(from_id: str, to_id: str, kind: LinkType) -> Link:
    """A link of that type."""
    return Link(from_id, to_id, kind.category, kind.type_id, kind.label)


def test_two_crosswise_labels_are_not_matched_by_their_texts() -> None:
    """X with inverse Y and Y with inverse X look the same from either side."""
    inverses = derived((user(1, "X"), user(3, "Y")), (user(2, "Y"), user(4, "X")))

    assert inverses.invert(link("a", "b", user(1, "X"))) is None


def test_samples_that_disagree_teach_nothing() -> None:
    x, y, p, q = user(1, "X"), user(3, "Y"), user(2, "P"), user(4, "Q")
    inverses = derived((x, y), (p, q))
    links = [link("a", "b", x), link("c", "d", x)]

    inverses.learn(inverses.samples(links), [link("b", "a", p), link("d", "c", q)])

    assert inverses.unknown(links) == {("USER_DEFINED", 1)}


def test_an_inverse_claimed_by_two_types_is_none() -> None:
    x, y, p, q = user(1, "X"), user(3, "Y"), user(2, "P"), user(4, "Q")
    inverses = derived((x, y), (p, q))
    links = [link("a", "b", x), link("c", "d", y)]

    inverses.learn(inverses.samples(links), [link("b", "a", p), link("d", "c", p)])

    assert inverses.unknown(links) == {("USER_DEFINED", 1), ("USER_DEFINED", 3)}


def test_default_and_primary_and_a_single_label_need_no_sample() -> None:
    manager, employee = user(7, "Manager"), user(8, "Employee")
    inverses = derived((DEFAULT[0], PRIMARY[0], manager), (PRIMARY[1], employee, DEFAULT[1]))

    found = [inverses.invert(link("a", "b", each)) for each in (DEFAULT[0], PRIMARY[0], manager)]

    assert found == [link("b", "a", each) for each in (DEFAULT[1], PRIMARY[1], employee)]


def test_paired_labels_are_learned_from_links_seen_from_both_ends() -> None:
    x, y, p, q = user(1, "X"), user(3, "Y"), user(2, "Y"), user(4, "X")
    inverses = derived((DEFAULT[0], x, y), (DEFAULT[1], p, q))
    links = [link("a", "b", DEFAULT[0]), link("a", "b", x), link("c", "d", y)]

    samples = inverses.samples(links)
    inverses.learn(samples, [link("b", "a", DEFAULT[1]), link("b", "a", p), link("d", "c", q)])

    assert samples == {("USER_DEFINED", 1): [("a", "b")], ("USER_DEFINED", 3): [("c", "d")]}
    assert inverses.invert(link("e", "f", x)) == link("f", "e", p)
    assert inverses.invert(link("e", "f", y)) == link("f", "e", q)


def test_a_pair_with_two_unknown_types_is_no_sample() -> None:
    inverses = derived((user(1, "X"), user(3, "Y")), (user(2, "P"), user(4, "Q")))

    assert inverses.samples([link("a", "b", user(1, "X")), link("a", "b", user(3, "Y"))]) == {}


def test_what_an_earlier_run_learned_is_told_with_the_label_of_today() -> None:
    inverses = Inverses((user(8, "Renamed"),), {("USER_DEFINED", 7): ("USER_DEFINED", 8)})

    assert inverses.invert(link("a", "b", user(7, "Manager"))) == link("b", "a", user(8, "Renamed"))
