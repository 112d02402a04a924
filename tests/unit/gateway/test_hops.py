"""XDP's ways: numbers that flows share, hardware addresses that come, change and go."""

from __future__ import annotations

import pytest

from conntrack.gateway.fastpath import layout
from conntrack.gateway.fastpath.figures import Figures
from conntrack.gateway.fastpath.hops import NONE, Hops
from conntrack.gateway.fastpath.nexthops import Way
from conntrack.gateway.links.snapshot import Link, Snapshot
from tests.unit.gateway.carrying import LAN, WAN, Carrying, packed
from tests.unit.gateway.fakemaps import FakeMaps

OURS_WAN, OURS_LAN = bytes((2, 0, 0, 0, 0, 1)), bytes((2, 0, 0, 0, 0, 2))
ROUTER_MAC, OTHER_MAC = bytes((2, 0, 0, 0, 1, 1)), bytes((2, 0, 0, 0, 1, 2))
ROUTER, HOST = packed("203.0.113.254"), packed("192.168.10.5")
OUT, HOME = Way(WAN, ROUTER, 1500), Way(LAN, HOST, 1500)
LINKS = Snapshot((Link(WAN, "eth0", True, hardware=OURS_WAN), Link(LAN, "eth1", True, hardware=OURS_LAN)))
BOTH = frozenset((WAN, LAN))


class Scene:
    """Ways over fake maps; `asked` is what the kernel was to make sure of."""

    def __init__(self) -> None:
        self.maps = FakeMaps()
        self.asked: list[tuple[int, bytes]] = []
        self.hops = Hops(self.maps, Figures(), lambda *who: self.asked.append(who))
        self.hops.follow(LINKS, BOTH, BOTH)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_flows_that_go_the_same_way_share_a_number(scene: Scene) -> None:
    first = scene.hops.take(LAN, OUT)
    assert first != NONE
    assert scene.hops.take(LAN, OUT) == first
    assert scene.hops.take(WAN, HOME) not in (NONE, first)
    assert scene.asked == [(WAN, ROUTER), (LAN, HOST)]


def test_a_way_is_valid_from_when_its_neighbour_is_known_until_it_is_not(scene: Scene) -> None:
    number = scene.hops.take(LAN, OUT)
    assert scene.maps.links == {}
    scene.hops.changed(WAN, ROUTER, ROUTER_MAC)
    assert scene.maps.links == {number: (ROUTER_MAC, OURS_WAN, OURS_LAN)}
    scene.hops.changed(WAN, ROUTER, OTHER_MAC)
    assert scene.maps.links[number][0] == OTHER_MAC
    assert scene.hops.known() == 1
    scene.hops.changed(WAN, ROUTER, b"")
    assert scene.maps.links == {}
    assert scene.hops.known() == 0


def test_a_neighbour_that_is_known_before_serves_at_once(scene: Scene) -> None:
    scene.hops.changed(WAN, ROUTER, ROUTER_MAC)
    scene.hops.changed(LAN, ROUTER, OTHER_MAC)  # the same address behind another interface is another host
    number = scene.hops.take(LAN, OUT)
    assert scene.maps.links == {number: (ROUTER_MAC, OURS_WAN, OURS_LAN)}


def test_where_xdp_does_not_stand_or_cannot_send_there_is_no_number(scene: Scene) -> None:
    scene.hops.follow(LINKS, frozenset((LAN,)), frozenset((WAN,)))
    assert scene.hops.take(LAN, OUT) != NONE
    assert scene.hops.take(WAN, HOME) == NONE
    assert scene.hops.take(LAN, HOME) == NONE


def test_an_interface_that_can_no_longer_send_or_has_another_address(scene: Scene) -> None:
    number = scene.hops.take(LAN, OUT)
    scene.hops.changed(WAN, ROUTER, ROUTER_MAC)
    scene.hops.follow(LINKS, BOTH, frozenset((LAN,)))
    assert scene.maps.links == {}
    other = LINKS._replace(links=(LINKS.links[0]._replace(hardware=OTHER_MAC), LINKS.links[1]))
    scene.hops.follow(other, BOTH, BOTH)
    assert scene.maps.links == {number: (ROUTER_MAC, OTHER_MAC, OURS_LAN)}


def test_lost_notifications_leave_nothing_that_may_be_wrong(scene: Scene) -> None:
    number = scene.hops.take(LAN, OUT)
    scene.hops.changed(WAN, ROUTER, ROUTER_MAC)
    scene.hops.lost()
    assert scene.maps.links == {}
    scene.hops.changed(WAN, ROUTER, ROUTER_MAC)
    assert number in scene.maps.links


def test_the_kernel_is_asked_about_neighbours_in_use_only(scene: Scene) -> None:
    out, home = scene.hops.take(LAN, OUT), scene.hops.take(WAN, HOME)
    scene.asked.clear()
    scene.hops.give(home)
    list(scene.hops.tend())
    assert scene.asked == [(WAN, ROUTER)]
    scene.hops.give(out)
    scene.asked.clear()
    list(scene.hops.tend())
    assert scene.asked == []


def test_with_all_numbers_taken_one_that_nobody_uses_is_given_again(scene: Scene) -> None:
    numbers = [scene.hops.take(LAN, Way(WAN, at.to_bytes(4, "big"), 1500)) for at in range(1, layout.LINKS)]
    assert sorted(numbers) == list(range(1, layout.LINKS))
    assert scene.hops.take(LAN, OUT) == NONE
    scene.hops.give(numbers[7])
    scene.hops.changed(WAN, ROUTER, ROUTER_MAC)
    assert scene.hops.take(LAN, OUT) == numbers[7]
    assert scene.maps.links[numbers[7]][0] == ROUTER_MAC
    scene.hops.changed(WAN, (8).to_bytes(4, "big"), OTHER_MAC)  # of the way that had it before
    assert scene.maps.links[numbers[7]][0] == ROUTER_MAC


def test_a_number_that_is_used_again_is_not_given_to_another(scene: Scene) -> None:
    first, second, *_ = [scene.hops.take(LAN, Way(WAN, at.to_bytes(4, "big"), 1500)) for at in range(1, layout.LINKS)]
    scene.hops.give(first)
    scene.hops.give(second)
    assert scene.hops.take(LAN, Way(WAN, (1).to_bytes(4, "big"), 1500)) == first
    assert scene.hops.take(LAN, OUT) == second
    assert scene.hops.take(WAN, HOME) == NONE


def test_what_an_earlier_process_gave_is_kept(scene: Scene) -> None:
    scene.hops.claim(9, LAN, OUT)
    assert scene.hops.take(LAN, OUT) == 9
    assert scene.hops.take(WAN, HOME) == 10
    scene.hops.claim(0, LAN, HOME)
    assert scene.hops.take(LAN, HOME) == 11


def test_a_connection_takes_its_numbers_along_and_gives_them_back() -> None:
    carrying = Carrying()
    hops = Hops(carrying.maps, Figures(), lambda *_: None)
    carrying.manager.send_by(hops)
    hops.follow(LINKS, BOTH, BOTH)
    hops.changed(WAN, ROUTER, ROUTER_MAC)
    hops.changed(LAN, HOST, OTHER_MAC)
    connection = carrying.stream()
    there, back = carrying.maps.flows[connection.original.key].link, carrying.maps.flows[connection.reply.key].link
    assert carrying.maps.links[there] == (ROUTER_MAC, OURS_WAN, OURS_LAN)
    assert carrying.maps.links[back] == (OTHER_MAC, OURS_LAN, OURS_WAN)
    assert hops.known() == 2
    carrying.manager.recall_many([connection], carrying.now)
    assert hops.known() == 0


def test_a_connection_that_does_not_fit_gives_them_back_too() -> None:
    carrying = Carrying(room=0)
    hops = Hops(carrying.maps, Figures(), lambda *_: None)
    carrying.manager.send_by(hops)
    hops.follow(LINKS, BOTH, BOTH)
    hops.changed(WAN, ROUTER, ROUTER_MAC)
    carrying.stream()
    assert hops.known() == 0


def test_maps_that_refuse_are_counted() -> None:
    figures, maps = Figures(), FakeMaps()
    maps.broken = True
    hops = Hops(maps, figures, lambda *_: None)
    hops.follow(LINKS, BOTH, BOTH)
    hops.take(LAN, OUT)
    assert figures.failures == 1
