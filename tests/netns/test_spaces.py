"""Two customers with the same addresses, down to the hosts' own, behind one gateway: real clients at the same time."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conntrack.cli.lab import probes, servers
from conntrack.cli.lab.daemon import Daemon
from conntrack.cli.lab.namespace import Namespace, command

CUSTOMERS = ("alfa", "beta")
OUTSIDE = "198.51.100.2"
SERVER = "198.51.100.9"
HOST = "10.0.0.5"
SERVER6 = "2001:db8:51::9"
RULES = f"""\
version: 1
zones:
  wan: {{interfaces: [eth0]}}
  alfa: {{interfaces: [eth1], networks: [10.0.0.0/24, "fd00:1::/64"], space: alfa, mark: 0x10}}
  beta: {{interfaces: [eth2], networks: [10.0.0.0/24, "fd00:1::/64"], space: beta, mark: 0x20}}
nat:
  - {{masquerade: wan, from: [alfa, beta], family: both}}
  - {{forward: tcp/8001, at: wan, to: "{HOST}:80", inside: alfa, hairpin: alfa}}
  - {{forward: tcp/8002, at: wan, to: "{HOST}:80", inside: beta, hairpin: beta}}
policy:
  alfa, beta -> wan:
    - {{reject: [tcp/23, udp/23]}}
    - {{accept: any}}
  alfa, beta -> self: {{accept: ping}}
"""


class Provider:
    """alfa ─ eth1 gateway eth0 ─ server, and beta at eth2; as docs/rules.md tells to set it up."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        hosts = {}
        for label in ("gateway", "server", *CUSTOMERS):
            hosts[label] = Namespace(label)
            stack.callback(hosts[label].close)
            strict = int(label == "gateway")  # as many distributions have it; the daemon is to see to it
            for scope in ("all", "default"):
                settings = {f"ipv6__conf__{scope}__accept_dad": 0, f"ipv4__conf__{scope}__rp_filter": strict}
                hosts[label].sysctl(**settings)
        self.gateway, self.server, self.alfa, self.beta = hosts.values()
        for number, far in enumerate((self.server, self.alfa, self.beta)):
            words = f"ip link add eth{number} netns {self.gateway.name} type veth peer name eth0 netns {far.name}"
            command(*words.split())
            self.gateway.ip(f"link set eth{number} up")
            far.ip("link set eth0 up")
        self._addresses()
        self.gateway.sysctl(ipv4__icmp_ratelimit=0, ipv6__icmp__ratelimit=0)  # a limit by address, which both share

    def _addresses(self) -> None:
        self.gateway.ip(f"address add {OUTSIDE}/24 dev eth0", "address add 2001:db8:51::2/64 dev eth0 nodad")
        self.server.ip(f"address add {SERVER}/24 dev eth0", f"address add {SERVER6}/64 dev eth0 nodad")
        for number, customer in enumerate((self.alfa, self.beta), start=1):
            customer.ip(
                f"address add {HOST}/24 dev eth0",
                "address add fd00:1::5/64 dev eth0 nodad",
                "route add default via 10.0.0.1",
                "route add default via fd00:1::1",
            )
            self.gateway.ip(
                f"address add 10.0.0.1/24 dev eth{number}",
                f"address add fd00:1::1/64 dev eth{number} nodad",
                f"route add 10.0.0.0/24 dev eth{number} table {number}0",
                f"route add fd00:1::/64 dev eth{number} table {number}0",
            )
            for family in ("-4", "-6"):
                rule = f"rule add fwmark {number * 16}/0xfffffff lookup {number}0"
                command("ip", "-n", self.gateway.name, family, *rule.split())

    def each(self) -> list[Namespace]:
        return [self.alfa, self.beta]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with contextlib.ExitStack() as stack:
        yield Provider(stack)


def fetch(customer: Namespace, address: str, port: int, local: int) -> str:
    """curl from a certain port."""
    shown = f"[{address}]" if ":" in address else address
    words = ("curl", "-sS", "--max-time", "10", "--local-port", str(local), f"http://{shown}:{port}/")
    return customer.run(*words).stdout


def outside_port(seen: str) -> int:
    return int(seen.rpartition(" ")[2])


@pytest.mark.parametrize("backend", ["netlink", "netfilterqueue"])
def test_two_customers_with_one_address(provider: Provider, tmp_path: Path, backend: str) -> None:
    with Daemon(provider.gateway, RULES, tmp_path, "--queue-backend", backend) as daemon:
        _outward(provider)
        _inward(provider)
        _hairpin(provider)
        _errors_and_pings(provider)
        _answered_by_the_kernel(provider)
        _told_apart(provider, daemon)


def _outward(provider: Provider) -> None:
    """From the same port at the same time, IPv4 and IPv6."""
    with servers.http(provider.server, "::", 80), ThreadPoolExecutor(4) as pool:
        for round_ in range(5):
            local = {SERVER: 41000 + round_, SERVER6: 42000 + round_}
            asked = [(host, address) for address in local for host in provider.each()]
            waiting = [pool.submit(fetch, host, address, 80, local[address]) for host, address in asked]
            seen = [answer.result() for answer in waiting]
            assert all(answer.startswith("server sees ") for answer in seen), seen
            ports = [outside_port(answer) for answer in seen]
            assert local[SERVER] in ports[:2]
            assert local[SERVER6] in ports[2:]
            assert ports[0] != ports[1]
            assert ports[2] != ports[3]


def _inward(provider: Provider) -> None:
    with servers.http(provider.alfa, HOST, 80), servers.http(provider.beta, HOST, 80):
        for port, label in ((8001, "alfa"), (8002, "beta")):
            assert probes.http(provider.server, OUTSIDE, port).startswith(f"{label} sees {SERVER} port ")


def _hairpin(provider: Provider) -> None:
    for host, port in zip(provider.each(), (8001, 8002), strict=True):
        host.ip("address add 10.0.0.6/24 dev eth0")
        with servers.http(host, HOST, 80):
            words = ("curl", "-sS", "--max-time", "10", "--interface", "10.0.0.6", f"http://{OUTSIDE}:{port}/")
            assert host.run(*words).stdout.startswith(f"{host.label} sees {OUTSIDE} port ")


def _errors_and_pings(provider: Provider) -> None:
    """Nobody listens there: the server's error reaches the customer who asked. The gateway has one address for both."""
    for host in provider.each():
        assert probes.udp(host, SERVER, 9, source_port=6000) == probes.REFUSED
        assert probes.ping(host, SERVER) == "answered"
        assert probes.ping(host, "10.0.0.1") == "answered"


def _answered_by_the_kernel(provider: Provider) -> None:
    """What the gateway's kernel says itself about packets of no connection goes to whom it concerns."""
    for host in provider.each():
        for address in (SERVER, SERVER6):
            assert probes.tcp(host, address, 23) == probes.REFUSED
            assert probes.udp(host, address, 23) == probes.REFUSED
        assert probes.expiring(host, SERVER, 33434, 1) == "10.0.0.1"
        assert probes.expiring(host, SERVER6, 33434, 1) == "fd00:1::1"


def _told_apart(provider: Provider, daemon: Daemon) -> None:
    """Each customer's flows are found, and ended, by zone."""
    with servers.udp(provider.server, SERVER, 7000):
        for host in provider.each():
            assert probes.udp(host, SERVER, 7000, source_port=6001).startswith(f"server sees {OUTSIDE} ")

        def flows(customer: str) -> list[str]:
            words = ("flows", "list", "--zone", customer, "--port", "7000", "-o", "json")
            return [flow["zone_in"] for flow in json.loads(daemon.ask(*words).stdout)]

        assert [flows(customer) for customer in CUSTOMERS] == [["alfa"], ["beta"]]
        done = daemon.ask("flows", "delete", "--zone", "alfa", "--source", HOST, "--port", "7000")
        assert done.returncode == 0, done.stdout
        assert [flows(customer) for customer in CUSTOMERS] == [[], ["beta"]]
    text = daemon.ask("flows", "list", "-o", "conntrack").stdout
    assert "zone-orig=1" not in text.partition("dport=7000")[0].rpartition("\n")[2]
    assert "dport=7000 zone-orig=2 " in text
