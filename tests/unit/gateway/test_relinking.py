"""XDP comes and goes while connections are carried: entries learn of their ways, and of none that is not theirs."""

from __future__ import annotations

import pytest

from conntrack.flow.connection import Connection
from conntrack.gateway.fastpath import invalidate
from conntrack.gateway.fastpath.carried import Carried
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.figures import Figures
from conntrack.gateway.fastpath.hops import Hops
from conntrack.gateway.fastpath.maps import Relink
from conntrack.gateway.fastpath.relinking import relink
from tests.unit.gateway.carrying import LAN, WAN, Carrying
from tests.unit.gateway.test_hops import BOTH, HOST, LINKS, OTHER_MAC, OURS_LAN, OURS_WAN, ROUTER, ROUTER_MAC

NOBODY: frozenset[int] = frozenset()


class Scene(Carrying):
    """A gateway whose connections are carried by tc, until `xdp`."""

    def xdp(self, standing: frozenset[int] = BOTH, senders: frozenset[int] = BOTH) -> Hops:
        hops = Hops(self.maps, Figures(), lambda *_: None)
        hops.changed(WAN, ROUTER, ROUTER_MAC)
        hops.changed(LAN, HOST, OTHER_MAC)
        hops.follow(LINKS, standing, senders)
        self.manager.send_by(hops)
        self.relink(hops)
        return hops

    def relink(self, hops: Hops | None) -> int:
        """How many steps it took."""
        return sum(1 for _ in relink(self.manager, self.maps, hops, self.now))

    def numbers(self, connection: Connection) -> tuple[int, int]:
        """What the entries have; the record must agree."""
        pair = (self.maps.flows[connection.original.key].link, self.maps.flows[connection.reply.key].link)
        assert self.record(connection).links == pair
        return pair

    def record(self, connection: Connection) -> Carried:
        return self.manager.carried[int(connection.identity)]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_tc_carries_gets_its_ways_when_xdp_comes(scene: Scene) -> None:
    connection = scene.stream()
    assert scene.numbers(connection) == (0, 0)
    hops = scene.xdp()
    there, back = scene.numbers(connection)
    assert scene.maps.links[there] == (ROUTER_MAC, OURS_WAN, OURS_LAN)
    assert scene.maps.links[back] == (OTHER_MAC, OURS_LAN, OURS_WAN)
    assert hops.known() == 2
    assert scene.is_carried(connection)
    assert scene.manager.figures.recalled == 0


def test_and_loses_them_when_it_goes(scene: Scene) -> None:
    connection = scene.stream()
    scene.xdp()
    scene.manager.send_by(None)
    scene.relink(None)
    assert scene.numbers(connection) == (0, 0)
    assert scene.is_carried(connection)
    scene.manager.recall_many([connection], scene.now)
    assert scene.stream(1) is connection
    assert scene.numbers(connection) == (0, 0)  # and none later


def test_a_second_time_numbers_are_given_anew(scene: Scene) -> None:
    """Between two lives of XDP no entry may keep a number that then means another way."""
    connection = scene.stream()
    scene.xdp()
    scene.manager.send_by(None)
    scene.relink(None)
    hops = scene.xdp(senders=frozenset((LAN,)))
    there, back = scene.numbers(connection)
    assert there == 0
    assert scene.maps.links[back] == (OTHER_MAC, OURS_LAN, OURS_WAN)
    assert hops.known() == 1


def test_a_driver_that_can_send_after_all_gets_the_other_direction_too(scene: Scene) -> None:
    connection = scene.stream()
    hops = scene.xdp(senders=frozenset((LAN,)))
    _, before = scene.numbers(connection)
    assert hops.follow(LINKS, BOTH, BOTH)
    scene.relink(hops)
    there, back = scene.numbers(connection)
    assert there != 0
    assert back == before
    scene.manager.recall_many([connection], scene.now)
    assert hops.known() == 0  # each was taken once


@pytest.mark.parametrize(("standing", "senders"), [(BOTH, BOTH), (BOTH, NOBODY), (NOBODY, BOTH)])
def test_where_nothing_comes_nothing_is_said(standing: frozenset[int], senders: frozenset[int]) -> None:
    hops = Hops(Scene().maps, Figures(), lambda *_: None)
    assert hops.follow(LINKS, BOTH, BOTH)
    assert not hops.follow(LINKS, standing, senders)


def test_entries_of_an_earlier_process_lose_numbers_that_nobody_here_gave(scene: Scene) -> None:
    connection = scene.stream()
    record = scene.record(connection)
    scene.maps.relink([Relink(connection.original.key, record.connection.identity, 77)])
    scene.manager.take_over(record, record.slot, (77, 0))
    assert scene.numbers(connection) == (77, 0)
    scene.relink(None)
    assert scene.numbers(connection) == (0, 0)


def test_one_that_has_gone_in_anew_meanwhile_is_left_out(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its record of before knows other ways: XDP would send to them."""
    monkeypatch.setattr(invalidate, "STEP", 1)
    for port in range(3):
        for number in range(4):
            end = f"192.168.10.5:{41000 + port}"
            outside = f"203.0.113.1:{41000 + port}"
            lan = number % 2 == 0
            scene.arrive(
                "lan" if lan else "wan", f"udp {end} > 198.51.100.9:53" if lan else f"udp 198.51.100.9:53 > {outside}"
            )
    scene.turn()
    assert len(scene.manager.carried) == 3
    hops = Hops(scene.maps, Figures(), lambda *_: None)
    hops.follow(LINKS, BOTH, BOTH)
    steps = relink(scene.manager, scene.maps, hops, scene.now)
    next(steps)
    last = list(scene.manager.carried.values())[-1]
    scene.manager.recall_many([last.connection], scene.now)
    scene.arrive("lan", "udp 192.168.10.5:41002 > 198.51.100.9:53")
    scene.turn()
    assert scene.record(last.connection) is not last
    list(steps)
    assert last.links == (0, 0)
    assert scene.numbers(last.connection) == (0, 0)


def test_what_cannot_be_told_comes_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = scene.stream()

    def refused(orders: list[Relink]) -> None:
        raise FastPathError("refused", "in a test")

    monkeypatch.setattr(scene.maps, "relink", refused)
    hops = scene.xdp()
    assert not scene.is_carried(connection)
    assert scene.manager.figures.failures == 1
    assert hops.known() == 0
