"""What the demo shows: real traffic with what must come of it, and the rules file that decides.

Lives here: the scenes, as data. May not live here: printing (cli/demo.py).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from conntrack.cli.lab import probes, servers
from conntrack.cli.lab.network import CLIENT6, FAR4, FAR6, INSIDE4, OUTSIDE4, SERVER4, SHOP4, Network

RULES: Final = f"""\
version: 1

zones:
  wan: {{interfaces: [eth0]}}
  lan: {{interfaces: [eth1], networks: [192.168.10.0/24, "2001:db8:10::/64"]}}

nat:
  - {{name: internet, masquerade: wan, from: [lan]}}
  - {{name: webshop, forward: tcp/8080, at: wan, to: {SHOP4}, hairpin: [lan]}}

policy:
  lan -> wan:
    - {{name: no-mail, drop: [tcp/25], log: 1/second}}
    - {{name: no-telnet, reject: [tcp/23, udp/23]}}
    - {{name: outbound, accept: any}}
  lan -> self:
    - {{accept: [ping]}}
  wan -> self:
    - {{name: outside-ping, accept: [ping], limit: 10/second per source}}
  self -> wan: accept
  self -> lan: accept

tests:
  - lan 192.168.10.5 -> {FAR4} tcp/80 = accept
  - lan 192.168.10.5 -> {FAR4} tcp/25 = drop
  - lan 192.168.10.5 -> {FAR4} tcp/23 = reject
  - wan {FAR4} -> self tcp/22 = drop
"""

#: the connection that the demo asks `explain` about
BLOCKED: Final = f"lan 192.168.10.5 -> {FAR4} tcp/25"


class Scene(NamedTuple):
    """One thing to try: `expected` is a regular expression that the whole outcome must match."""

    title: str
    attempt: str
    expected: str
    run: Callable[[Network], str]

    def held(self, outcome: str) -> bool:
        """Whether the outcome is what was expected."""
        return re.fullmatch(self.expected, outcome) is not None


_OUTSIDE: Final = re.escape(OUTSIDE4)

SCENES: Final = (
    Scene(
        "HTTP, masqueraded",
        f"client → http://{FAR4}/",
        rf"far sees {_OUTSIDE} port \d+",
        lambda net: probes.http(net.client, FAR4, 80),
    ),
    Scene(
        "UDP, masqueraded",
        f"client → udp {FAR4} 5353",
        rf"far sees {_OUTSIDE} port \d+",
        lambda net: probes.udp(net.client, FAR4, 5353),
    ),
    Scene(
        "UDP in fragments, masqueraded",
        f"client → udp {FAR4} 5353, 3000 bytes",
        rf"far sees {_OUTSIDE} port \d+",
        lambda net: probes.udp(net.client, FAR4, 5353, bytes(3000)),
    ),
    Scene("ping, masqueraded", f"client → ping {FAR4}", "answered", lambda net: probes.ping(net.client, FAR4)),
    Scene("ping the gateway", f"client → ping {INSIDE4}", "answered", lambda net: probes.ping(net.client, INSIDE4)),
    Scene(
        "IPv6, routed",
        f"client → http://[{FAR6}]/",
        rf"far sees {CLIENT6} port \d+",
        lambda net: probes.http(net.client, FAR6, 80),
    ),
    Scene(
        "port forward from outside",
        f"far → http://{OUTSIDE4}:8080/",
        rf"shop sees {re.escape(FAR4)} port \d+",
        lambda net: probes.http(net.far, OUTSIDE4, 8080),
    ),
    Scene(
        "the same from inside: hairpin",
        f"client → http://{OUTSIDE4}:8080/",
        rf"shop sees {_OUTSIDE} port \d+",
        lambda net: probes.http(net.client, OUTSIDE4, 8080),
    ),
    Scene(
        "a policy drops",
        f"client → tcp {FAR4} 25",
        probes.TIMEOUT,
        lambda net: probes.tcp(net.client, FAR4, 25, timeout=1),
    ),
    Scene(
        "a policy rejects TCP",
        f"client → tcp {FAR4} 23",
        probes.REFUSED,
        lambda net: probes.tcp(net.client, FAR4, 23),
    ),
    Scene(
        "a policy rejects UDP",
        f"client → udp {FAR4} 23",
        probes.REFUSED,
        lambda net: probes.udp(net.client, FAR4, 23),
    ),
    Scene(
        "unasked, from outside",
        f"far → tcp {OUTSIDE4} 22",
        probes.TIMEOUT,
        lambda net: probes.tcp(net.far, OUTSIDE4, 22, timeout=1),
    ),
    Scene(
        "TTL error back through NAT",
        f"client → udp {FAR4} 33434, TTL 2",
        re.escape(SERVER4),
        lambda net: probes.expiring(net.client, FAR4, 33434, 2),
    ),
)


@contextlib.contextmanager
def services(net: Network) -> Iterator[None]:
    """The servers that the scenes talk to."""
    with (
        servers.http(net.far, "::", 80),
        servers.http(net.far, "::", 25),
        servers.udp(net.far, "::", 5353),
        servers.http(net.shop, "0.0.0.0", 8080),
    ):
        yield
