"""Connections read and taken out many at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conntrack.flow.pair import build
from conntrack.gateway.fastpath import layout
from conntrack.gateway.fastpath.bulk import Bulk
from conntrack.gateway.fastpath.layout import Usage, map_key
from conntrack.gateway.fastpath.maps import Offer
from conntrack.gateway.fastpath.slots import Slots
from conntrack.packet.header import TCP, UDP
from tests import segments
from tests.host import address
from tests.offload import CAPACITY, Bench, bench, liberal

CLIENT, SERVER = address("192.168.10.5"), address("203.0.113.77")
CLIENT6, SERVER6 = address("fd10::5"), address("2001:db8::77")
CONTROL = layout.TCP_STATE.size - 3  # of a state


@pytest.fixture
def program() -> Bench:
    return bench()


@pytest.fixture
def bulk(program: Bench) -> Iterator[Bulk]:
    """Of what is taken past the maps, nobody gives the slots back."""
    yield program.maps._bulk
    program.maps._slots = Slots(CAPACITY)


def inserted(program: Bench, count: int, protocol: int = TCP, version: int = 4) -> list[Offer]:
    ends = (CLIENT, SERVER) if version == 4 else (CLIENT6, SERVER6)
    made = []
    for number in range(1, count + 1):
        key = build(protocol, *ends, number, 53)
        state = liberal(number) if protocol == TCP else b""
        made.append(program.offer(key, key[2:], state, owner=number, packets=number, octets=1000 * number))
    assert program.maps.insert_many(made) == count
    return made


def segment(number: int) -> bytes:
    return segments.ip(CLIENT, SERVER, TCP, segments.tcp((number, 53), 1, 1, 0x10))


def test_states_are_read_and_go_on(program: Bench, bulk: Bulk) -> None:
    offers = inserted(program, CAPACITY)
    assert CAPACITY > layout.BULK_STATES
    named = [(offer.original.slot, offer.original.owner) for offer in offers]
    assert bulk.states(named, False) == [offer.state for offer in offers]
    assert program.send(segment(7)).punt == "forwarded"
    assert bulk.states(named[6:7], False) == [program.maps.state(named[6][0])] != [offers[6].state]


def test_states_that_are_taken_are_frozen_before_they_are_read(program: Bench, bulk: Bulk) -> None:
    offers = inserted(program, 3)
    [taken] = bulk.states([(offers[1].original.slot, 2)], True)
    assert taken[CONTROL] & layout.FROZEN
    assert taken == program.maps.state(offers[1].original.slot)
    assert [program.send(segment(number)).punt for number in (1, 2, 3)] == ["forwarded", "frozen", "forwarded"]


@pytest.mark.parametrize("take", [False, True])
def test_the_state_of_somebody_else_is_left_alone(program: Bench, bulk: Bulk, take: bool) -> None:
    [offer, other] = inserted(program, 2)
    named = [(offer.original.slot, 99), (2**32 - 1, 1), (CAPACITY, 1), (other.original.slot, 2)]
    assert [bool(state) for state in bulk.states(named, take)] == [False, False, False, True]
    assert program.send(segment(1)).punt == "forwarded"


@pytest.mark.parametrize("version", [4, 6])
def test_entries_are_read_and_stay_until_they_are_taken(program: Bench, bulk: Bulk, version: int) -> None:
    offers = inserted(program, CAPACITY, UDP, version)
    keys = [map_key(key) for offer in offers for key in (offer.original_key, offer.reply_key)]
    wanted = [Usage(offer.original.packets, offer.original.octets, 0) for offer in offers for _ in range(2)]
    assert bulk.usage(keys, False) == wanted
    assert bulk.usage(keys[1::2], True) == wanted[1::2]
    assert bulk.usage(keys, True) == [one if at % 2 == 0 else None for at, one in enumerate(wanted)]
    assert bulk.usage(keys, False) == [None] * len(keys)


def test_counts_are_whole_up_to_their_last_bit(program: Bench, bulk: Bulk) -> None:
    key = build(UDP, CLIENT, SERVER, 1, 53)
    offer = program.insert(key, key[2:], packets=2**32 - 1, octets=2**63 + 5, last_seen=2**32 - 2)
    assert bulk.usage([map_key(offer.original_key)], False) == [Usage(2**32 - 1, 2**63 + 5, 2**32 - 2)]


def test_more_entries_than_a_run_takes(program: Bench, bulk: Bulk) -> None:
    [offer] = inserted(program, 1, UDP)
    keys = [bytes(layout.KEY4_SIZE)] * (3 * layout.BULK_ENTRIES)
    keys[-1] = map_key(offer.reply_key)
    found = bulk.usage(keys, False)
    assert found == [None] * (len(keys) - 1) + [Usage(1, 1000, 0)]


def test_nothing_to_ask_is_nothing_to_answer(bulk: Bulk) -> None:
    assert (bulk.states([], True), bulk.usage([], True)) == ([], [])
