"""What the kernel's NAT does beyond choosing ports, found by tests/kernel and kept here as named cases."""

from __future__ import annotations

from tests.host import Host

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {name: internet, masquerade: wan, from: lan}
  - {name: shop, forward: tcp/443, at: wan, to: 192.168.10.20}
  - {name: console, forward: tcp/8443, at: wan, to: "192.168.10.20:443"}
policy:
  lan -> wan: accept
"""


def test_a_redirect_about_a_translated_flow_is_dropped_either_way() -> None:
    """It would have the two hosts talk to each other past the translation."""
    host = Host(RULES)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    host.arrive("wan", "udp 198.51.100.9:53 > 203.0.113.1:5000")
    towards = "icmp 203.0.113.254 > 203.0.113.1 redirect about udp 203.0.113.1:5000 > 198.51.100.9:53"
    assert host.arrive("wan", towards) == "drop untranslatable"
    back = "icmp 192.168.10.5 > 198.51.100.9 redirect about udp 198.51.100.9:53 > 192.168.10.5:5000"
    assert host.arrive("lan", back) == "drop untranslatable"


def test_a_redirect_about_a_plain_flow_is_an_error_like_any_other() -> None:
    host = Host(RULES.replace("  - {name: internet, masquerade: wan, from: lan}\n", ""))
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    redirect = "icmp 203.0.113.254 > 192.168.10.5 redirect about udp 192.168.10.5:5000 > 198.51.100.9:53"
    assert host.arrive("wan", redirect) == f"lan {redirect}"


def test_two_outside_ports_of_one_server_are_told_apart_by_the_clients_port() -> None:
    """The same client port towards both: inside they would be one socket pair, so the second one's port gives way."""
    host = Host(RULES)
    assert host.arrive("wan", "tcp 198.51.100.9:50000 > 203.0.113.1:443 SYN seq=1") == (
        "lan tcp 198.51.100.9:50000 > 192.168.10.20:443 SYN"
    )
    came = host.arrive("wan", "tcp 198.51.100.9:50000 > 203.0.113.1:8443 SYN seq=7")
    port = came.split(" > ")[0].rpartition(":")[2]
    assert port != "50000"
    assert came == f"lan tcp 198.51.100.9:{port} > 192.168.10.20:443 SYN"
    assert host.arrive("lan", f"tcp 192.168.10.20:443 > 198.51.100.9:{port} SYN+ACK seq=5 ack=8") == (
        "wan tcp 203.0.113.1:8443 > 198.51.100.9:50000 SYN+ACK"
    )
    assert host.arrive("lan", "tcp 192.168.10.20:443 > 198.51.100.9:50000 SYN+ACK seq=5 ack=2") == (
        "wan tcp 203.0.113.1:443 > 198.51.100.9:50000 SYN+ACK"
    )


def test_a_client_port_that_gave_way_holds_none_of_the_gateways_ports() -> None:
    host = Host(RULES)
    for port in (443, 8443):
        host.arrive("wan", f"tcp 198.51.100.9:50000 > 203.0.113.1:{port} SYN seq=1")
    assert len(host.engine.table) == 2
    assert host.engine.ports.uses() == []
