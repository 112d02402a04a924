"""The scenes' translations, written for the kernel's router and for our gateway.

Lives here: nftables rules, the commands that go with them, our rules file. May not live here: who talks (scenes.py).
"""

from __future__ import annotations

from tests.host import Host
from tests.kernel.namespaces import HOST_MAC
from tests.kernel.scenes import BESIDE, SCENES, WAN

#: run in the kernel's router
COMMANDS = (
    "ip address add 198.51.100.2/24 dev wan",
    "ip address add 2001:db8::2/64 dev wan nodad preferred_lft 0",
    "ethtool -K lan rx off",
    "ethtool -K wan rx off",
    *(
        f"ip neighbour replace {text} lladdr {HOST_MAC} dev {side} nud permanent"
        for side, text in (
            *(("lan", text) for scene in SCENES for text in scene.inside.values()),
            *((side, text) for (side, _), text in BESIDE.items()),
        )
    ),
)

OUTSIDE = (("ip", 4, "198.51.100.1", "198.51.100.2"), ("ip6", 6, "2001:db8::1", "2001:db8::2"))


def _translations(family: str, inside: dict[str, str], wan: str, second: str) -> str:
    served = f"{inside['forward']}:443" if family == "ip" else f"[{inside['forward']}]:443"
    return f"""table {family} translate {{
chain destination {{
type nat hook prerouting priority -100
iifname "wan" {family} daddr {wan} tcp dport 8443 dnat to {served}
iifname "wan" {family} daddr {wan} sctp dport 8443 dnat to {served}
iifname "wan" {family} daddr {second} dnat to {inside["one-to-one"]}
}}
chain source {{
type nat hook postrouting priority 100
oifname "wan" {family} saddr {inside["masquerade"]} masquerade
oifname "wan" {family} saddr {inside["one-to-one"]} snat to {second}
}}
chain input {{
type filter hook input priority 0
%s
iifname "lan" dup to {WAN[4 if family == "ip" else 6]} device "wan"
iifname "wan" dup to {inside["plain"]} device "lan"
drop
}}
chain output {{
type filter hook output priority 0
ct state != untracked drop
}}
}}
"""


def kernel_rules(stamps: str) -> str:
    """The scenes' translations for the kernel; a packet for the router itself is stamped, copied on and dropped."""
    rules = ""
    for family, version, wan, second in OUTSIDE:
        inside = {scene.name: scene.inside[version] for scene in SCENES}
        mine = [line for line in stamps.splitlines() if (" ip ttl " in line) == (version == 4)]
        if version == 6:
            mine.insert(0, "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept")
        rules += _translations(family, inside, wan, second) % "\n".join(mine)
    return rules


RULES = """
version: 1
settings: {loose: true}
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.1.0/24, "fd00::/64"]}
nat:
  - {name: out, masquerade: wan, from: lan, family: both, source: [192.168.1.3, "fd00::3"]}
  - {name: in, forward: [tcp/8443, sctp/8443], at: wan, to: "192.168.1.4:443", destination: 198.51.100.1}
  - {name: in6, forward: [tcp/8443, sctp/8443], at: wan, to: "[fd00::4]:443", destination: "2001:db8::1"}
  - {name: whole, one-to-one: 198.51.100.2, at: wan, to: 192.168.1.5}
  - {name: whole6, one-to-one: "2001:db8::2", at: wan, to: "fd00::5"}
policy:
  lan -> wan: accept
  wan -> lan: accept
"""


def gateway() -> Host:
    """Our gateway with the same translations."""
    links = {
        "wan": ("eth0", ["198.51.100.1/24", "198.51.100.2/24", "2001:db8::1/64", "2001:db8::2/64"]),
        "lan": ("eth1", ["192.168.1.1/24", "fd00::1/64"]),
    }
    return Host(RULES, links)
