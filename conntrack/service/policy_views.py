"""Rules, NAT rules and sets as plain dictionaries, for the control socket.

Lives here: their shape. May not live here: how they are printed (cli/), what a rule matches (policy/).
The keys are an interface: they may be added to, not renamed.
"""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_ntop
from typing import Final

from conntrack.policy.nat_rule import EXEMPT, FORWARD, MASQUERADE, NAT64, ONE_TO_ONE, REDIRECT, SOURCE_NAT, NatRule
from conntrack.policy.runtime import ACCEPT, DROP, LOG_ALL, LOG_NEW, LOG_NONE, REJECT, Rule
from conntrack.policy.sets import NetworkSet
from conntrack.service.protocol import Item

ACTIONS: Final = {ACCEPT: "accept", DROP: "drop", REJECT: "reject"}
LOGS: Final = {LOG_NONE: "", LOG_NEW: "new", LOG_ALL: "all"}
NAT_KINDS: Final = {
    MASQUERADE: "masquerade",
    SOURCE_NAT: "source-nat",
    FORWARD: "forward",
    REDIRECT: "redirect",
    ONE_TO_ONE: "one-to-one",
    EXEMPT: "exempt",
    NAT64: "nat64",
}


def rule_view(rule: Rule) -> Item:
    """One policy rule and how often it decided."""
    return {
        "number": int(rule.number),
        "name": rule.name,
        "pair": rule.pair,
        "action": ACTIONS[int(rule.action)],
        "hits": int(rule.hits),
        "log": LOGS[int(rule.log)],
        "mark": int(rule.mark),
        "dscp": int(rule.dscp) if rule.dscp >= 0 else None,
        "file": rule.file,
        "line": int(rule.line),
    }


def nat_view(rule: NatRule, zone: str, addresses: list[bytes], held: int) -> Item:
    """One NAT rule; `held` is how many ports of its outside addresses are in use."""
    return {
        "number": int(rule.number),
        "name": rule.name,
        "kind": NAT_KINDS[int(rule.kind)],
        "zone": zone,
        "addresses": [address_text(address) for address in addresses],
        "ports": [int(rule.port_low), int(rule.port_high)] if rule.port_low else None,
        "endpoint_independent": bool(rule.endpoint_independent),
        "hits": int(rule.hits),
        "failures": int(rule.failures),
        "ports_held": held,
        "file": rule.file,
        "line": int(rule.line),
    }


def set_view(one: NetworkSet, failures: int) -> Item:
    """One set of addresses; times are Unix seconds."""
    return {
        "name": one.name,
        "members": one.members,
        "intervals": one.size(),
        "file": one.file,
        "refresh": one.refresh,
        "refreshed": one.refreshed or None,
        "generation": int(one.generation),
        "failures": failures,
    }


def address_text(packed: bytes) -> str:
    """A packed address as text."""
    return inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed)
