"""The same real traffic through the kernel's NAT and through the daemon, and what either then knows of it.

After every kind of traffic `conntrack -L -o extended` of the one is compared with `pairwall flows list -o conntrack` of
the other: connections, states, both tuples, replied, assured, timers, packets and bytes.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from conntrack.cli.lab import servers
from conntrack.cli.lab.daemon import Daemon
from conntrack.cli.lab.network import CLIENT4, CLIENT6, FAR4, FAR6, OUTSIDE4, SHOP4, Network
from conntrack.cli.lab.process import Process
from conntrack.cli.lab.waiting import until
from tests.fragments import OVERLAPPING, SIZE, WHOLE, Pieces, cut
from tests.netns.beside import ABOUT, BY_NAME, EXACTLY, Entry, differences, entries, settled
from tests.netns.conftest import BASE

RULES = (
    BASE
    + f"""\
settings: {{loose: true}}
nat:
  - {{name: internet, masquerade: wan, from: [lan]}}
  - {{name: shop, forward: tcp/8080, at: wan, to: "{SHOP4}:80", destination: {OUTSIDE4}, hairpin: lan}}
policy:
  lan -> wan: accept
  lan -> self:
    - {{accept: [ping]}}
  self -> wan: accept
"""
)
#: the same for the kernel
KERNEL = f"""
table inet gateway {{
chain forward {{
type filter hook forward priority 0; policy drop
ct state invalid drop
ct state established,related accept
iifname "eth1" oifname "eth0" accept
ct status dnat accept
}}
}}
table ip translation {{
chain destination {{
type nat hook prerouting priority -100
ip daddr {OUTSIDE4} tcp dport 8080 dnat to {SHOP4}:80
}}
chain source {{
type nat hook postrouting priority 100
oifname "eth0" ip saddr 192.168.10.0/24 masquerade
oifname "eth1" ip saddr 192.168.10.0/24 ct status dnat snat to {OUTSIDE4}
}}
}}
"""


class Activity(NamedTuple):
    """A kind of traffic: the port (or identifier) that tells its connections, and how much of them must be the same."""

    name: str
    port: int
    act: Callable[[Network], None]
    how: int = EXACTLY


def run(net: Network, host: str, *words: str) -> None:
    """Runs a client; it may well fail, as it does beside the kernel."""
    getattr(net, host).run(*words, timeout=40)


def curl(host: str, url: str, port: int) -> Callable[[Network], None]:
    return lambda net: run(net, host, "curl", "-s", "-m", "15", "--local-port", str(port), url)


def nmap(port: int, *options: str) -> Callable[[Network], None]:
    words = ("nmap", "-n", "-Pn", "--max-retries", "0", "-g", str(port), "--host-timeout", "20s", *options, FAR4)
    return lambda net: run(net, "client", *words)


def dig(address: str, source: str, port: int, seconds: int = 10) -> Callable[[Network], None]:
    words = ("dig", "+tries=1", f"+time={seconds}", "-b", f"{source}#{port}", f"@{address}", "example.org")
    return lambda net: run(net, "client", *words)


def ping(address: str, identifier: int, *options: str) -> Callable[[Network], None]:
    words = ("ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-e", str(identifier), *options, address)
    return lambda net: run(net, "client", *words)


def iperf(net: Network) -> None:
    run(net, "client", "iperf3", "-c", FAR4, "--cport", "41040", "-n", "2M", "-i", "0")


def fragments(source: str, target: str, port: int, cuts: dict[str, Pieces]) -> Callable[[Network], None]:
    """A datagram of 3000 bytes cut in each of these ways, raw; it is answered with as much."""

    def act(net: Network) -> None:
        family = socket.AF_INET6 if ":" in target else socket.AF_INET
        with net.client.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            for number, pieces in enumerate(cuts.values()):
                for piece in cut(source, target, port, 53, bytes(SIZE), pieces, port + number):
                    raw.sendto(piece, (target, 0))

    return act


ACTIVITIES = (
    Activity("http", 41001, curl("client", f"http://{FAR4}/", 41001), ABOUT),
    Activity("http over IPv6", 41002, curl("client", f"http://[{FAR6}]/", 41002), ABOUT),
    Activity("a closed port", 41003, curl("client", f"http://{FAR4}:81/", 41003)),
    Activity("a forwarded port", 41004, curl("far", f"http://{OUTSIDE4}:8080/", 41004), ABOUT),
    Activity("hairpin", 41005, curl("client", f"http://{OUTSIDE4}:8080/", 41005), ABOUT),
    Activity("dig", 41010, dig(FAR4, CLIENT4, 41010)),
    Activity("dig over IPv6", 41011, dig(FAR6, CLIENT6, 41011)),
    Activity("dig to nobody", 41012, dig("203.0.113.78", CLIENT4, 41012, 1)),
    Activity("ping", 4101, ping(FAR4, 4101)),
    Activity("ping over IPv6", 4102, ping(FAR6, 4102)),
    Activity("ping in fragments", 4103, ping(FAR4, 4103, "-s", "4000")),
    Activity("ping over IPv6 in fragments", 4104, ping(FAR6, 4104, "-s", "4000")),
    Activity("ping that expires on the way", 4105, ping(FAR4, 4105, "-t", "2")),
    Activity("SYN scan", 41020, nmap(41020, "-sS", "-p", "53,80,81")),
    Activity("ACK scan", 41021, nmap(41021, "-sA", "-p", "80,81")),
    Activity("FIN, null and Xmas scans", 41022, nmap(41022, "-sX", "-p", "80,81")),
    Activity("UDP scan", 41023, nmap(41023, "-sU", "-p", "53,54")),
    Activity("fragments in every order", 41050, fragments(CLIENT4, FAR4, 41050, WHOLE)),
    Activity("fragments over IPv6", 41051, fragments(CLIENT6, FAR6, 41051, WHOLE)),
    Activity("fragments that overlap", 41052, fragments(CLIENT4, FAR4, 41052, OVERLAPPING)),
    Activity("fragments that overlap over IPv6", 41053, fragments(CLIENT6, FAR6, 41053, OVERLAPPING)),
    Activity("iperf3", 41040, iperf, BY_NAME),
)  # fmt: skip


def reply(question: bytes, _peer: tuple[str, int]) -> bytes:
    """DNS: no such name."""
    return question[:2] + b"\x81\x83" + question[4:]


@contextmanager
def hosts(directory: Path) -> Iterator[Network]:
    """The lab with its servers."""
    with Network() as net, ExitStack() as stack:
        stack.enter_context(servers.http(net.far, "::", 80))
        stack.enter_context(servers.http(net.shop, "::", 80))
        stack.enter_context(servers.udp(net.far, "::", 53, reply))
        iperf3 = stack.enter_context(
            Process(net.far, ["iperf3", "-s", "-i", "0", "--forceflush"], directory / f"iperf3-{id(net)}.log")
        )
        until(lambda: "listening" in iperf3.output(), "iperf3 listens")
        yield net


def beside_kernel(directory: Path) -> list[list[Entry]]:
    """What the kernel knows after each activity."""
    with hosts(directory) as net:
        done = net.gateway.run("nft", "-f", "-", text=KERNEL)
        assert done.returncode == 0, done.stdout
        net.gateway.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1, netfilter__nf_conntrack_acct=1)

        def listed(port: int) -> list[Entry]:
            return entries(net.gateway.run("conntrack", "-L", "-o", "extended").stdout, port)

        return after_each(net, listed)


def through_daemon(directory: Path) -> list[list[Entry]]:
    """What the daemon knows."""
    with hosts(directory) as net, Daemon(net.gateway, RULES, directory, "--queue-backend", "netlink") as daemon:
        return after_each(net, lambda port: entries(daemon.ask("flows", "list", "-o", "conntrack").stdout, port))


def after_each(net: Network, listed: Callable[[int], list[Entry]]) -> list[list[Entry]]:
    found = []
    for activity in ACTIVITIES:
        activity.act(net)
        found.append(settled(lambda: listed(activity.port)))  # noqa: B023
    return found


def test_the_daemon_knows_what_the_kernel_knows(tmp_path: Path) -> None:
    kernel, ours = beside_kernel(tmp_path), through_daemon(tmp_path)
    told = []
    for activity, theirs, mine in zip(ACTIVITIES, kernel, ours, strict=True):
        told += [f"{activity.name}: {line}" for line in differences(theirs, mine, activity.how)]
    assert told == [], "\n".join(told)
    assert sum(map(len, ours)) >= 15
