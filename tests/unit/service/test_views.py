from __future__ import annotations

import json

from conntrack.flow.connection import DESTINATION_NAT, HAIRPIN, NAT64, OFFLOADED, Connection
from conntrack.flow.pair import build, invert
from conntrack.service.filters import addresses
from conntrack.service.views import Flows, nat_words, pair_view
from tests.unit.service.conftest import packed


def test_a_masqueraded_connection(flows: Flows, web: Connection) -> None:
    assert flows.view(web, 103.0) == {
        "id": 7,
        "protocol": "tcp",
        "protocol_number": 6,
        "state": "ESTABLISHED",
        "timeout": 997,
        "age": 3.0,
        "idle": 0.5,
        "original": {
            "source": "192.168.10.5",
            "destination": "1.1.1.1",
            "source_port": 40000,
            "destination_port": 443,
            "packets": 10,
            "bytes": 1000,
        },
        "reply": {
            "source": "1.1.1.1",
            "destination": "203.0.113.5",
            "source_port": 443,
            "destination_port": 40001,
            "packets": 8,
            "bytes": 9000,
        },
        "assured": True,
        "replied": True,
        "related": False,
        "nat": ["source"],
        "zone_in": "lan",
        "zone_out": "wan",
        "rule": "outbound (rules.yaml:12)",
        "mark": 16,
        "path": "slow",
    }


def test_a_connection_through_nat64_has_a_pair_of_either_version(flows: Flows) -> None:
    original = build(58, packed("2001:db8::5"), packed("64:ff9b::102:304"), 7, 128 << 8)
    reply = build(1, packed("1.2.3.4"), packed("203.0.113.5"), 9, 0)
    made = Connection(1, original, reply, 0.0)
    made.status = NAT64 | DESTINATION_NAT
    view = flows.view(made, 0.0)
    assert view["nat"] == ["destination", "nat64"]
    assert (view["protocol"], view["original"]["icmp_type"], view["original"]["icmp_id"]) == ("icmpv6", 128, 7)
    assert (view["reply"]["source"], view["reply"]["icmp_type"], view["reply"]["icmp_id"]) == ("1.2.3.4", 0, 9)
    assert addresses(made)[2] == packed("1.2.3.4")


def test_an_address_space_is_told_where_it_is_not_the_usual_one() -> None:
    key = build(17, packed("10.0.0.1"), packed("10.0.0.2"), 1, 2, space=3)
    assert pair_view(key)["space"] == 3
    assert "space" not in pair_view(b"\x11\0" + key[2:])


def test_a_view_is_json(flows: Flows, web: Connection, ping: Connection) -> None:
    for connection in (web, ping):
        view = flows.view(connection, 101.0)
        assert json.loads(json.dumps(view)) == view


def test_icmp_has_no_ports(flows: Flows, ping: Connection) -> None:
    view = flows.view(ping, 101.0)
    assert (view["original"]["icmp_type"], view["original"]["icmp_code"], view["original"]["icmp_id"]) == (8, 0, 77)
    assert (view["reply"]["icmp_type"], view["reply"]["icmp_id"]) == (0, 77)
    assert "source_port" not in view["original"]
    assert (view["state"], view["zone_out"], view["rule"]) == ("", "self", "")


def test_a_flow_past_its_deadline_has_nothing_left(flows: Flows, query: Connection) -> None:
    assert flows.view(query, 500.0)["timeout"] == 0


def test_other_protocols_are_addresses_only() -> None:
    view = pair_view(build(50, packed("10.0.0.1"), packed("10.0.0.2")))
    assert view == {"source": "10.0.0.1", "destination": "10.0.0.2"}
    assert pair_view(build(47, packed("10.0.0.1"), packed("10.0.0.2")))["gre_key"] == 0


def test_a_zone_that_is_gone(flows: Flows) -> None:
    key = build(132, packed("10.0.0.1"), packed("10.0.0.2"), 1, 2)
    connection = Connection(1, key, invert(key), 0.0)
    connection.zone_in, connection.zone_out = 9, -1
    connection.status = OFFLOADED
    view = flows.view(connection, 0.0)
    assert (view["zone_in"], view["zone_out"], view["path"], view["protocol"]) == ("", "", "fast", "sctp")


def test_how_it_is_translated() -> None:
    assert nat_words(0) == []
    assert nat_words(DESTINATION_NAT) == ["destination"]
    assert nat_words(DESTINATION_NAT | HAIRPIN) == ["destination", "hairpin"]
