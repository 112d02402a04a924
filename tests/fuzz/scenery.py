"""Gateways for the engine's fuzz target: rules and links that are put in force while packets flow.

Lives here: rules files that differ in everything that the engine keeps state for, and topologies. May not live here:
the target (gateway.py).
"""

from __future__ import annotations

from tests.host import LINKS

#: no policy of these admits more connections than this
MOST = 12
_ZONES = """
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, fd10::/64]}
  guest: {interfaces: [eth2], networks: [192.168.20.0/24]}
"""
_POLICY = """
policy:
  lan -> wan: accept
  guest -> wan: [{reject: tcp/25}, {accept: any, mark: 7, dscp: ef}]
  any -> self: [{accept: [ping, mdns, ssdp, "udp/53"]}]
  self -> any: accept
"""
_NAT = """
nat:
  - {name: internet, masquerade: wan, from: [lan, guest], ports: 5000-5003}
  - {name: shop, forward: [tcp/443, udp/443], at: wan, to: 192.168.10.20, hairpin: [lan], dscp: 10}
"""

RULES = (
    f"version: 1\nsettings: {{connections: {MOST}}}\nzones:{_ZONES}{_NAT}{_POLICY}",
    # other numbers for the zones, ports of one's own, whoever sends to them is let in, limits
    f"""version: 1
settings: {{connections: {MOST}, per-source: 3, per-zone: {{guest: 2}}, port-hold-down: 120s, loose: true,
  unsolicited-syn: hold}}
zones:
  guest: {{interfaces: [eth2], networks: [192.168.20.0/24], space: guests, mark: 0x20}}
  lan: {{interfaces: [eth1], networks: [192.168.10.0/24, fd10::/64]}}
  wan: {{interfaces: [eth0], mss: 1400}}
nat:
  - {{name: internet, masquerade: wan, from: [lan, guest], mapping: endpoint-independent,
     filtering: endpoint-independent}}
  - {{name: shop, forward: [tcp/443, udp/443], at: wan, to: [192.168.10.20, 192.168.10.5]}}
  - {{name: old, nat64: "64:ff9b::/96", at: wan, from: lan}}
  - {{name: proxy, redirect: udp/53, from: lan, to: 53}}
{_POLICY}""",
    # whole hosts and networks for each other, hairpin through them
    f"""version: 1
settings: {{connections: {MOST - 4}}}
zones:{_ZONES}
nat:
  - {{name: net, one-to-one: 203.0.113.0/28, at: wan, to: 192.168.10.0/28, hairpin: lan}}
  - {{name: six, one-to-one: "2001:db8:77::/64", at: wan, to: "fd10::/64", mapping: checksum-neutral}}
  - {{name: pool, source-nat: 203.0.113.20-203.0.113.22, at: wan, from: guest,
     port-blocks: {{size: 64, per-subscriber: 1, connections: 4}}}}
{_POLICY}""",
    # nothing is translated, hardly anything admitted
    f"version: 1\nsettings: {{connections: {MOST}}}\nzones:{_ZONES}\npolicy:\n  lan -> guest: accept\n",
)

_WITHOUT_WAN = {zone: (name, [] if zone == "wan" else addresses) for zone, (name, addresses) in LINKS.items()}
_OTHER_ADDRESS = LINKS | {"wan": ("eth0", ["203.0.113.2/24", "2001:db8:113::2/64"])}
_GUEST_IS_GONE = {zone: link for zone, link in LINKS.items() if zone != "guest"}
#: the first two are most of the time
TOPOLOGIES = (LINKS, _OTHER_ADDRESS, _WITHOUT_WAN, _GUEST_IS_GONE)
