"""The scenes' translations, written for the kernel's router and for our gateway.

Lives here: nftables rules, the commands that go with them, our rules file. May not live here: who talks (scenes.py).
"""

from __future__ import annotations

from tests.host import Host
from tests.kernel.namespaces import HOST_MAC
from tests.kernel.oracle import HOP, LOCAL, OWN, stamping
from tests.kernel.scenes import BESIDE, BROTHER, CRAMPED, OUTSIDE, POOL, SCENES, SECOND, WAN

#: run in the kernel's router. iptables where nftables cannot say it: a range of ports for another one, each for each
COMMANDS = (
    "ip address add 198.51.100.2/24 dev wan",
    "ip address add 2001:db8::2/64 dev wan nodad preferred_lft 0",
    "ethtool -K lan rx off",
    "ethtool -K wan rx off",
    *(
        f"ip neighbour replace {text} lladdr {HOST_MAC} dev {side} nud permanent"
        for side, text in (
            *(("lan", text) for scene in SCENES for text in scene.inside.values() if scene.wires[0] == "lan"),
            *((side, text) for (side, _), text in BESIDE.items()),
            *(("wan", text) for pool in POOL.values() for text in pool),
            *(("wan", text) for scene in SCENES for text in scene.outside.values() if scene.name.startswith("netmap")),
        )
    ),
    *(
        f"{command} -t nat -A PREROUTING -i wan -d {outside} -p {protocol} --dport 9000:9009"
        f" -j DNAT --to-destination {inside}:7000-7009/9000"
        for command, outside, inside in (
            ("iptables", OUTSIDE[4], "192.168.1.4"),
            ("ip6tables", OUTSIDE[6], "[fd00::4]"),
        )
        for protocol in ("tcp", "udp")
    ),
)

#: the gateway's ports that forwards are about
FORWARDED = {8443, *range(9000, 9010)}
NETMAP = {4: ("198.51.100.32/28", "192.168.1.32/28"), 6: ("2001:db8::20/124", "fd00::20/124")}


def _destinations(family: str, version: int, inside: dict[str, str]) -> str:
    wan, second = OUTSIDE[version], SECOND[version]
    served = f"{inside['forward']}:443" if version == 4 else f"[{inside['forward']}]:443"
    outer, inner = NETMAP[version]
    return f"""
{family} daddr {wan} tcp dport 8443 dnat to {served}
{family} daddr {wan} sctp dport 8443 dnat to {served}
{family} daddr {second} dnat to {inside["one-to-one"]}
iifname "wan" dnat {family} prefix to {family} daddr map {{ {outer} : {inner} }}
{family} saddr {inside["redirect"]} tcp dport 8080 redirect to :3128
{family} saddr {inside["redirect"]} udp dport 8080 redirect to :3128
"""


def _sources(family: str, version: int, inside: dict[str, str]) -> str:
    wan, second, pool = OUTSIDE[version], SECOND[version], POOL[version]
    outer, inner = NETMAP[version]
    lan = "192.168.1.0/24" if version == 4 else "fd00::/64"
    few = f"oifname wan {family} saddr {inside['few-ports']} meta l4proto"
    return f"""
oifname "wan" {family} saddr {inside["masquerade"]} masquerade
oifname "wan" {family} saddr {inside["one-to-one"]} snat to {second}
oifname "wan" snat {family} prefix to {family} saddr map {{ {inner} : {outer} }}
oifname "wan" {family} saddr {inside["pool"]} snat to {pool[0]}-{pool[-1]} persistent
{few} {{ tcp, udp, sctp }} masquerade to :61000-61999
oifname wan {family} saddr {{ {", ".join(CRAMPED[version])} }} meta l4proto {{ tcp, udp }} masquerade to :5000-5003
oifname wan {family} saddr {BROTHER[version]} masquerade
oifname "lan" {family} saddr {lan} {family} daddr {inside["forward"]} ct status dnat snat to {wan}
oifname "lan" {family} saddr {lan} {family} daddr {inside["one-to-one"]} ct status dnat snat to {second}
"""


def _table(family: str, version: int) -> str:
    inside = {scene.name: scene.inside[version] for scene in SCENES}
    stamps = "\n".join(_of(version, stamping(LOCAL + HOP)))
    if version == 6:
        stamps = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept\n" + stamps
    strays = "\n".join(_of(version, stamping(LOCAL)))
    own = "\n".join(f"meta mark {OWN} {stamp}" for stamp in _of(version, stamping(0)))
    return f"""table {family} translate {{
chain destination {{
type nat hook prerouting priority -100
{_destinations(family, version, inside)}
}}
chain source {{
type nat hook postrouting priority 100
{_sources(family, version, inside)}
}}
chain input {{
type filter hook input priority 0
{stamps}
iifname "lan" dup to {WAN[version]} device "wan"
iifname "wan" dup to {inside["plain"]} device "lan"
}}
chain strays {{
type filter hook forward priority 10
iifname "lan" accept
oifname "lan" accept
{strays}
dup to {inside["plain"]} device "lan"
drop
}}
chain output {{
type filter hook output priority 0
{own}
meta mark {OWN} accept
ct state != untracked drop
}}
}}
"""


def _of(version: int, stamps: str) -> list[str]:
    return [line for line in stamps.splitlines() if (" ip ttl " in line) == (version == 4)]


def kernel_rules() -> str:
    """The scenes' translations for the kernel.

    A packet for the router itself is stamped and copied on, one that is sent as the router is stamped too. From wan to
    wan nothing passes, as with us.
    """
    return _table("ip", 4) + _table("ip6", 6)


RULES = """
version: 1
settings: {loose: true}
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.1.0/24, "fd00::/64"]}
nat:
  - {name: out, masquerade: wan, from: lan, family: both, source: [192.168.1.3, "fd00::3"]}
  - {name: few, masquerade: wan, from: lan, family: both, source: [192.168.1.9, "fd00::9"], ports: 61000-61999}
  - {name: cramped, masquerade: wan, from: lan, family: both, source: [192.168.1.10-192.168.1.11, fd00::a-fd00::b],
     ports: 5000-5003}
  - {name: brother, masquerade: wan, from: lan, family: both, source: [192.168.1.12, "fd00::c"]}
  - {name: pool, source-nat: 198.51.100.20-198.51.100.23, at: wan, from: lan, source: 192.168.1.8}
  - {name: pool6, source-nat: "2001:db8::50-2001:db8::53", at: wan, from: lan, source: "fd00::8"}
  - {name: proxy, redirect: [tcp/8080, udp/8080], from: lan, to: 3128, source: [192.168.1.7, "fd00::7"]}
  - {name: in, forward: [tcp/8443, sctp/8443], at: wan, to: "192.168.1.4:443", destination: 198.51.100.1, hairpin: lan}
  - {name: in6, forward: [tcp/8443, sctp/8443], at: wan, to: "[fd00::4]:443", destination: "2001:db8::1", hairpin: lan}
  - {name: many, forward: [tcp/9000-9009, udp/9000-9009], at: wan, to: "192.168.1.4:7000", destination: 198.51.100.1}
  - {name: many6, forward: [tcp/9000-9009, udp/9000-9009], at: wan, to: "[fd00::4]:7000", destination: "2001:db8::1"}
  - {name: whole, one-to-one: 198.51.100.2, at: wan, to: 192.168.1.5, hairpin: lan}
  - {name: whole6, one-to-one: "2001:db8::2", at: wan, to: "fd00::5", hairpin: lan}
  - {name: net, one-to-one: 198.51.100.32/28, at: wan, to: 192.168.1.32/28}
  - {name: net6, one-to-one: "2001:db8::20/124", at: wan, to: "fd00::20/124"}
policy:
  lan -> wan: accept
  wan -> lan: accept
  any -> self: accept
  self -> any: accept
"""


def gateway() -> Host:
    """Our gateway with the same translations."""
    links = {
        "wan": ("eth0", ["198.51.100.1/24", "198.51.100.2/24", "2001:db8::1/64", "2001:db8::2/64"]),
        "lan": ("eth1", ["192.168.1.1/24", "fd00::1/64"]),
    }
    return Host(RULES, links)
