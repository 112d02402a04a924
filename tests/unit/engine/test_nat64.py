"""From IPv6 to IPv4 and back: what a connection through NAT64 is to the engine."""

from __future__ import annotations

from random import Random
from time import gmtime

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment

from conntrack.engine.core import Engine
from conntrack.engine.exit import Exit
from conntrack.engine.offload import may_carry
from conntrack.engine.verdict import DONE, FORWARD, OUTPUT, PREROUTING
from conntrack.flow.connection import ASSURED, NAT64, SEEN_REPLY, Connection
from conntrack.flow.ending import ADDRESS_GONE, CLOSED
from conntrack.flow.pair import readable
from conntrack.packet import reason
from conntrack.policy.compile import compile_policy
from conntrack.policy.load import load_text
from conntrack.policy.runtime import Rule
from tests.golden.notation import describe, packet
from tests.host import LINKS, TUNNEL, Host, address, topology_of

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: ["fd10::/64"]}
nat:
  - {name: to-ipv4, nat64: "64:ff9b::/96", at: wan, from: lan}
policy:
  lan -> wan: accept
"""
#: 198.51.100.9 behind the well-known prefix
SERVER = "64:ff9b::c633:6409"
ASK = f"udp [fd10::5]:5000 > [{SERVER}]:53 length=20"
ANSWER = "udp 198.51.100.9:53 > 203.0.113.1:5000 length=20"


class Shut(Exit):
    """A link that is down."""

    def send(self, raw: bytes) -> bool:
        return False


def asked(rules: str = RULES) -> tuple[Host, Connection]:
    """A host with one UDP connection through NAT64."""
    host = Host(rules)
    assert host.arrive("lan", ASK) == "wan udp 203.0.113.1:5000 > 198.51.100.9:53"
    [connection] = host.engine.table.connections()
    return host, connection


def test_a_tcp_connection_leaves_as_ipv4_and_its_answers_come_back_as_ipv6() -> None:
    host = Host(RULES)
    assert host.arrive("lan", f"tcp [fd10::5]:40000 > [{SERVER}]:443 SYN seq=100 mss=1440") == (
        "wan tcp 203.0.113.1:40000 > 198.51.100.9:443 SYN mss=1440"
    )
    assert host.arrive("wan", "tcp 198.51.100.9:443 > 203.0.113.1:40000 SYN+ACK seq=500 ack=101") == (
        f"lan tcp [{SERVER}]:443 > [fd10::5]:40000 SYN+ACK"
    )
    assert host.arrive("lan", f"tcp [fd10::5]:40000 > [{SERVER}]:443 ACK seq=101 ack=501") == (
        "wan tcp 203.0.113.1:40000 > 198.51.100.9:443 ACK"
    )
    [connection] = host.engine.table.connections()
    assert connection.status & (NAT64 | ASSURED | SEEN_REPLY) == NAT64 | ASSURED | SEEN_REPLY
    assert (connection.original.packets, connection.reply.packets) == (2, 1)
    assert readable(connection.original.key)[2:] == ("fd10::5", 40000, SERVER, 443)
    assert readable(connection.reply.key)[2:] == ("198.51.100.9", 443, "203.0.113.1", 40000)
    assert (connection.zone_in, connection.zone_out) == (host.zones["lan"], host.zones["wan"])
    assert not may_carry(connection)


def test_ping_goes_both_ways() -> None:
    host = Host(RULES)
    assert host.arrive("lan", f"icmp6 fd10::5 > {SERVER} echo-request id=7") == (
        "wan icmp 203.0.113.1 > 198.51.100.9 echo-request id=7"
    )
    assert host.arrive("wan", "icmp 198.51.100.9 > 203.0.113.1 echo-reply id=7") == (
        f"lan icmp6 {SERVER} > fd10::5 echo-reply id=7"
    )


def test_what_nobody_asked_for_does_not_come_in() -> None:
    host, _ = asked()
    assert host.arrive("wan", "udp 198.51.100.9:54 > 203.0.113.1:5000") == "drop no-rule"
    assert host.arrive("wan", "udp 198.51.100.8:53 > 203.0.113.1:5000") == "drop no-rule"


def test_two_hosts_with_one_port_stay_apart_and_each_keeps_its_own() -> None:
    host, _ = asked()
    second = host.arrive("lan", f"udp [fd10::6]:5000 > [{SERVER}]:53").split()[2]
    assert second != "203.0.113.1:5000"
    assert host.arrive("lan", "udp [fd10::6]:5000 > [64:ff9b::c633:6408]:99").split()[2] == second
    assert host.arrive("wan", f"udp 198.51.100.9:53 > {second}") == f"lan udp [{SERVER}]:53 > [fd10::6]:5000"


def test_a_port_is_given_back_with_the_connection() -> None:
    host, _ = asked()
    assert [(use.address, use.used) for use in host.engine.ports.uses()] == [(address("203.0.113.1"), 1)]
    host.wait(200)
    assert len(host.engine.table) == 0
    assert host.engine.table.halves == {}
    assert [use.used for use in host.engine.ports.uses()] == [0]


def test_the_hop_that_is_the_gateway_counts_once() -> None:
    """The kernel takes one off whenever it routes: before FORWARD, and again for what is made here."""
    host = Host(RULES)
    asked6 = IPv6(src="fd10::5", dst=SERVER, hlim=9) / UDP(sport=5000, dport=53)
    inbound, outbound = 2, TUNNEL
    host.engine.packet(bytes(asked6), FORWARD, inbound, outbound, 0, host.now)
    [made] = host.tunnel.take()
    assert IP(made).ttl == 10
    answer = IP(src="198.51.100.9", dst="203.0.113.1", ttl=9) / UDP(sport=53, dport=5000)
    verdict, new, _ = host.engine.packet(bytes(answer), PREROUTING, 1, 0, 0, host.now)
    assert (verdict, new) == (0, None)  # the queued packet ends here
    [made] = host.tunnel.take()
    assert IPv6(made).hlim == 9


def test_no_hop_limit_wraps_round() -> None:
    host = Host(RULES)
    _, raw = host.cross("lan", bytes(IPv6(src="fd10::5", dst=SERVER, hlim=255) / UDP(sport=5000, dport=53)))
    assert IP(raw).ttl == 255


class TestPolicy:
    BLOCKING = RULES.replace(
        "  lan -> wan: accept\n",
        "  lan -> wan:\n"
        "    - {name: four, drop: any, destination: 198.51.100.0/28}\n"
        "    - {name: one-host, drop: any, source: 'fd10::66'}\n"
        "    - {name: never, drop: any, family: ipv4}\n"
        "    - {name: six, accept: any, family: ipv6}\n",
    )

    def test_a_rule_about_ipv4_addresses_holds_for_ipv6_clients(self) -> None:
        host = Host(self.BLOCKING)
        assert host.arrive("lan", ASK) == "drop policy-drop"
        assert host.engine.trace.rule is not None
        assert host.engine.trace.rule.name == "four"

    def test_so_does_one_about_ipv6_sources(self) -> None:
        host = Host(self.BLOCKING)
        assert host.arrive("lan", "udp [fd10::66]:5000 > [64:ff9b::c633:6477]:53") == "drop policy-drop"

    def test_the_family_is_the_client_s(self) -> None:
        host = Host(self.BLOCKING)
        assert host.arrive("lan", "udp [fd10::5]:5000 > [64:ff9b::c633:6477]:53").startswith("wan udp 203.0.113.1:5000")
        [connection] = host.engine.table.connections()
        assert isinstance(connection.rule, Rule)
        assert connection.rule.name == "six"

    def test_a_set_that_is_asked_knows_ipv4_too(self) -> None:
        members = (
            ", ".join(f"198.51.100.{host}" for host in range(0, 256, 2))
            + ", "
            + ", ".join(f"203.0.{net}.{host}" for net in range(2) for host in range(0, 256, 2))
        )
        rules = RULES.replace("nat:", f"sets:\n  many: {{members: [{members}]}}\nnat:").replace(
            "lan -> wan: accept", "lan -> wan:\n    - {drop: any, destination: many}\n    - {accept: any}"
        )
        host = Host(rules)
        assert host.arrive("lan", ASK).startswith("wan")  # .9
        assert host.arrive("lan", "udp [fd10::5]:5000 > [64:ff9b::c633:6408]:53") == "drop policy-drop"

    def test_a_rejected_client_is_answered_in_ipv6(self) -> None:
        host = Host(RULES.replace("lan -> wan: accept", "lan -> wan: reject"))
        assert host.arrive("lan", ASK) == "reject port-unreachable"
        assert host.engine.counters.reasons[reason.POLICY_REJECT] == 1

    def test_ordinary_ipv6_is_as_ever(self) -> None:
        host = Host(RULES)
        line = "udp [fd10::5]:5000 > [2001:db8:113::77]:53"
        assert host.arrive("lan", line) == f"wan {line}"

    def test_after_a_reload_without_it_its_connections_are_not_permitted(self) -> None:
        host, connection = asked()
        assert host.engine.permitted(connection, host.now)
        host.reload(RULES.replace("lan -> wan: accept", "lan -> wan: drop"))
        assert not host.engine.permitted(connection, host.now)
        host.reload(RULES.replace("  - {name: to-ipv4", "  - {name: gone, exempt: 10.0.0.0/8}\n#"))
        assert not host.engine.permitted(connection, host.now)
        assert host.arrive("wan", ANSWER).startswith("lan udp")  # but runs on


class TestRefused:
    @pytest.mark.parametrize(
        ("destination", "why"),
        [
            ("64:ff9b::a00:1", "a private address behind the well-known prefix"),
            ("64:ff9b::7f00:1", "loopback"),
            ("64:ff9b::e000:5", "a group"),
            ("64:ff9b::", "nobody"),
            ("64:ff9b::cb00:7101", "the gateway's own: hairpin"),
            ("64:ff9b::cb00:71ff", "a broadcast address"),
        ],
    )
    def test_addresses_that_no_server_has(self, destination: str, why: str) -> None:
        host = Host(RULES)
        assert host.arrive("lan", f"udp [fd10::5]:5000 > [{destination}]:53") == "drop untranslatable", why
        assert len(host.engine.table) == 0

    def test_a_source_within_the_prefix(self) -> None:
        host = Host(RULES)
        assert host.arrive("lan", f"udp [64:ff9b::c633:6407]:5000 > [{SERVER}]:53") == "drop untranslatable"

    def test_a_prefix_of_one_s_own_reaches_private_addresses(self) -> None:
        rules = RULES.replace("64:ff9b::/96", "2001:db8:64::/48").replace("at: wan", "at: guest")
        rules = rules.replace("  lan: {", "  guest: {interfaces: [eth2]}\n  lan: {").replace(
            "lan -> wan", "lan -> guest"
        )
        host = Host(rules)
        assert host.arrive("lan", "udp [fd10::5]:5000 > [2001:db8:64:c0a8:14:700::]:53") == (
            "guest udp 192.168.20.1:5000 > 192.168.20.7:53"
        )
        assert host.arrive("guest", "udp 192.168.20.7:53 > 192.168.20.1:5000") == (
            "lan udp [2001:db8:64:c0a8:14:700::]:53 > [fd10::5]:5000"
        )

    def test_a_destination_in_another_zone_than_the_entry_s(self) -> None:
        rules = RULES.replace("64:ff9b::/96", "2001:db8:64::/96")
        assert Host(rules).arrive("lan", "udp [fd10::5]:5000 > [2001:db8:64::c0a8:1407]:53") == "drop untranslatable"

    def test_a_zone_that_the_entry_does_not_name(self) -> None:
        host = Host(RULES, {**LINKS, "guest": ("eth2", ["fd20::1/64"])})
        assert host.arrive("guest", f"udp [fd20::5]:5000 > [{SERVER}]:53") in ("drop no-zone", "drop untranslatable")
        assert len(host.engine.table) == 0

    @pytest.mark.parametrize("protocol", [50, 132, 47])
    def test_protocols_that_do_not_cross(self, protocol: int) -> None:
        host = Host(RULES)
        raw = bytes(IPv6(src="fd10::5", dst=SERVER, nh=protocol) / (b"\0\1\0\2" + bytes(12)))
        verdict, new, _ = host.engine.packet(raw, FORWARD, 2, TUNNEL, 0, host.now, False)
        assert (verdict, new, host.tunnel.waiting) == (0, None, [])

    def test_the_gateway_s_own_packets(self) -> None:
        host = Host(RULES)
        assert host.send(f"udp [2001:db8:113::1]:5000 > [{SERVER}]:53").startswith("drop ")

    def test_without_a_way_out_nothing_is_translated(self) -> None:
        host = Host(RULES)
        host.engine.lead_out(None)
        assert host.arrive("lan", ASK) == "drop untranslatable"

    def test_a_way_out_that_takes_nothing(self) -> None:
        host = Host(RULES)
        host.engine.lead_out(Shut())
        assert host.arrive("lan", ASK) == "drop untranslatable"
        assert host.engine.counters.reasons[reason.UNTRANSLATABLE] == 1

    def test_without_an_ipv4_address_outside(self) -> None:
        host = Host(RULES, {"wan": ("eth0", []), "lan": ("eth1", ["fd10::1/64"])})
        assert host.arrive("lan", ASK) == "drop nat-no-address"
        assert host.engine.policy.nat_rules[0].failures == 1

    def test_out_of_ports_the_client_is_told(self) -> None:
        host = Host(RULES.replace("from: lan", "from: lan, ports: 20000-20001"))
        for port in (1, 2):
            assert host.arrive("lan", f"udp [fd10::5]:{port} > [{SERVER}]:53").startswith("wan")
        assert host.arrive("lan", f"udp [fd10::5]:3 > [{SERVER}]:53") == "reject prohibited"

    def test_what_was_made_of_a_connection_that_is_gone(self) -> None:
        host, connection = asked()
        raw = packet(ASK)
        host.engine.packet(raw, FORWARD, 2, TUNNEL, 0, host.now)
        host.engine.end(connection, CLOSED, host.now)
        [made] = host.tunnel.take()
        assert host.engine.packet(made, FORWARD, TUNNEL, 1, 0x4000_0000, host.now)[0] == 0


class TestErrors:
    def test_from_the_ipv4_side(self) -> None:
        host, connection = asked()
        deadline = connection.deadline
        about = "about udp 203.0.113.1:5000 > 198.51.100.9:53"
        assert host.arrive("wan", f"icmp 198.51.100.1 > 203.0.113.1 time-exceeded {about}") == (
            f"lan icmp6 64:ff9b::c633:6401 > fd10::5 time-exceeded about udp [fd10::5]:5000 > [{SERVER}]:53"
        )
        assert host.arrive("wan", f"icmp 198.51.100.9 > 203.0.113.1 port-unreachable {about}") == (
            f"lan icmp6 {SERVER} > fd10::5 port-unreachable about udp [fd10::5]:5000 > [{SERVER}]:53"
        )
        assert host.arrive("wan", f"icmp 198.51.100.1 > 203.0.113.1 redirect {about}") == "drop untranslatable"
        assert connection.deadline == deadline

    def test_from_the_ipv6_side(self) -> None:
        host, _ = asked()
        host.arrive("wan", ANSWER)
        about = f"about udp [{SERVER}]:53 > [fd10::5]:5000"
        assert host.arrive("lan", f"icmp6 fd10::5 > {SERVER} port-unreachable {about}") == (
            "wan icmp 203.0.113.1 > 198.51.100.9 port-unreachable about udp 198.51.100.9:53 > 203.0.113.1:5000"
        )
        assert host.arrive("lan", f"icmp6 fd10::99 > {SERVER} too-big {about}") == (
            "wan icmp 203.0.113.1 > 198.51.100.9 fragmentation-needed about udp 198.51.100.9:53 > 203.0.113.1:5000"
        )

    def test_from_the_gateway_s_own_kernel_about_a_packet_just_made(self) -> None:
        host, _ = asked()
        line = "icmp 203.0.113.1 > 192.0.0.8 fragmentation-needed about udp 192.0.0.8:5000 > 198.51.100.9:53"
        host.engine.packet(packet(line), OUTPUT, 0, TUNNEL, 0, host.now)
        [made] = host.tunnel.take()
        assert describe(made) == (
            f"icmp6 64:ff9b::cb00:7101 > fd10::5 too-big about udp [fd10::5]:5000 > [{SERVER}]:53"
        )

    def test_from_the_gateway_s_own_kernel_to_the_server(self) -> None:
        host, _ = asked()
        host.arrive("wan", ANSWER)
        line = f"icmp6 fd10::1 > {SERVER} too-big about udp [{SERVER}]:53 > [fd10::5]:5000"
        assert host.send(line) == (
            "wan icmp 203.0.113.1 > 198.51.100.9 fragmentation-needed about udp 198.51.100.9:53 > 203.0.113.1:5000"
        )

    def test_a_router_with_a_private_address_shows_one_of_ours(self) -> None:
        host, _ = asked()
        line = "icmp 10.0.0.1 > 203.0.113.1 time-exceeded about udp 203.0.113.1:5000 > 198.51.100.9:53"
        assert host.arrive("wan", line).startswith("lan icmp6 fd10::1 > fd10::5 time-exceeded")

    def test_one_about_a_ping(self) -> None:
        host = Host(RULES)
        host.arrive("lan", f"icmp6 fd10::5 > {SERVER} echo-request id=7")
        line = "icmp 198.51.100.1 > 203.0.113.1 time-exceeded about icmp 203.0.113.1 > 198.51.100.9 echo-request id=7"
        assert host.arrive("wan", line) == (
            f"lan icmp6 64:ff9b::c633:6401 > fd10::5 time-exceeded about icmp6 fd10::5 > {SERVER} echo-request id=7"
        )

    def test_one_about_nothing_known(self) -> None:
        host, _ = asked()
        line = "icmp 198.51.100.1 > 203.0.113.1 time-exceeded about udp 203.0.113.1:5001 > 198.51.100.9:53"
        assert host.arrive("wan", line) == "drop error-unknown-flow"


class TestSizes:
    def answer(self, host: Host, size: int, flags: str) -> list[bytes]:
        host.cross(
            "wan",
            bytes(IP(src="198.51.100.9", dst="203.0.113.1", flags=flags) / UDP(sport=53, dport=5000) / bytes(size)),
        )
        return host.pieces

    def test_a_large_answer_that_may_be_cut_is(self) -> None:
        host, _ = asked()
        pieces = self.answer(host, 1400, "")
        assert [IPv6ExtHdrFragment in IPv6(piece) for piece in pieces] == [True, True]
        assert max(map(len, pieces)) <= 1280

    def test_one_that_may_not_stays_whole(self) -> None:
        host, _ = asked()
        assert [len(piece) for piece in self.answer(host, 1400, "DF")] == [1448]

    def test_one_longer_than_links_take_came_in_fragments_and_is_cut_again(self) -> None:
        host, _ = asked()
        assert len(self.answer(host, 3000, "DF")) == 3

    def test_once_its_sender_knows_of_a_narrow_path_it_is_cut(self) -> None:
        host, _ = asked()
        host.send(f"icmp6 fd10::1 > {SERVER} too-big about udp [{SERVER}]:53 > [fd10::5]:5000")
        assert len(self.answer(host, 1400, "DF")) == 2

    def ask(self, host: Host, size: int) -> str:
        _, raw = host.cross("lan", bytes(IPv6(src="fd10::5", dst=SERVER) / UDP(sport=5000, dport=53) / bytes(size)))
        return str(IP(raw).flags)

    def test_towards_ipv4_the_same(self) -> None:
        host, _ = asked()
        assert [self.ask(host, size) for size in (1000, 1400, 3000)] == ["", "DF", ""]
        about = "about udp 203.0.113.1:5000 > 198.51.100.9:53"
        host.arrive("wan", f"icmp 198.51.100.1 > 203.0.113.1 fragmentation-needed {about}")
        assert self.ask(host, 1400) == ""

    def test_identifications_differ(self) -> None:
        host, _ = asked()
        packets = [host.cross("lan", packet(ASK))[1] for _ in range(3)]
        first = IP(packets[0]).id
        assert [IP(raw).id for raw in packets] == [(first + step) % 65536 for step in range(3)]


class TestEndings:
    def test_a_reset_before_any_answer_still_leaves(self) -> None:
        host = Host(RULES)
        host.arrive("lan", f"tcp [fd10::5]:40000 > [{SERVER}]:443 SYN seq=100")
        assert host.arrive("lan", f"tcp [fd10::5]:40000 > [{SERVER}]:443 RST seq=101") == (
            "wan tcp 203.0.113.1:40000 > 198.51.100.9:443 RST"
        )
        assert len(host.engine.table) == 0
        assert host.engine.table.halves == {}

    def test_when_the_outside_address_goes_away(self) -> None:
        host, _ = asked()
        links = {**LINKS, "wan": ("eth0", ["203.0.113.77/24"])}
        assert host.engine.move(topology_of(links, host.zones), host.now) == 1
        assert host.engine.counters.ended[ADDRESS_GONE] == 1

    def test_when_the_route_leaves_by_another_interface_the_next_packet_begins_anew(self) -> None:
        rules = RULES.replace("{interfaces: [eth0]}", "{interfaces: [eth0, eth2]}")
        host = Host(rules, {**LINKS, "wan2": ("eth2", ["192.0.2.1/24"])})
        host.topology.interfaces()[3].zone = host.zones["wan"]
        host.arrive("lan", ASK)
        host.topology.add_route(address("198.51.100.0"), 24, 4)
        assert host.arrive("lan", ASK) == "drop untranslatable"
        assert host.engine.counters.ended[ADDRESS_GONE] == 1
        assert host.arrive("lan", ASK).split()[2] == "192.0.2.1:5000"


def test_a_dscp_is_set_on_either_side() -> None:
    host = Host(RULES.replace("lan -> wan: accept", "lan -> wan:\n    - {accept: any, dscp: ef, mark: 5}"))
    assert host.arrive("lan", ASK).endswith(" dscp=46")
    assert host.arrive("wan", ANSWER).endswith(" dscp=46")


def test_what_the_daemon_sends_itself_is_marked_by_the_hooks_and_not_here() -> None:
    host, _ = asked()
    verdict, new, mark = host.engine.packet(packet(ANSWER), PREROUTING, 1, 0, 0, host.now)
    assert (verdict, new, mark & DONE) == (0, None, 0)


def test_schedule_and_source_of_an_entry() -> None:
    rules = RULES.replace("from: lan", "from: lan, source: 'fd10::5', when: 'mon-fri 08:00-18:00'")
    policy = compile_policy(load_text(rules, "rules.yaml"), gmtime)
    host = Host(rules, wall=9 * 3600.0)  # Thursday, 1 January 1970
    assert host.arrive("lan", ASK).startswith("wan")
    assert host.arrive("lan", ASK.replace("fd10::5", "fd10::6")) == "drop untranslatable"
    night = Host(rules, wall=20 * 3600.0)
    assert night.arrive("lan", ASK) == "drop untranslatable"
    assert Engine(policy, host.topology, Random(1)).policy.crossings
