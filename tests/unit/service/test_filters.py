from __future__ import annotations

from typing import Any

import pytest

from conntrack.flow.connection import Connection
from conntrack.service.filters import NAMES, Filter, Network, addresses, ports
from conntrack.service.protocol import USAGE, Refused
from conntrack.service.views import Flows


def matches(flows: Flows, connection: Connection, **filters: Any) -> bool:
    return Filter(filters, flows.state, flows.rule, flows.zone).matches(connection)


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"address": "192.168.10.5"},
        {"address": "203.0.113.5"},  # its outside address
        {"address": "203.0.113.0/24"},
        {"source": "192.168.10.0/24"},
        {"destination": "1.1.1.1"},
        {"port": 443},
        {"port": "40001"},  # its outside port
        {"source_port": 40000},
        {"destination_port": 443},
        {"protocol": "tcp"},
        {"protocol": "6"},
        {"state": "established"},
        {"zone": "lan"},
        {"zone": "wan"},
        {"rule": "outbound"},
        {"rule": "rules.yaml:12"},
        {"mark": "0x10"},
        {"family": "ipv4"},
        {"status": "assured"},
        {"status": "source-nat"},
        {"source": "192.168.10.5", "port": 443, "protocol": "tcp", "zone": None},
    ],
)
def test_a_flow_is_found_by(filters: dict[str, Any], flows: Flows, web: Connection) -> None:
    assert matches(flows, web, **filters)


@pytest.mark.parametrize(
    "filters",
    [
        {"address": "192.168.10.6"},
        {"source": "1.1.1.1"},
        {"destination": "192.168.10.5"},
        {"source": "::/0"},  # another family
        {"port": 80},
        {"source_port": 443},
        {"destination_port": 40000},
        {"protocol": "udp"},
        {"state": "SYN_SENT"},
        {"zone": "dmz"},
        {"rule": "inbound"},
        {"mark": 0},
        {"family": "ipv6"},
        {"status": "unreplied"},
        {"status": "destination-nat"},
        {"source": "192.168.10.5", "port": 80},  # one does not match
    ],
)
def test_a_flow_is_not_found_by(filters: dict[str, Any], flows: Flows, web: Connection) -> None:
    assert not matches(flows, web, **filters)


def test_ipv6_networks(flows: Flows, query: Connection) -> None:
    assert matches(flows, query, source="fd10::/64", destination="2001:db8::53", family="ipv6", status="unreplied")
    assert not matches(flows, query, source="fd10:0:0:1::/64")


def test_an_icmp_identifier_is_no_port(flows: Flows, ping: Connection) -> None:
    assert ports(ping) == ()
    assert not matches(flows, ping, port=77)
    assert matches(flows, ping, protocol="icmp", address="192.168.10.1")


def test_a_flow_that_no_rule_is_known_of(flows: Flows, query: Connection) -> None:
    assert not matches(flows, query, rule="x")


@pytest.mark.parametrize(
    "filters",
    [
        {"adress": "1.1.1.1"},
        {"address": "1.1.1"},
        {"address": "1.1.1.1/33"},
        {"port": 0},
        {"port": 65536},
        {"port": "http"},
        {"port": [80]},
        {"protocol": "tpc"},
        {"protocol": "256"},
        {"family": "ipx"},
        {"status": "dead"},
        {"mark": "high"},
    ],
)
def test_nonsense_is_refused_by_name(filters: dict[str, Any], flows: Flows) -> None:
    with pytest.raises(Refused) as refused:
        Filter(filters, flows.state, flows.rule, flows.zone)
    assert refused.value.kind == USAGE
    assert next(iter(filters)) in str(refused.value)


def test_every_filter_can_be_built(flows: Flows) -> None:
    examples = {"address": "::1", "source": "::1", "destination": "::1", "protocol": "udp", "state": "x", "zone": "x"}
    examples |= {"rule": "x", "family": "ipv6", "status": "replied"}
    for name in NAMES:
        assert Filter({name: examples.get(name, "1")}, flows.state, flows.rule, flows.zone)


def test_networks_hold_their_first_and_last_address() -> None:
    network = Network("10.0.0.128/25")
    assert bytes((10, 0, 0, 128)) in network
    assert bytes((10, 0, 0, 255)) in network
    assert bytes((10, 0, 0, 127)) not in network
    assert bytes(16) not in network
    assert bytes((1, 2, 3, 4)) in Network("0.0.0.0/0")


def test_the_four_addresses(web: Connection) -> None:
    assert addresses(web) == (
        bytes((192, 168, 10, 5)),
        bytes((1, 1, 1, 1)),
        bytes((1, 1, 1, 1)),
        bytes((203, 0, 113, 5)),
    )
    assert ports(web) == (40000, 443, 443, 40001)
