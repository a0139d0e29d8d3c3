"""Links on disk: whatever the slices, a pair is never split, nothing is lost, and every record is read once."""

from __future__ import annotations

import random
from contextlib import closing

import pytest

from hubferry.push.link_store import LinkStore, Slice
from hubferry.push.links import Ask, pair_key
from hubferry.push.steps import End, TypeRef
from hubferry.state.ledger import LinkRow

TYPE = TypeRef("HUBSPOT_DEFINED", 1)
OBJECTS = (("contacts", "companies"), ("companies", "contacts"), ("contacts", "contacts"))


def random_asks(chosen: random.Random) -> list[Ask]:
    """Some of records that are still to be made, many from both ends."""
    asks = []
    for number in range(200):
        one, other = chosen.choice(OBJECTS)
        ids = [str(chosen.randrange(1, 15)) for _ in range(2)]
        to = End(other, ids[1]) if chosen.random() < 0.9 else End(other, None, "sync", f"new{ids[1]}")
        asks.append(Ask("sync", str(number), End(one, ids[0]), to, (TYPE,)))
    return [each for each in asks if each.from_ != each.to]


def claim(ask: Ask) -> LinkRow:
    ends = (ask.from_.object, ask.from_.record_id or "", ask.to.object, ask.to.record_id or "")
    from_object, from_id, to_object, to_id = ends
    return LinkRow(
        sync="sync",
        row_key=ask.row_key,
        from_object=from_object,
        from_id=from_id,
        to_object=to_object,
        to_id=to_id,
        category="HUBSPOT_DEFINED",
        type_id=1,
    )


def keys(part: Slice) -> set[object]:
    claimed = {pair_key(End(row.from_object, row.from_id), End(row.to_object, row.to_id)) for row in part.claims}
    return claimed | {pair_key(each.ask.from_, each.ask.to) for each in part.asks}


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_slices_hold_every_pair_once_and_whole(size: int) -> None:
    chosen = random.Random(size)
    asks = random_asks(chosen)
    claims = [claim(each) for each in asks[::5] if each.to.record_id]
    with closing(LinkStore(slice_pairs=size)) as store:
        for each in asks:
            store.add_ask(0, each, by_id=True)
        store.add_claims(claims)

        parts = list(store.slices())

    assert sorted(each.ask.row_key for part in parts for each in part.asks) == sorted(each.row_key for each in asks)
    assert sum(len(part.claims) for part in parts) == len(claims)
    found = [key for part in parts for key in keys(part)]
    assert len(found) == len(set(found))
    assert (len(parts) == 1) == (size == 1_000)


@pytest.mark.parametrize("size", [1, 4, 1_000])
def test_every_record_is_read_once_and_every_pair_kept_from_the_ends_that_are_read(size: int) -> None:
    chosen = random.Random(size)
    asks = [each for each in random_asks(chosen) if each.to.record_id]
    with closing(LinkStore(read_records=size)) as store:
        for each in asks:
            store.add_ask(0, each, by_id=True)

        readings = list(store.readings())

    read = [(reading.objects, record_id) for reading in readings for record_id in reading.ids]
    assert len(read) == len(set(read))
    kept = {(reading.objects, pair) for reading in readings for pair in reading.kept}
    for each in asks:
        objects, pair = (each.from_.object, each.to.object), (each.from_.record_id, each.to.record_id)
        assert (objects, pair) in kept
        if objects[0] == objects[1] and (objects, pair[1]) in read:
            assert (objects, pair[::-1]) in kept


def test_calls_are_full_however_many_pairs_are_read_at_a_time() -> None:
    """Three links a record: 2,500 pairs are of 834 records, and 1,000 are read."""
    with closing(LinkStore(read_pairs=2_500)) as store:
        for number in range(7_200):
            one, other = End("contacts", str(number // 3)), End("companies", str(number % 3))
            store.add_ask(0, Ask("sync", str(number), one, other, (TYPE,)), by_id=True)

        assert [len(reading.ids) for reading in store.readings()] == [1_000, 1_000, 400]


def test_records_of_very_many_links_are_read_before_their_pairs_fill_the_memory() -> None:
    with closing(LinkStore(read_pairs=50)) as store:
        for number in range(300):
            one, other = End("contacts", str(number // 30)), End("companies", str(number))
            store.add_ask(0, Ask("sync", str(number), one, other, (TYPE,)), by_id=True)

        assert [len(reading.ids) for reading in store.readings()] == [4, 4, 2]
