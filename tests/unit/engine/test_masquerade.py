"""A small office behind one address: what leaves, what comes back, what does not."""

from conntrack.flow.ending import ADDRESS_GONE, TIMEOUT
from tests.host import LINKS, Host, address, topology_of

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {name: internet, masquerade: wan, from: [lan]}
policy:
  lan -> wan: accept
"""


def test_a_tcp_connection_goes_out_behind_the_outside_address_and_its_answers_find_back() -> None:
    host = Host(RULES)
    assert host.arrive("lan", "tcp 192.168.10.5:40000 > 198.51.100.9:80 SYN seq=100") == (
        "wan tcp 203.0.113.1:40000 > 198.51.100.9:80 SYN"
    )
    assert host.arrive("wan", "tcp 198.51.100.9:80 > 203.0.113.1:40000 SYN+ACK seq=500 ack=101") == (
        "lan tcp 198.51.100.9:80 > 192.168.10.5:40000 SYN+ACK"
    )
    assert host.arrive("lan", "tcp 192.168.10.5:40000 > 198.51.100.9:80 ACK seq=101 ack=501") == (
        "wan tcp 203.0.113.1:40000 > 198.51.100.9:80 ACK"
    )
    [connection] = host.engine.table.connections()
    assert (connection.original.packets, connection.reply.packets) == (2, 1)
    assert (connection.original.octets, connection.reply.octets) == (80, 40)
    assert host.zones["lan"] == connection.zone_in
    assert host.zones["wan"] == connection.zone_out


def test_what_nobody_asked_for_is_dropped_and_counted() -> None:
    host = Host(RULES)
    assert host.arrive("wan", "tcp 198.51.100.9:80 > 203.0.113.1:40000 SYN seq=1") == "drop no-rule"
    assert host.arrive("wan", "tcp 198.51.100.9:80 > 203.0.113.1:40000 ACK seq=1 ack=1") == "drop no-rule"
    assert host.arrive("wan", "tcp 198.51.100.9:80 > 203.0.113.1:40000 FIN seq=1") == "drop bad-flags"
    assert host.arrive("wan", "tcp 198.51.100.9:80 > 203.0.113.1:40000 SYN+ACK seq=1 ack=1") == "drop not-an-opener"
    assert len(host.engine.table) == 0


def test_udp_with_two_hosts_on_one_port_stays_apart() -> None:
    host = Host(RULES)
    first = host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    second = host.arrive("lan", "udp 192.168.10.6:5000 > 198.51.100.9:53")
    assert first == "wan udp 203.0.113.1:5000 > 198.51.100.9:53"
    assert second != first
    port = second.split()[2].split(":")[1]
    assert host.arrive("wan", f"udp 198.51.100.9:53 > 203.0.113.1:{port}") == (
        "lan udp 198.51.100.9:53 > 192.168.10.6:5000"
    )


def test_a_ping_and_its_answer() -> None:
    host = Host(RULES)
    assert host.arrive("lan", "icmp 192.168.10.5 > 198.51.100.9 echo-request id=7") == (
        "wan icmp 203.0.113.1 > 198.51.100.9 echo-request id=7"
    )
    assert host.arrive("wan", "icmp 198.51.100.9 > 203.0.113.1 echo-reply id=7") == (
        "lan icmp 198.51.100.9 > 192.168.10.5 echo-reply id=7"
    )
    assert host.arrive("wan", "icmp 198.51.100.9 > 203.0.113.1 echo-reply id=8") == "drop not-an-opener"


def test_an_error_about_a_translated_packet_reaches_its_sender_translated() -> None:
    host = Host(RULES)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:33434")
    assert host.arrive(
        "wan", "icmp 198.51.100.254 > 203.0.113.1 time-exceeded about udp 203.0.113.1:5000 > 198.51.100.9:33434"
    ) == ("lan icmp 198.51.100.254 > 192.168.10.5 time-exceeded about udp 192.168.10.5:5000 > 198.51.100.9:33434")


def test_an_error_about_no_flow_or_to_the_wrong_host_is_dropped() -> None:
    host = Host(RULES)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:33434")
    unknown = "icmp 198.51.100.254 > 203.0.113.1 time-exceeded about udp 203.0.113.1:5001 > 198.51.100.9:33434"
    assert host.arrive("wan", unknown) == "drop error-unknown-flow"
    elsewhere = "icmp 198.51.100.254 > 192.168.10.7 time-exceeded about udp 203.0.113.1:5000 > 198.51.100.9:33434"
    assert host.arrive("wan", elsewhere) == "drop error-wrong-host"


def test_an_error_neither_refreshes_nor_ends_the_flow() -> None:
    host = Host(RULES)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:33434")
    [connection] = host.engine.table.connections()
    before = connection.deadline
    host.wait(10)
    host.arrive(
        "wan", "icmp 198.51.100.9 > 203.0.113.1 port-unreachable about udp 203.0.113.1:5000 > 198.51.100.9:33434"
    )
    assert connection.deadline == before
    assert len(host.engine.table) == 1


def test_a_flow_that_nobody_answers_ends_and_its_port_is_free_again() -> None:
    host = Host(RULES)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    host.wait(31)
    assert len(host.engine.table) == 0
    assert host.engine.counters.ended[TIMEOUT] == 1
    assert [use.used for use in host.engine.ports.uses()] == [0]
    assert host.arrive("wan", "udp 198.51.100.9:53 > 203.0.113.1:5000") == "drop no-rule"


def test_a_packet_after_the_deadline_is_new_even_before_the_wheel_turned() -> None:
    host = Host(RULES)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    host.now += 30.5
    assert host.arrive("wan", "udp 198.51.100.9:53 > 203.0.113.1:5000") == "drop no-rule"


def test_when_the_outside_address_goes_away_its_connections_end() -> None:
    host = Host(RULES)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    links = {**LINKS, "wan": ("eth0", ["203.0.113.77/24"])}
    assert host.engine.move(topology_of(links, host.zones), host.now) == 1
    assert host.engine.counters.ended[ADDRESS_GONE] == 1
    host.topology = host.engine.topology
    assert host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53").startswith("wan udp 203.0.113.77:5000")


def test_an_interface_that_no_zone_lists_carries_nothing() -> None:
    host = Host(RULES)
    assert host.arrive("guest", "udp 192.168.20.5:5000 > 198.51.100.9:53") == "drop no-zone"
    assert host.arrive("lan", "udp 192.168.10.5:5000 > 192.168.20.5:53") == "drop no-zone"


def test_an_outside_interface_without_an_address_drops_and_says_so() -> None:
    host = Host(RULES, {"wan": ("eth0", []), "lan": LINKS["lan"]})
    assert host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53") == "drop nat-no-address"


def test_when_the_route_leaves_by_another_interface_the_flow_begins_anew_behind_that_ones_address() -> None:
    rules = RULES.replace("{interfaces: [eth0]}", "{interfaces: [eth0, eth2]}")
    host = Host(rules, {**LINKS, "wan2": ("eth2", ["192.0.2.1/24"])})
    host.topology.interfaces()[3].zone = host.zones["wan"]
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    host.topology.add_route(address("198.51.100.0"), 24, 4)
    assert host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53") == (
        "wan2 udp 192.0.2.1:5000 > 198.51.100.9:53"
    )
    assert host.engine.counters.ended[ADDRESS_GONE] == 1
    assert len(host.engine.table) == 1
