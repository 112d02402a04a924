"""Expectations: whom they admit, how many wait, and how they end."""

from __future__ import annotations

from conntrack.flow import expectation as module
from conntrack.flow.connection import Connection
from conntrack.flow.expectation import Expectation, Expectations, place, place_of
from conntrack.flow.pair import build

INSIDE = bytes((192, 168, 10, 5))
OUTSIDE = bytes((203, 0, 113, 1))
SERVER = bytes((198, 51, 100, 9))
STRANGER = bytes((198, 51, 100, 66))
WAN, LAN = 1, 2


def master(identity: int = 1) -> Connection:
    forward = bytes((6, 0)) + INSIDE + SERVER + bytes((0x9C, 0x40, 0, 21))
    back = bytes((6, 0)) + SERVER + OUTSIDE + bytes((0, 21, 0x9C, 0x40))
    return Connection(identity, forward, back, 0.0)


def expected(of: Connection, port: int = 5000, peer: bytes = SERVER, kind: int = 0) -> Expectation:
    made = Expectation(of, place(6, 0, OUTSIDE, port), INSIDE, port)
    made.peer, made.zone, made.zone_inside, made.kind = peer, WAN, LAN, kind
    made.deadline = 300.0
    return made


class TestWhomItAdmits:
    def test_the_peer_from_where_it_is(self) -> None:
        one = expected(master())
        assert one.admits(SERVER, 20, WAN, 1.0)
        assert not one.admits(STRANGER, 20, WAN, 1.0)
        assert not one.admits(SERVER, 20, LAN, 1.0)
        assert not one.admits(SERVER, 20, WAN, 300.0)

    def test_a_port_where_one_is_named(self) -> None:
        one = expected(master())
        one.peer_port = 20
        assert one.admits(SERVER, 20, WAN, 1.0)
        assert not one.admits(SERVER, 21, WAN, 1.0)

    def test_anybody_is_anybody_outside_or_beside_the_speaker(self) -> None:
        one = expected(master(), peer=b"")
        assert one.admits(STRANGER, 1, WAN, 1.0)
        assert one.admits(STRANGER, 1, LAN, 1.0)
        assert not one.admits(STRANGER, 1, 3, 1.0)


class TestTable:
    def test_found_by_the_key_that_the_packet_comes_with(self) -> None:
        table = Expectations()
        one = expected(master())
        assert table.add(one)
        arriving = bytes((6, 0)) + SERVER + OUTSIDE + bytes((0, 20, 0x13, 0x88))
        assert place_of(arriving) == one.place
        assert table.find(place_of(arriving), SERVER, 20, WAN, 1.0) is one
        assert table.find(place_of(arriving), STRANGER, 20, WAN, 1.0) is None
        assert table.find(bytes((17,)) + one.place[1:], SERVER, 20, WAN, 1.0) is None

    def test_two_masters_may_wait_at_one_place(self) -> None:
        table = Expectations()
        first, second = expected(master(1)), expected(master(2), peer=STRANGER)
        assert table.add(first)
        assert table.add(second)
        assert table.find(first.place, STRANGER, 20, WAN, 1.0) is second
        table.remove(first)
        assert table.find(first.place, SERVER, 20, WAN, 1.0) is None
        table.remove(second)
        assert table.waiting == {}

    def test_an_equal_one_of_the_same_master_gives_way(self) -> None:
        table = Expectations()
        one = master()
        old = expected(one)
        table.add(old)
        assert table.outdone(expected(one), 5) == [old]
        assert table.outdone(expected(one, peer=STRANGER), 5) == []
        assert table.outdone(expected(master(2)), 1) == []

    def test_over_the_limit_of_its_kind_the_oldest_goes(self) -> None:
        table = Expectations()
        one = master()
        waiting = [expected(one, port) for port in (5000, 5001, 5002)]
        other = expected(one, 6000, kind=1)
        for made in (*waiting, other):
            table.add(made)
        assert table.outdone(expected(one, 5003), 3) == waiting[:1]
        assert table.outdone(expected(one, 5003), 4) == []
        assert table.outdone(expected(one, 5003), 1) == waiting
        assert table.outdone(expected(one, 6001, kind=1), 1) == [other]

    def test_too_many_are_refused(self) -> None:
        table = Expectations()
        one = master()
        for port in range(module.MOST):
            assert table.add(expected(one, port))
        assert not table.add(expected(one, module.MOST))
        table.remove(table.of(one)[0])
        assert table.add(expected(one, module.MOST))

    def test_removing_twice_is_removing_once(self) -> None:
        table = Expectations()
        one = expected(master())
        table.add(one)
        table.remove(one)
        table.remove(one)
        assert table.count == 0
        assert table.all() == []


class TestTime:
    def test_due_when_its_time_is_up(self) -> None:
        table = Expectations()
        soon, late = expected(master(1)), expected(master(2))
        soon.deadline, late.deadline = 10.0, 20.0
        assert table.next_due() == float("inf")
        table.add(late)
        table.add(soon)
        assert table.next_due() == 10.0
        assert table.due(9.0) == []
        assert table.due(10.0) == [soon]
        table.remove(soon)
        assert table.next_due() == 20.0
        assert table.due(25.0) == [late]


def test_places_of_ipv6_keys() -> None:
    source, target = bytes(15) + b"\1", bytes(15) + b"\2"
    assert place_of(build(6, source, target, 40000, 21, 3)) == place(6, 3, target, 21)


def test_many_masters_cannot_make_one_place_slow() -> None:
    table = Expectations()
    for identity in range(module.MOST_AT_A_PLACE):
        assert table.add(expected(master(identity + 1)))
    assert not table.add(expected(master(5000)))
    assert table.add(expected(master(5000), port=5001))
    table.remove(table.of(master(1))[0])
    assert table.add(expected(master(5000)))
