"""The hook rules in nftables' words: one transaction, one table of our own.

Lives here: rendering. May not live here: running nft (tools.py), which rules there are (plan.py).
"""

from __future__ import annotations

from typing import Final

from conntrack.engine.verdict import DONE, HALF, USER_MASK
from conntrack.gateway.hooks import plan
from conntrack.gateway.hooks.plan import CHAINS, OURS, Mark, Plan, Rule

TABLE: Final = "inet pairwall"

#: chain → hook, priority (iptables' raw −300, mangle −150), and the keyword of its loopback test
_BASES: Final = {
    plan.UNTRACK_IN: ("prerouting", -300, "iifname"),
    plan.UNTRACK_OUT: ("output", -300, "oifname"),
    plan.PREROUTING: ("prerouting", -150, "iifname"),
    plan.GUARD: ("input", -150, "iifname"),
    plan.FORWARD: ("forward", -150, "iifname"),
    plan.OUTPUT: ("output", -150, "oifname"),
    plan.ANSWER_IN: ("input", -149, "iifname"),
    plan.ANSWER_FORWARD: ("forward", -149, "iifname"),
    plan.ANSWER_OUT: ("output", -149, "oifname"),
}
_ACTIONS: Final = {
    plan.LEAVE: "return",
    plan.DROP: "drop",
    plan.CLEAR: f"meta mark set meta mark & {0xFFFFFFFF ^ OURS:#x}",
    plan.SETTLE: f"meta mark set meta mark | {DONE:#x}",
    plan.HALVE: f"meta mark set meta mark | {HALF:#x}",
    plan.UNTRACK: "notrack",
    plan.RESET: "reject with tcp reset",
    plan.PORT_UNREACHABLE: "reject with icmpx type port-unreachable",
    plan.PROHIBITED: "reject with icmpx type admin-prohibited",
}
#: never reached: that the rules exist is what makes the kernel put fragments together before every other hook, as
#: an xt_socket match does; unlike connection tracking, which would as well, it costs nothing more
DEFRAGMENT: Final = """\
  chain defragment {
    meta l4proto udp tproxy ip to :1
    meta l4proto udp tproxy ip6 to :1
  }
"""


def install(wanted: Plan) -> str:
    """Replaces our table, whether or not it is there, in one transaction."""
    body = "".join(_chain(name, wanted) for name in CHAINS if wanted.of(name))
    return f"{remove()}table {TABLE} {{\n{DEFRAGMENT}{body}}}\n"


def remove() -> str:
    """Deletes our table, whether or not it is there."""
    return f"add table {TABLE}\ndelete table {TABLE}\n"


def chains(wanted: Plan) -> set[str]:
    """The chains that the kernel calls."""
    return {name for name in CHAINS if wanted.of(name)}


def listed_chains(listing: str) -> set[str]:
    """The base chains in what `nft list table` printed."""
    found = set()
    name = ""
    for line in listing.splitlines():
        words = line.split()
        if words[:1] == ["chain"]:
            name = words[1]
        elif words[:1] == ["type"] and "hook" in words:
            found.add(name)
    return found


def _chain(name: str, wanted: Plan) -> str:
    hook, priority, direction = _BASES[name]
    lines = [f"type filter hook {hook} priority {priority}; policy accept;", f'{direction} "lo" return']
    lines += [rule_text(rule, wanted) for rule in wanted.of(name)]
    body = "".join(f"    {line}\n" for line in lines)
    return f"  chain {name} {{\n{body}  }}\n"


def rule_text(rule: Rule, wanted: Plan) -> str:
    """One rule as nft reads it."""
    if rule.action == plan.BRAND:
        return " ".join([*_matches(rule), f"meta mark set meta mark & {0xFFFFFFFF ^ USER_MASK:#x} | {rule.value:#x}"])
    return " ".join([*_matches(rule), action_text(rule.action, wanted)])


def action_text(action: str, wanted: Plan) -> str:
    """What a rule does, as nft reads it."""
    if action == plan.QUEUE:
        return f"queue num {wanted.queue}{' bypass' if wanted.bypass else ''}"
    return _ACTIONS[action]


def _matches(rule: Rule) -> list[str]:
    words = []
    if rule.version and not rule.network and not rule.neighbour:
        words.append(f"meta nfproto ipv{rule.version}")
    if rule.interface:
        words.append(f'iifname "{rule.interface}"')
    if rule.mark:
        words.append(_mark(rule.mark))
    if rule.own_source:
        words.append("fib saddr type local")
    if rule.kinds:
        words.append(f"fib daddr type {{ {', '.join(rule.kinds)} }}")
    if rule.network:
        words.append(f"{'ip6' if rule.version == 6 else 'ip'} daddr {rule.network}")
    if rule.protocol >= 0:
        words.append(f"meta l4proto {rule.protocol}")
    if rule.ports != (0, 0):
        low, high = rule.ports
        words.append(f"th dport {low if low == high else f'{low}-{high}'}")
    if rule.neighbour:
        words.append("icmpv6 type { 133-136 } ip6 hoplimit 255")
    return words


def _mark(mark: Mark) -> str:
    return f"meta mark & {mark.mask:#x} {'!=' if mark.unless else '=='} {mark.value:#x}"
