"""RFC 6146, a translator from IPv6 to IPv4 that keeps state."""

from __future__ import annotations

from tests.host import Host
from tests.unit.conformance.office import STRICT
from tests.unit.engine.test_nat64 import RULES

SERVER, OTHER = "64:ff9b::c633:6409", "64:ff9b::c633:6408"


def ask(host: Host, port: int = 5000, server: str = SERVER) -> str:
    """One datagram from inside; returns the outside endpoint it left with."""
    return host.arrive("lan", f"udp [fd10::5]:{port} > [{server}]:53").split()[2]


def test_rfc6146_3_5_1_1_one_binding_of_an_inside_socket_for_all_servers() -> None:
    host = Host(RULES)
    ask(host)
    assert ask(host, server=OTHER) == ask(host)
    assert host.arrive("lan", f"udp [fd10::5]:5000 > [{OTHER}]:123").split()[2] == ask(host)


def test_rfc6146_3_5_1_1_no_binding_is_shared() -> None:
    host = Host(RULES)
    first = ask(host)
    assert host.arrive("lan", f"udp [fd10::6]:5000 > [{SERVER}]:53").split()[2] != first


def test_rfc6146_3_5_1_1_the_port_is_kept_where_it_is_free() -> None:
    assert ask(Host(RULES), 5000).endswith(":5000")
    assert ask(Host(RULES), 5001).endswith(":5001")


def test_rfc6146_3_5_1_1_what_comes_from_a_server_without_a_session_is_dropped() -> None:
    host = Host(RULES)
    ask(host)
    assert host.arrive("wan", "udp 198.51.100.8:53 > 203.0.113.1:5000") == "drop no-rule"


def test_rfc6146_3_5_2_2_a_session_follows_tcp_s_states() -> None:
    host = Host(RULES)
    ends = f"[fd10::5]:40000 > [{SERVER}]:443"
    host.arrive("lan", f"tcp {ends} SYN seq=100")
    [connection] = host.engine.table.connections()
    state = host.engine.trackers.by_number[6].states()
    assert state[connection.state] == "SYN_SENT"
    host.arrive("wan", "tcp 198.51.100.9:443 > 203.0.113.1:40000 SYN+ACK seq=500 ack=101")
    host.arrive("lan", f"tcp {ends} ACK seq=101 ack=501")
    assert state[connection.state] == "ESTABLISHED"
    host.wait(2 * 3600)
    assert host.arrive("lan", f"tcp {ends} FIN+ACK seq=101 ack=501").startswith("wan")
    host.arrive("wan", "tcp 198.51.100.9:443 > 203.0.113.1:40000 FIN+ACK seq=501 ack=102")
    assert host.arrive("lan", f"tcp {ends} ACK seq=102 ack=502").startswith("wan")
    assert state[connection.state] == "TIME_WAIT"


def test_rfc6146_4_timers_with_the_timeouts_of_the_guide() -> None:
    host = Host(RULES + STRICT.replace("icmp: {query: 60s}", "icmp: {query: 60s}\n    icmpv6: {query: 60s}"))
    ask(host)
    host.arrive("lan", f"icmp6 fd10::5 > {SERVER} echo-request id=7")
    host.arrive("lan", f"tcp [fd10::5]:40000 > [{SERVER}]:443 SYN seq=100")
    host.wait(59)
    assert len(host.engine.table) == 3
    host.wait(180)
    assert len(host.engine.table) == 2  # the ping is over
    host.wait(60)
    assert len(host.engine.table) == 1  # UDP has a minute left
    host.wait(10)
    assert len(host.engine.table) == 0


def test_rfc6146_3_8_hairpin_is_refused() -> None:
    host = Host(RULES)
    ask(host)
    line = "udp [fd10::6]:6000 > [64:ff9b::203.0.113.1]:5000"
    assert host.arrive("lan", line) == "drop untranslatable"
