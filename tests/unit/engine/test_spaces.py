"""Two customers with the same 10.0.0.0/24 behind two interfaces of one gateway: never one for the other."""

from __future__ import annotations

import pytest

from conntrack.engine.adopt import Found
from conntrack.engine.offload import may_carry
from conntrack.engine.verdict import FORWARD, OUTPUT, PREROUTING
from conntrack.flow.connection import Connection
from conntrack.flow.pair import readable
from conntrack.packet.header import Packet
from conntrack.packet.parse import parse
from tests.golden.notation import packet
from tests.host import Host, address
from tests.talk import Talk

ZONES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  alfa: {interfaces: [eth1], networks: [10.0.0.0/24, fd00:1::/64], space: alfa, mark: 0x10}
  beta: {interfaces: [eth2], networks: [10.0.0.0/24, fd00:1::/64], space: beta, mark: 0x20}
  lan: {interfaces: [eth3], networks: [192.168.10.0/24]}
"""
RULES = (
    ZONES
    + """
nat:
  - {name: mail-beta, one-to-one: 203.0.113.25, at: wan, to: 10.0.0.25, inside: beta}
  - {name: internet, masquerade: wan, from: [alfa, beta, lan], family: both}
  - {name: web-alfa, forward: tcp/8001, at: wan, to: "10.0.0.5:80", inside: alfa, hairpin: [alfa, beta]}
  - {name: web-beta, forward: tcp/8002, at: wan, to: "10.0.0.5:80", inside: beta, hairpin: beta}
  - {name: to-beta, masquerade: beta, from: alfa}
policy:
  alfa, beta, lan -> wan: accept
  alfa, beta -> self: {accept: ping}
  lan -> alfa, beta: accept
  self -> any: accept
"""
)
LINKS = {
    "wan": ("eth0", ["203.0.113.1/24", "2001:db8:113::1/64"]),
    "alfa": ("eth1", ["10.0.0.1/24", "fd00:1::1/64"]),
    "beta": ("eth2", ["10.0.0.1/24", "fd00:1::1/64"]),
    "lan": ("eth3", ["192.168.10.1/24"]),
}
MARKS = {0x10: "alfa", 0x20: "beta"}
WAN, ALFA, BETA, LAN = 1, 2, 3, 4
SYN = "tcp 10.0.0.5:40000 > 198.51.100.9:80 SYN seq=100"


def gateway(rules: str = RULES) -> Host:
    return Host(rules, LINKS, marked=MARKS)


def port(came: str) -> str:
    """The outside port of what left by the zone outside."""
    assert came.startswith("wan tcp 203.0.113.1:"), came
    return came.split()[2].rpartition(":")[2]


def connections(host: Host) -> list[Connection]:
    return list(host.engine.table.connections())


def test_the_same_socket_pair_of_two_customers_is_two_connections() -> None:
    host = gateway()
    first = port(host.arrive("alfa", SYN))
    second = port(host.arrive("beta", SYN))
    assert (first, len(connections(host))) == ("40000", 2)
    assert second != first
    for outside, zone in ((first, "alfa"), (second, "beta"), (first, "alfa")):
        answer = f"tcp 198.51.100.9:80 > 203.0.113.1:{outside} SYN+ACK seq=500 ack=101"
        assert host.arrive("wan", answer) == f"{zone} tcp 198.51.100.9:80 > 10.0.0.5:40000 SYN+ACK"
    for outside, zone in ((first, "alfa"), (second, "beta")):
        came = host.arrive(zone, "tcp 10.0.0.5:40000 > 198.51.100.9:80 ACK seq=101 ack=501")
        assert came == f"wan tcp 203.0.113.1:{outside} > 198.51.100.9:80 ACK"


def test_keys_say_which_space_and_the_outside_is_the_usual_one() -> None:
    host = gateway()
    host.arrive("beta", SYN)
    host.arrive("lan", SYN.replace("10.0.0.5", "192.168.10.5"))
    [beta, lan] = connections(host)
    assert [readable(key).space for key in (beta.original.key, beta.reply.key)] == [2, 0]
    assert [readable(key).space for key in (lan.original.key, lan.reply.key)] == [0, 0]


def test_answers_carry_the_mark_of_their_customer_before_routing() -> None:
    host = gateway()
    host.arrive("beta", SYN)
    raw = packet("tcp 198.51.100.9:80 > 203.0.113.1:40000 SYN+ACK seq=500 ack=101")
    _, _, mark = host.engine.packet(raw, PREROUTING, WAN, 0, 0, host.now)
    assert mark & 0x0FFF_FFFF == 0x20
    _, _, mark = host.engine.packet(packet(SYN), FORWARD, BETA, WAN, 0, host.now)
    assert mark & 0x0FFF_FFFF == 0


def test_the_same_endpoint_keeps_its_outside_port_for_itself() -> None:
    """An endpoint-independent mapping belongs to one customer's endpoint, whoever else has the same address."""
    host = gateway(RULES.replace("family: both", "family: both, mapping: endpoint-independent"))
    udp = "udp 10.0.0.5:5000 > 198.51.100.%d:53"
    ends = [host.arrive(zone, udp % peer).split()[2] for zone in ("alfa", "beta") for peer in (9, 8)]
    assert ends[0] == ends[1]
    assert ends[2] == ends[3]
    assert ends[0] != ends[2]


def test_port_blocks_are_of_one_customer_s_host() -> None:
    host = gateway(RULES.replace("family: both", "family: both, port-blocks: {size: 256}"))
    ports = {
        zone: [int(port(host.arrive(zone, SYN.replace("40000", str(40000 + count))))) // 256 for count in range(3)]
        for zone in ("alfa", "beta")
    }
    assert len(set(ports["alfa"])) == len(set(ports["beta"])) == 1
    assert ports["alfa"][0] != ports["beta"][0]


def test_a_full_cone_lets_in_to_the_customer_whose_mapping_it_is() -> None:
    cone = "family: both, mapping: endpoint-independent, filtering: endpoint-independent"
    host = gateway(RULES.replace("family: both", cone))
    for zone in ("alfa", "beta"):
        mine = host.arrive(zone, "udp 10.0.0.5:5000 > 198.51.100.9:53").split()[2]
        came = host.arrive("wan", f"udp 198.51.100.77:7 > {mine}")
        assert came == f"{zone} udp 198.51.100.77:7 > 10.0.0.5:5000"


def test_what_leaves_its_space_untranslated_is_refused() -> None:
    host = gateway(ZONES + "policy:\n  alfa -> wan, lan, beta: accept\n  alfa -> self: accept\n")
    assert host.arrive("alfa", SYN) == "drop nat-required"
    assert host.arrive("alfa", "udp 10.0.0.5:5000 > 192.168.10.5:53") == "drop nat-required"
    assert host.arrive("alfa", "udp 10.0.0.5:5000 > 10.0.0.1:53").startswith("self ")
    assert len(connections(host)) == 1


def test_an_exemption_does_not_make_an_address_valid_elsewhere() -> None:
    host = gateway(RULES.replace("nat:\n", "nat:\n  - {name: partner, exempt: [198.51.100.0/24]}\n"))
    assert host.arrive("alfa", SYN) == "drop nat-required"
    assert host.arrive("lan", SYN.replace("10.0.0.5", "192.168.10.5")).startswith("wan tcp 192.168.10.5:40000")


def test_within_a_space_nothing_needs_translating() -> None:
    rules = ZONES.replace("space: beta, mark: 0x20", "space: alfa, mark: 0x20").replace(
        "eth2], networks: [10.0.0.0/24, fd00:1::/64]", "eth2], networks: [10.1.0.0/24]"
    )
    links = {**LINKS, "beta": ("eth2", ["10.1.0.1/24"])}
    host = Host(rules + "policy:\n  alfa -> beta: accept\n", links, marked=MARKS)
    came = host.arrive("alfa", "udp 10.0.0.5:5000 > 10.1.0.7:53")
    assert came == "beta udp 10.0.0.5:5000 > 10.1.0.7:53"
    assert host.arrive("beta", "udp 10.1.0.7:53 > 10.0.0.5:5000").endswith("udp 10.1.0.7:53 > 10.0.0.5:5000")


def test_forwards_lead_to_the_zone_that_they_name() -> None:
    host = gateway()
    for outside, zone in ((8001, "alfa"), (8002, "beta")):
        came = host.arrive("wan", f"tcp 198.51.100.9:50000 > 203.0.113.1:{outside} SYN seq=1")
        assert came == f"{zone} tcp 198.51.100.9:50000 > 10.0.0.5:80 SYN"
        answer = "tcp 10.0.0.5:80 > 198.51.100.9:50000 SYN+ACK seq=9 ack=2"
        assert host.arrive(zone, answer) == f"wan tcp 203.0.113.1:{outside} > 198.51.100.9:50000 SYN+ACK"


def test_one_to_one_translates_the_customer_that_it_names_alone() -> None:
    host = gateway()
    assert host.arrive("beta", "udp 10.0.0.25:5000 > 198.51.100.9:53").startswith("wan udp 203.0.113.25:5000 ")
    assert host.arrive("alfa", "udp 10.0.0.25:5000 > 198.51.100.9:53").startswith("wan udp 203.0.113.1:5000 ")
    assert host.arrive("wan", "udp 198.51.100.7:7 > 203.0.113.25:25") == "beta udp 198.51.100.7:7 > 10.0.0.25:25"


def test_hairpin_comes_back_to_the_same_customer() -> None:
    host = gateway()
    for zone, outside in (("alfa", 8001), ("beta", 8002)):
        came = host.arrive(zone, f"tcp 10.0.0.9:50000 > 203.0.113.1:{outside} SYN seq=1")
        assert came == f"{zone} tcp 203.0.113.1:50000 > 10.0.0.5:80 SYN"
        came = host.arrive(zone, "tcp 10.0.0.5:80 > 203.0.113.1:50000 SYN+ACK seq=9 ack=2")
        assert came == f"{zone} tcp 203.0.113.1:{outside} > 10.0.0.9:50000 SYN+ACK"
        came = host.arrive(zone, "icmp 10.0.0.5 > 203.0.113.1 port-unreachable about "
                                 "tcp 203.0.113.1:50000 > 10.0.0.5:80 SYN seq=1")  # fmt: skip
        assert came == (
            f"{zone} icmp 203.0.113.1 > 10.0.0.9 port-unreachable about tcp 10.0.0.9:50000 > 203.0.113.1:{outside} SYN"
        )


def test_one_customer_reaches_the_other_s_forward_with_both_addresses_translated() -> None:
    rules = RULES.replace('"10.0.0.5:80", inside: beta, hairpin: beta', '"10.0.0.5:80", inside: beta, hairpin: alfa')
    host = gateway(rules)
    came = host.arrive("alfa", "tcp 10.0.0.5:50000 > 203.0.113.1:8002 SYN seq=1")
    assert came == "beta tcp 10.0.0.1:50000 > 10.0.0.5:80 SYN"
    came = host.arrive("beta", "tcp 10.0.0.5:80 > 10.0.0.1:50000 SYN+ACK seq=9 ack=2")
    assert came == "alfa tcp 203.0.113.1:8002 > 10.0.0.5:50000 SYN+ACK"
    came = host.arrive("beta", "icmp 10.0.0.5 > 10.0.0.1 port-unreachable about "
                               "tcp 10.0.0.1:50000 > 10.0.0.5:80 SYN seq=1")  # fmt: skip
    assert came == ("alfa icmp 203.0.113.1 > 10.0.0.5 port-unreachable about tcp 10.0.0.5:50000 > 203.0.113.1:8002 SYN")


def test_errors_go_to_the_customer_whose_packet_they_are_about() -> None:
    host = gateway()
    outside = {zone: port(host.arrive(zone, SYN)) for zone in ("alfa", "beta")}
    for zone in ("beta", "alfa"):
        came = host.arrive("wan", "icmp 198.51.100.254 > 203.0.113.1 time-exceeded about "
                                  f"tcp 203.0.113.1:{outside[zone]} > 198.51.100.9:80 SYN seq=100")  # fmt: skip
        assert came == (
            f"{zone} icmp 198.51.100.254 > 10.0.0.5 time-exceeded about tcp 10.0.0.5:40000 > 198.51.100.9:80 SYN"
        )


def test_an_error_from_inside_is_about_its_own_customer_s_flow() -> None:
    host = gateway()
    host.arrive("wan", "tcp 198.51.100.9:50000 > 203.0.113.1:8001 SYN seq=1")
    error = "icmp 10.0.0.5 > 198.51.100.9 port-unreachable about tcp 198.51.100.9:50000 > 10.0.0.5:80 SYN seq=1"
    assert host.arrive("beta", error) == "drop error-unknown-flow"
    assert host.arrive("alfa", error).startswith("wan icmp 203.0.113.1 > 198.51.100.9 port-unreachable about ")


def test_the_gateway_answers_each_customer_though_it_has_one_address_for_both() -> None:
    host = gateway()
    for zone in ("alfa", "beta"):
        identifier = 7 if zone == "alfa" else 8
        came = host.arrive(zone, f"icmp 10.0.0.5 > 10.0.0.1 echo-request id={identifier}")
        assert came.startswith("self ")
        assert host.send(f"icmp 10.0.0.1 > 10.0.0.5 echo-reply id={identifier}").startswith(f"{zone} icmp 10.0.0.1")


def test_the_gateway_s_own_error_finds_the_customer() -> None:
    """The kernel routes its error by the main table, into the wrong customer: the mark sends it right."""
    host = gateway()
    host.arrive("beta", SYN)
    raw = packet(f"icmp 10.0.0.1 > 10.0.0.5 time-exceeded about {SYN}")
    verdict, _, mark = host.engine.packet(raw, OUTPUT, 0, ALFA, 0, host.now)
    assert (verdict, mark & 0x0FFF_FFFF) == (1, 0x20)


def test_the_rule_s_mark_stays_where_no_zone_has_one() -> None:
    host = gateway(RULES.replace("alfa, beta, lan -> wan: accept", "alfa, beta, lan -> wan: {accept: any, mark: 7}"))
    _, _, mark = host.engine.packet(packet(SYN), FORWARD, ALFA, WAN, 0, host.now)
    assert mark == 7
    [connection] = connections(host)
    assert connection.mark == 7


def test_the_mark_of_where_it_came_from_leads_nothing_astray() -> None:
    """A customer may use a forward to a host elsewhere, whose address another host has that its mark leads to."""
    rules = RULES.replace("nat:\n", "nat:\n  - {forward: tcp/8003, at: wan, to: 192.168.10.20, hairpin: alfa}\n")
    host = gateway(rules.replace("masquerade: beta, from: alfa", "masquerade: lan, from: alfa"))
    raw = packet("tcp 10.0.0.5:50000 > 203.0.113.1:8003 SYN seq=1")
    _, _, mark = host.engine.packet(raw, PREROUTING, ALFA, 0, 0x10, host.now)
    assert mark & 0x0FFF_FFFF == 0
    _, _, mark = host.engine.packet(packet(SYN), FORWARD, ALFA, WAN, 0x10, host.now)
    assert mark & 0x0FFF_FFFF == 0x10  # it is routed already; the kernel's errors about it are to find back
    _, _, mark = host.engine.packet(raw, PREROUTING, ALFA, 0, 0x55, host.now)
    assert mark & 0x0FFF_FFFF == 0x55  # an administrator's own
    ping = packet("icmp 10.0.0.5 > 10.0.0.1 echo-request id=7")
    _, _, mark = host.engine.packet(ping, PREROUTING, ALFA, 0, 0x10, host.now)
    assert mark & 0x0FFF_FFFF == 0x10


def test_sources_are_counted_apart() -> None:
    host = gateway("settings: {per-source: 1}\n" + RULES.lstrip())
    assert port(host.arrive("alfa", SYN)) == "40000"
    assert host.arrive("alfa", SYN.replace("40000", "40001")) == "reject prohibited"
    assert host.arrive("beta", SYN.replace("40000", "40001")).startswith("wan ")
    assert host.arrive("beta", SYN.replace("40000", "40002")) == "reject prohibited"


def test_without_nat_a_lan_of_the_gateway_reaches_a_customer_by_policy_routing() -> None:
    """Its own address is unique, so only the way there must be told, by a mark that somebody else sets."""
    host = gateway()
    raw = packet("udp 192.168.10.5:5000 > 10.0.0.5:53")
    verdict, new, _ = host.engine.packet(raw, FORWARD, LAN, BETA, 0x20, host.now)
    assert (verdict, new) == (1, None)
    came = host.arrive("beta", "udp 10.0.0.5:53 > 192.168.10.5:5000")
    assert came == "lan udp 10.0.0.5:53 > 192.168.10.5:5000"


def test_ipv6_too() -> None:
    host = gateway()
    syn = "tcp [fd00:1::5]:40000 > [2001:db8:77::9]:80 SYN seq=100"
    first, second = (host.arrive(zone, syn).split()[2].rpartition(":")[2] for zone in ("alfa", "beta"))
    assert first != second
    for outside, zone in ((first, "alfa"), (second, "beta")):
        answer = f"tcp [2001:db8:77::9]:80 > [2001:db8:113::1]:{outside} SYN+ACK seq=5 ack=101"
        assert host.arrive("wan", answer) == f"{zone} tcp [2001:db8:77::9]:80 > [fd00:1::5]:40000 SYN+ACK"


def test_active_ftp_of_both_customers_at_once() -> None:
    """Each server's data connection finds the customer who told it the port, though both told it the same address."""
    host = gateway(RULES.replace("alfa, beta, lan -> wan: accept", "alfa, beta, lan -> wan: {accept: ftp}"))
    for zone, server in (("alfa", "198.51.100.9"), ("beta", "198.51.100.9")):
        talk = Talk(host, zone, ("10.0.0.5", 40000), (server, 21)).connect()
        talk.says(talk.server, b"220 ready\r\n")
        told = talk.says(talk.client, b"PORT 10,0,0,5,19,136\r\n").decode()
        words = [int(word) for word in told.removeprefix("PORT ").split(",")]
        data = Talk(host, "wan", (server, 20), ("203.0.113.1", words[4] << 8 | words[5])).connect()
        assert (data.server.zone, data.server.own) == (zone, ("10.0.0.5", 5000))
        assert data.says(data.client, b"file") == b"file"


def test_no_fast_path_for_what_its_keys_cannot_tell_apart() -> None:
    host = gateway()
    for zone, source in (("alfa", "10.0.0.5"), ("lan", "192.168.10.5")):
        host.arrive(zone, f"udp {source}:5000 > 198.51.100.9:53")
        host.arrive("wan", "udp 198.51.100.9:53 > 203.0.113.1:5000")
        host.wait(0)
    alfa, lan = connections(host)
    for connection, source in ((alfa, "alfa"), (lan, "lan")):
        assert host.zones[source] == connection.zone_in
    assert [may_carry(connection) for connection in (alfa, lan)] == [False, lan.status & 1 == 1]


def test_a_space_keeps_its_number_over_reloads_and_one_that_goes_takes_its_connections_along() -> None:
    host = gateway()
    first = port(host.arrive("beta", SYN))
    host.reload(
        RULES.replace(
            "  alfa: {interfaces: [eth1]", "  lan2: {interfaces: [eth9], space: third}\n  alfa: {interfaces: [eth1]"
        )
    )
    host.engine.move(host.topology_now(), host.now)
    answer = f"tcp 198.51.100.9:80 > 203.0.113.1:{first} SYN+ACK seq=500 ack=101"
    assert host.arrive("wan", answer) == "beta tcp 198.51.100.9:80 > 10.0.0.5:40000 SYN+ACK"
    host.reload(RULES.replace("space: beta", "space: renamed"))
    host.engine.move(host.topology_now(), host.now)
    assert connections(host) == []
    assert port(host.arrive("beta", SYN)) == "40000"


def test_adopted_connections_keep_their_mark() -> None:
    host = gateway()
    packet_read = Packet()
    parse(packet("udp 192.168.10.5:5000 > 198.51.100.9:53"), packet_read)
    original = b"\x11\0" + packet_read.pair
    parse(packet("udp 198.51.100.9:53 > 203.0.113.1:5000"), packet_read)
    found = Found(5, original, b"\x11\0" + packet_read.pair, LAN, WAN, 9, -1)
    connection = host.engine.adopt(found, host.now)
    assert connection is not None
    assert (connection.mark, connection.original.mark, connection.reply.mark) == (9, 9, 9)


@pytest.mark.parametrize("text", ["10.0.0.1", "fd00:1::1"])
def test_an_address_of_two_interfaces_belongs_to_the_one_that_was_asked(text: str) -> None:
    host = gateway()
    for index, zone in ((ALFA, "alfa"), (BETA, "beta")):
        assert host.topology.address_zone(address(text), index) == host.zones[zone]
