"""Each kind of translation between real hosts: who is seen, with which address and port."""

from __future__ import annotations

import socket

from conntrack.cli.lab import probes, servers
from conntrack.cli.lab.network import CLIENT4, FAR4, INSIDE4, OUTSIDE4, SERVER4, SHOP4, Network
from conntrack.cli.lab.waiting import until
from tests.netns.conftest import BASE, Start


def test_masquerade_keeps_the_port_where_it_can(net: Network, start: Start) -> None:
    start(BASE + "nat:\n  - {masquerade: wan, from: [lan]}\npolicy:\n  lan -> wan: accept\n")
    with servers.udp(net.far, FAR4, 7000):
        assert probes.udp(net.client, FAR4, 7000, source_port=6000) == f"far sees {OUTSIDE4} port 6000"
        second = probes.udp(net.shop, FAR4, 7000, source_port=6000)
    assert second.startswith(f"far sees {OUTSIDE4} port ")
    assert not second.endswith(" 6000")


def test_masquerade_never_takes_a_port_of_the_gateway_s_own(net: Network, start: Start) -> None:
    net.gateway.sysctl(ipv4__ip_forward=1)
    with net.gateway.socket(socket.AF_INET, socket.SOCK_DGRAM) as own, servers.udp(net.far, FAR4, 7000):
        own.bind((OUTSIDE4, 6000))
        start(BASE + "nat:\n  - {masquerade: wan, from: [lan]}\npolicy:\n  lan -> wan: accept\n")
        answer = probes.udp(net.client, FAR4, 7000, source_port=6000)
    assert answer.startswith(f"far sees {OUTSIDE4} port ")
    assert not answer.endswith(" 6000")


def test_masquerade_in_a_range_of_ports(net: Network, start: Start) -> None:
    rules = BASE + "nat:\n  - {masquerade: wan, from: [lan], ports: 20000-20001}\npolicy:\n  lan -> wan: accept\n"
    start(rules)
    with servers.udp(net.far, FAR4, 7000):
        answers = [probes.udp(net.client, FAR4, 7000, source_port=port) for port in (6001, 6002, 6003)]
    assert {answer.rpartition(" ")[2] for answer in answers[:2]} == {"20000", "20001"}
    assert answers[2] == probes.PROHIBITED  # exhausted: told, not silently shared


def test_source_nat_to_a_pool(net: Network, start: Start) -> None:
    net.server.ip("route add 198.51.100.64/28 via 198.51.100.2")
    pool = "source-nat: [198.51.100.64-198.51.100.71], at: wan, from: [lan]"
    start(BASE + f"nat:\n  - {{{pool}}}\npolicy:\n  lan -> wan: accept\n")
    asking = ((net.client, 6000), (net.client, 6001), (net.shop, 6000))
    with servers.udp(net.far, FAR4, 7000):
        first, again, other = (probes.udp(host, FAR4, 7000, source_port=port).split()[2] for host, port in asking)
    assert first == again  # a host keeps its outside address
    assert all(address.startswith("198.51.100.") and 64 <= int(address[11:]) <= 71 for address in (first, other))


def test_redirect_answers_in_the_name_of_whoever_was_asked(net: Network, start: Start) -> None:
    start(BASE + "nat:\n  - {redirect: dns, from: [lan], to: 5353}\npolicy:\n  lan -> wan: accept\n")
    with servers.udp(net.gateway, INSIDE4, 5353), servers.http(net.gateway, INSIDE4, 5353):
        assert probes.udp(net.client, FAR4, 53, source_port=6000) == f"gateway sees {CLIENT4} port 6000"
        assert probes.http(net.client, FAR4, 53).startswith(f"gateway sees {CLIENT4} port ")


def test_one_to_one_in_both_directions(net: Network, start: Start) -> None:
    net.server.ip("route add 198.51.100.25 via 198.51.100.2")
    start(
        BASE
        + f"""\
nat:
  - {{name: mail, one-to-one: 198.51.100.25, at: wan, to: {SHOP4}}}
  - {{name: internet, masquerade: wan, from: [lan]}}
policy:
  lan -> wan: accept
"""
    )
    with servers.udp(net.far, FAR4, 7000), servers.http(net.shop, "0.0.0.0", 25):
        assert probes.udp(net.shop, FAR4, 7000, source_port=6000) == "far sees 198.51.100.25 port 6000"
        assert probes.udp(net.client, FAR4, 7000, source_port=6000) == f"far sees {OUTSIDE4} port 6000"
        assert probes.http(net.far, "198.51.100.25", 25).startswith(f"shop sees {FAR4} port ")


def test_forward_of_a_range_to_other_ports(net: Network, start: Start) -> None:
    start(BASE + f'nat:\n  - {{forward: udp/27000-27010, at: wan, to: "{SHOP4}:28000"}}\npolicy: {{}}\n')
    with servers.udp(net.shop, SHOP4, 28003):
        assert probes.udp(net.far, OUTSIDE4, 27003, source_port=6000) == f"shop sees {FAR4} port 6000"
    assert probes.udp(net.far, OUTSIDE4, 27011, timeout=0.5, source_port=6000) == probes.TIMEOUT


def test_forward_balanced_over_several_targets(net: Network, start: Start) -> None:
    start(BASE + f"nat:\n  - {{forward: tcp/80, at: wan, to: [{SHOP4}, {CLIENT4}]}}\npolicy: {{}}\n")
    net.server.ip(*(f"address add 198.51.100.{host}/24 dev eth0" for host in range(100, 116)))
    seen = set()
    with servers.http(net.shop, "0.0.0.0", 80), servers.http(net.client, "0.0.0.0", 80):
        for host in range(100, 116):
            done = net.server.run("curl", "-sS", "--interface", f"198.51.100.{host}", f"http://{OUTSIDE4}/")
            seen.add(done.stdout.split()[0])
    assert seen == {"shop", "client"}


def test_connections_follow_the_interface_s_address(net: Network, start: Start) -> None:
    """When the masquerading address goes away its connections end, and new ones take the new address."""
    daemon = start(BASE + "nat:\n  - {masquerade: wan, from: [lan]}\npolicy:\n  lan -> wan: accept\n")
    with servers.udp(net.far, FAR4, 7000):
        assert probes.udp(net.client, FAR4, 7000, source_port=6000) == f"far sees {OUTSIDE4} port 6000"
        net.gateway.ip(
            f"address del {OUTSIDE4}/24 dev eth0",
            "address add 198.51.100.3/24 dev eth0",
            f"route replace default via {SERVER4}",
        )
        until(lambda: OUTSIDE4 not in daemon.ask("flows", "list", "-o", "conntrack").stdout, "the old flow is gone")
        assert probes.udp(net.client, FAR4, 7000, source_port=6000) == "far sees 198.51.100.3 port 6000"
