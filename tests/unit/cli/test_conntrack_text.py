"""The form of conntrack-tools, line by line as `conntrack -L` prints it."""

from __future__ import annotations

import pytest

from conntrack.cli.conntrack_text import event_line, flow_line
from conntrack.service.protocol import Item
from tests.unit.cli.conftest import direction


def flow(web: Item, **changed: object) -> Item:
    return {**web, **changed}


def test_udp_has_no_state(web: Item) -> None:
    line = flow_line(flow(web, protocol="udp", protocol_number=17, state="REPLIED", timeout=118, assured=False))
    assert line.startswith("udp      17 118 src=192.168.10.5 dst=1.1.1.1 sport=40000 dport=443 packets=10")
    assert line.endswith("bytes=9000 mark=0 use=1")


def test_a_fast_path_flow_is_offloaded(web: Item) -> None:
    assert " bytes=9000 [OFFLOAD] mark=0 use=1" in flow_line(flow(web, path="fast"))


@pytest.mark.parametrize(
    ("number", "head"),
    [
        (6, "tcp      6 "),
        (17, "udp      17 "),
        (58, "icmpv6   58 "),
        (132, "sctp     132 "),
        (136, "udplite  136 "),
        (50, "unknown  50 "),
    ],
)
def test_protocols_by_name_and_number(number: int, head: str, web: Item) -> None:
    assert flow_line(flow(web, protocol_number=number)).startswith(head)


def test_address_spaces_are_zones(web: Item) -> None:
    """As nf_conntrack and conntrack-tools write a zone of one direction: behind its ports."""
    apart = {**web["original"], "space": 2}
    assert " sport=40000 dport=443 zone-orig=2 packets=10 " in flow_line(flow(web, original=apart))
    apart = {**web["reply"], "space": 3}
    assert " zone-reply=3 packets=" in flow_line(flow(web, reply=apart))
    assert "zone" not in flow_line(web)


def test_protocols_without_ports(web: Item) -> None:
    both = {"original": direction("10.0.0.1", "10.0.0.2", 1, 20), "reply": direction("10.0.0.2", "10.0.0.1")}
    line = flow_line(flow(web, protocol_number=50, **both, replied=False, assured=False, timeout=600))
    assert line == (
        "unknown  50 600 src=10.0.0.1 dst=10.0.0.2 packets=1 bytes=20 [UNREPLIED] "
        "src=10.0.0.2 dst=10.0.0.1 packets=0 bytes=0 mark=0 use=1"
    )


def test_gre_has_keys(web: Item) -> None:
    both = {
        "original": direction("10.0.0.1", "10.0.0.2", gre_key=0),
        "reply": direction("10.0.0.2", "10.0.0.1", gre_key=0),
    }
    assert "dst=10.0.0.2 srckey=0x0 dstkey=0x0 packets=0" in flow_line(flow(web, protocol_number=47, **both))


def test_ipv6(web: Item) -> None:
    original = direction("fd10::5", "2001:db8::53", 1, 80, source_port=5353, destination_port=53)
    line = flow_line(flow(web, protocol_number=17, original=original))
    assert "src=fd10::5 dst=2001:db8::53 sport=5353 dport=53" in line


def test_events(web: Item) -> None:
    assert event_line(flow(web, event="new")).startswith("    [NEW] tcp      6 431999 ESTABLISHED src=")
    assert "packets=" not in event_line(flow(web, event="new"))
    assert event_line(flow(web, event="end")).startswith("[DESTROY] tcp      6 ESTABLISHED src=")
