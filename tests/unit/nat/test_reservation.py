"""Ports for connections that are still to come: which are tried, and which are vacant."""

from __future__ import annotations

from random import Random

import pytest

from conntrack.nat.chosen import Choice
from conntrack.nat.ports import Ports
from conntrack.nat.reservation import candidates, vacant

OUTSIDE = bytes((203, 0, 113, 1))
INSIDE = bytes((192, 168, 10, 5))
OTHER = bytes((192, 168, 10, 6))


def tried(wanted: int, count: int = 1, even: bool = False, low: int = 1024, high: int = 65535) -> list[int]:
    return [int(port) for port in candidates(wanted, count, even, low, high, Random(1))]


class TestCandidates:
    def test_the_wanted_port_first_then_rounds_from_random_starts(self) -> None:
        ports = tried(5000)
        assert ports[0] == 5000
        assert len(ports) == 1 + 128 + 64 + 32 + 16
        assert all(1024 <= port <= 65535 for port in ports)
        assert ports[2] == (ports[1] - 1024 + 1) % (65536 - 1024) + 1024

    @pytest.mark.parametrize("wanted", [5000, 5001])
    def test_even_ones(self, wanted: int) -> None:
        ports = tried(wanted, 2, True)
        assert all(port % 2 == 0 for port in ports)
        assert (ports[0] == 5000) == (wanted == 5000)

    def test_all_of_them_within_the_range(self) -> None:
        assert set(tried(5000, 2, False, 2000, 2003)) == {2000, 2001, 2002}
        assert set(tried(2001, 2, True, 2001, 2005)) == {2002, 2004}
        assert tried(2003, 1, False, 2000, 2003)[0] == 2003

    def test_none_where_the_range_is_too_small(self) -> None:
        assert tried(2000, 3, False, 2000, 2001) == []
        assert tried(2001, 1, True, 2001, 2001) == []


def choice(ports: Ports, port: int) -> Choice:
    made = Choice()
    made.use = ports.use(6, OUTSIDE)
    made.port = port
    return made


def inside(port: int) -> bytes:
    return bytes((6, 0)) + INSIDE + port.to_bytes(2, "big")


class TestVacant:
    def test_until_it_is_reserved_and_again_when_all_let_go(self) -> None:
        ports = Ports()
        use = ports.use(6, OUTSIDE)
        assert vacant(ports, use, 5000, INSIDE, 0.0)
        first = ports.reserve(inside(5000), choice(ports, 5000), 0.0)
        assert ports.reserve(inside(5000), choice(ports, 5000), 0.0) is first
        assert ports.mapping(inside(5000)) is first
        assert not vacant(ports, use, 5000, INSIDE, 0.0)
        ports.let_go(first, 1.0)
        assert not vacant(ports, use, 5000, INSIDE, 1.0)
        ports.let_go(first, 1.0)
        assert vacant(ports, use, 5000, INSIDE, 1.0)
        assert ports.mapping(inside(5000)) is None

    def test_never_the_gateways_own(self) -> None:
        ports = Ports()
        ports.own.add(6 << 16 | 5000)
        assert not vacant(ports, ports.use(6, OUTSIDE), 5000, INSIDE, 0.0)
        assert vacant(ports, ports.use(17, OUTSIDE), 5000, INSIDE, 0.0)

    def test_a_released_port_rests_for_others(self) -> None:
        ports = Ports()
        ports.hold_down = 120.0
        use = ports.use(6, OUTSIDE)
        ports.let_go(ports.reserve(inside(5000), choice(ports, 5000), 0.0), 10.0)
        assert vacant(ports, use, 5000, INSIDE, 11.0)
        assert not vacant(ports, use, 5000, OTHER, 129.0)
        assert vacant(ports, use, 5000, OTHER, 131.0)
