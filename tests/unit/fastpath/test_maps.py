"""Connections in and out of the maps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conntrack.flow.pair import build, invert
from conntrack.gateway.fastpath import layout, readings
from conntrack.gateway.fastpath.connections import Held
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.maps import Offer, Relink
from conntrack.packet.header import TCP, UDP
from tests import segments
from tests.host import address
from tests.offload import CAPACITY, Bench, bench, liberal

CLIENT, SERVER, OUTSIDE = address("192.168.10.5"), address("203.0.113.77"), address("203.0.113.1")
CLIENT6, SERVER6 = address("fd10::5"), address("2001:db8::77")


@pytest.fixture
def program() -> Bench:
    return bench()


def connection(program: Bench, number: int, protocol: int = UDP, version: int = 4) -> Offer:
    """Distinct connections; number is port and owner."""
    source, target, outside = (CLIENT, SERVER, OUTSIDE) if version == 4 else (CLIENT6, SERVER6, CLIENT6)
    key = build(protocol, source, target, number, 53)
    leaves = build(protocol, outside, target, number, 53)[2:]
    return program.offer(key, leaves, liberal(number) if protocol == TCP else b"", owner=number)


def held(offer: Offer) -> Held:
    return Held(offer.original_key, offer.reply_key, offer.original.slot, offer.original.owner)


def entries(program: Bench) -> dict[bytes, layout.Flow]:
    return {key: flow for batch in program.maps.entries() for key, flow in batch}


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_both_directions_go_in_and_come_out(program: Bench, protocol: int, version: int) -> None:
    offer = connection(program, 7, protocol, version)
    program.maps.insert(offer)
    assert entries(program) == {offer.original_key: offer.original, offer.reply_key: offer.reply}
    recalled = program.maps.recall(offer.original_key, offer.reply_key)
    assert recalled is not None
    assert recalled.original == (0, 0, 0)
    assert bool(recalled.state) == (protocol == TCP)
    assert entries(program) == {}
    assert program.maps.recall(offer.original_key, offer.reply_key) is None


def test_a_recalled_state_is_frozen_and_says_what_was_counted(program: Bench) -> None:
    offer = connection(program, 7, TCP)
    program.maps.insert(offer)
    program.send(segments.ip(CLIENT, SERVER, TCP, segments.tcp((7, 53), 1, 1, 0x10)))
    recalled = program.maps.recall(offer.original_key, offer.reply_key)
    assert recalled is not None
    assert recalled.original[:2] == (1, 40)
    assert recalled.reply == (0, 0, 0)
    assert recalled.state[61] & layout.FROZEN
    assert program.maps.state(offer.original.slot) == recalled.state


def test_many_go_in_and_come_out_of_both_families(program: Bench) -> None:
    offers = [
        connection(program, number, (TCP, UDP)[number % 2], 4 if number % 3 else 6) for number in range(1, CAPACITY + 1)
    ]
    assert program.maps.insert_many(offers) == CAPACITY
    assert len({offer.original.slot for offer in offers}) == CAPACITY
    assert len(entries(program)) == 2 * CAPACITY
    found = program.maps.recall_many([held(offer) for offer in offers])
    assert all(one is not None for one in found)
    assert [one.state[4:8] for one in found if one is not None and one.state] == [
        offer.state[4:8] for offer in offers if offer.state
    ]
    assert entries(program) == {}


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_more_than_fit_go_in_as_far_as_they_fit(program: Bench, protocol: int) -> None:
    offers = [connection(program, number, protocol) for number in range(1, CAPACITY + 10)]
    assert program.maps.insert_many(offers) == CAPACITY
    with pytest.raises(FastPathError, match="no room"):
        program.maps.insert(offers[-1])
    inside = {key for offer in offers[:CAPACITY] for key in (offer.original_key, offer.reply_key)}
    assert set(entries(program)) == inside


def test_where_the_map_has_less_room_than_there_are_slots_nothing_is_left_behind(program: Bench) -> None:
    """Replies go in first, so that those of the last ones take the room of originals, and go again."""
    strangers = [connection(program, number) for number in range(1, 11)]
    assert program.maps.insert_many(strangers) == 10
    for stranger in strangers:
        program.maps._slots.give(stranger.original.slot)
    offers = [connection(program, number) for number in range(11, CAPACITY + 11)]
    count = program.maps.insert_many(offers)
    assert CAPACITY - 20 <= count < CAPACITY - 10
    with pytest.raises(FastPathError, match="full"):
        for number in range(1000, 1020):
            program.maps.insert(connection(program, number))
    assert len(program.maps._slots) == len(entries(program)) // 2 - 10


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_a_slot_is_free_again_after_its_connection(program: Bench, protocol: int) -> None:
    for number in range(1, 3 * CAPACITY):
        offer = connection(program, number, protocol)
        program.maps.insert(offer)
        program.maps.recall(offer.original_key, offer.reply_key)
    assert program.maps.insert_many([connection(program, number, TCP) for number in range(1, CAPACITY + 1)]) == CAPACITY


def test_readings_say_who_did_what(program: Bench) -> None:
    program.maps.insert(connection(program, 7))
    program.maps.insert(connection(program, 8, version=6))
    for _ in range(3):
        program.send(segments.ip(CLIENT, SERVER, UDP, segments.udp((7, 53), b"x" * 10, 1)))
    program.send(segments.ip(SERVER6, CLIENT6, UDP, segments.udp((53, 8), b"", 1)))
    read = {
        (readings.owner(values, at), readings.flags(values, at)): (
            readings.packets(values, at),
            readings.octets(values, at),
        )
        for values, size in program.maps.readings(chunk=2)
        for at in range(0, len(values), size)
    }
    assert read == {(7, 0): (3, 3 * 38), (7, layout.REPLY): (0, 0), (8, 0): (0, 0), (8, layout.REPLY): (1, 48)}


def test_a_bucket_larger_than_the_batch_is_read_nevertheless(program: Bench) -> None:
    program.maps.insert_many([connection(program, number) for number in range(1, CAPACITY + 1)])
    assert sum(len(values) // size for values, size in program.maps.readings(chunk=1)) == 2 * CAPACITY


def test_adopted_slots_are_not_given_again(program: Bench) -> None:
    """As a process that starts on the maps of an earlier one does."""
    from conntrack.gateway.fastpath.slots import Slots

    first = connection(program, 1, TCP)
    program.maps.insert(first)
    kept = program.maps._slots
    try:
        program.maps._slots = Slots(CAPACITY)
        assert program.maps.adopt() == 2
        others = [connection(program, number, TCP) for number in range(2, CAPACITY + 2)]
        assert program.maps.insert_many(others) == CAPACITY - 1
        assert first.original.slot not in [offer.original.slot for offer in others[:-1]]
        program.maps.recall_many([held(one) for one in (first, *others[:-1])])
    finally:
        program.maps._slots = kept
        kept.give(first.original.slot)


def test_the_reply_key_of_an_offer_is_what_comes_back(program: Bench) -> None:
    offer = connection(program, 7)
    assert offer.reply_key == invert(offer.original_key[:2] + offer.original.pair)


@pytest.mark.parametrize("version", [4, 6])
def test_an_entry_gets_another_way_for_xdp_and_goes_on_counting(program: Bench, version: int) -> None:
    offers = [connection(program, number, UDP, version) for number in range(1, 31)]
    for offer in offers:
        program.maps.insert(offer)
    source, target = (CLIENT, SERVER) if version == 4 else (CLIENT6, SERVER6)
    program.send(segments.ip(source, target, UDP, segments.udp((7, 53), b"counted", 1)))
    before = entries(program)
    orders = [Relink(offer.original_key, offer.original.owner, 100 + at) for at, offer in enumerate(offers)]
    program.maps.relink([*orders, *(Relink(offer.reply_key, offer.reply.owner, 0) for offer in offers)])
    after = entries(program)
    assert [after[offer.original_key].link for offer in offers] == list(range(100, 130))
    assert {after[offer.reply_key].link for offer in offers} == {0}
    assert after[offers[6].original_key].packets == 1
    assert {key: replace(flow, link=0) for key, flow in after.items()} == {
        key: replace(flow, link=0) for key, flow in before.items()
    }


def test_an_entry_that_is_gone_or_another_connections_keeps_its_way(program: Bench) -> None:
    offer = connection(program, 7)
    program.maps.insert(offer)
    program.maps.relink([Relink(offer.original_key, 8, 5), Relink(connection(program, 9).original_key, 9, 5)])
    assert entries(program) == {offer.original_key: offer.original, offer.reply_key: offer.reply}
