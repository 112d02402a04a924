"""Whether the rules of `policy:` are whole and name what exists.

Lives here: the checks of one pair and one rule. May not live here: rules against each other (reach.py).
"""

from __future__ import annotations

from conntrack.packet.header import TCP
from conntrack.policy import families
from conntrack.policy.document import PolicyRule
from conntrack.policy.names import pair as parse_pair
from conntrack.policy.problems import Wrong
from conntrack.policy.references import References
from conntrack.policy.shorthand import ACTIONS
from conntrack.policy.values import ANY_PROTOCOL, Pair, Position, Traffic
from conntrack.policy.wellknown import HELPER_PROTOCOLS

#: keys that say something about a connection, so that they need one
OF_CONNECTIONS = ("mark", "dscp", "helper")


def check(references: References) -> None:
    """Report what is wrong with pairs and rules."""
    _pairs(references)
    for _, _, rule in references.document.rules():
        _rule(references, rule)


def _pairs(references: References) -> None:
    """Zones of every pair; a pair that is spelled in two ways."""
    seen: dict[Pair, Position] = {}
    for word in references.document.defined("policy"):
        position = references.document.key_place("policy", word)
        try:
            pair = parse_pair(word)
        except Wrong:
            continue  # told when the models were made
        for zone in (*pair.sources, *pair.destinations):
            references.zone(zone, references.report.inside(position, word, zone), "self", "any")
        if pair in seen:
            hint = f"put the rules together; the first is in line {seen[pair].line}"
            references.report.error(position, f"the pair {pair} stands here twice", hint)
        seen.setdefault(pair, position)


def _rule(references: References, rule: PolicyRule) -> None:
    actions = [action for action in ACTIONS if rule.says(action)]
    if len(actions) != 1:
        _one_action(references, rule, actions)
        return
    action = actions[0]
    references.selection(rule, "source", rule.source)
    references.selection(rule, "destination", rule.destination)
    references.when(rule, rule.when)
    traffic = references.traffic(rule, action, rule.services)
    for key in OF_CONNECTIONS:
        if rule.says(key) and action != "accept":
            hint = f"delete it: what is not accepted has no {key}"
            references.report.error(
                rule.key_place(key), f'"{key}" belongs to accept, and this rule says {action}', hint
            )
    if action == "accept":
        _helpers(references, rule, traffic)
    if not rule.broken:
        families.check(references, rule, (rule.source, rule.destination), rule.family, traffic)


def _helpers(references: References, rule: PolicyRule, traffic: tuple[Traffic, ...]) -> None:
    """A helper that is named reads something that the rule accepts."""
    accepted = {kind.protocol for kind in traffic}
    if not accepted or ANY_PROTOCOL in accepted:
        return
    for name in rule.helper:
        protocols = HELPER_PROTOCOLS[name]
        if accepted.isdisjoint(protocols):
            words = " and ".join("TCP" if protocol == TCP else "UDP" for protocol in protocols)
            hint = f"the helper {name} is for {words}: accept a service of that, or delete the helper"
            references.report.error(rule.key_place("helper"), f"{name} reads nothing that this rule accepts", hint)


def _one_action(references: References, rule: PolicyRule, actions: list[str]) -> None:
    if len(actions) > 1:
        message = f"this rule says {' and '.join(actions)}"
        references.report.error(rule.key_place(actions[1]), message, "a rule has exactly one of accept, drop, reject")
    elif not rule.broken:
        hint = "add accept: any, drop: any or reject: any; or a service instead of any"
        references.report.error(rule.position, "this rule does not say what to do", hint)
