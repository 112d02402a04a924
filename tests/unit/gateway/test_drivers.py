"""Where XDP is refused, and what is said about it."""

from __future__ import annotations

import pytest

from conntrack.gateway.fastpath import drivers
from conntrack.gateway.links.snapshot import Link, Snapshot

CARD = Link(1, "eth0", True)
VETH = Link(2, "veth0", True, kind="veth", below=9)
BRIDGE = Link(3, "br0", True, kind="bridge")


def why(link: Link, *others: Link, virtual: bool = False) -> str:
    return drivers.refusal(link, Snapshot((link, *others)), virtual)


def test_a_card_is_tried() -> None:
    assert why(CARD, VETH, BRIDGE) == ""


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (VETH, "a veth pair's end"),
        (Link(2, "tap0", True, kind="tun"), "a tun or tap device"),
        (BRIDGE, "a bridge device"),
        (Link(2, "bond0", True, kind="bond"), "a bond device"),
        (Link(2, "eth0.7", True, kind="vlan", below=1), "a vlan device"),
        (Link(2, "wg0", True, ethernet=False, kind="wireguard"), "no Ethernet header"),
        (Link(65536, "eth9", True), "its number 65536 is over 65535"),
    ],
)
def test_what_is_no_card_is_refused(link: Link, words: str) -> None:
    assert words in why(link)


def test_whatever_has_an_ethernet_header_and_a_number_of_sixteen_bits_is_fit_for_tc() -> None:
    assert [drivers.unfit(link) for link in (CARD, VETH, BRIDGE, Link(65535, "eth9", True))] == ["", "", "", ""]
    assert "no Ethernet header" in drivers.unfit(Link(2, "wg0", True, ethernet=False, kind="wireguard"))
    assert "over 65535" in drivers.unfit(Link(65536, "veth9", True, kind="veth"))


def test_a_port_of_a_bridge_belongs_to_the_bridge() -> None:
    assert why(CARD._replace(above=3), BRIDGE) == "it is a part of br0, which would miss its packets"


def test_a_card_that_vlans_stand_on_is_left_alone() -> None:
    assert why(CARD, Link(2, "eth0.7", True, kind="vlan", below=1)).startswith("eth0.7 stands on it")
    assert why(CARD, Link(2, "eth5.7", True, kind="vlan", below=5)) == ""


def test_a_veth_passes_for_a_card_where_a_test_says_so() -> None:
    assert why(VETH, virtual=True) == ""
    assert why(BRIDGE, virtual=True) != ""


@pytest.mark.parametrize(("features", "words"), [(None, "Linux 6.3"), (0x3, "no ndo_xdp_xmit"), (0x7, "")])
def test_what_the_driver_says_decides_what_is_sent_by_it(
    monkeypatch: pytest.MonkeyPatch, features: int | None, words: str
) -> None:
    monkeypatch.setattr(drivers, "xdp_features", lambda interface: features)
    found = drivers.transmission(CARD, Snapshot((CARD,)))
    assert words in found
    assert bool(found) == bool(words)


def test_nothing_is_asked_about_what_is_no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "xdp_features", lambda interface: 0x7)
    assert "veth" in drivers.transmission(VETH, Snapshot((VETH,)))
