"""From a checked rules file to the policy that the engine asks.

Lives here: the way there, and the rules of `policy:`. May not live here: those of `nat:` (compile_nat.py), what they
have in common (lowering.py), reading files.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from time import struct_time

from conntrack.packet import reason
from conntrack.policy import compile_nat
from conntrack.policy.document import Document, PolicyRule
from conntrack.policy.limits import Limit
from conntrack.policy.lowering import Lowering, equip, version
from conntrack.policy.match import Match
from conntrack.policy.policy import Parts, Policy
from conntrack.policy.runtime import REJECT, SELF, Rule, Settings
from conntrack.policy.sets import NetworkSet
from conntrack.policy.values import Pair
from conntrack.policy.zones import Zone


def compile_policy(document: Document, localtime: Callable[[float], struct_time]) -> Policy:
    """The policy of a document that `load()` returned; it shares nothing with the document or an earlier policy.

    localtime: time.localtime, or another zone's; asked when schedules are.
    """
    parts = Parts()
    parts.zones = _zones(document)
    parts.sets = _sets(document)
    parts.settings = _settings(document)
    rate = document.settings.reject_rate
    parts.reject_limit = Limit(rate.amount, rate.period, rate.burst, rate.per_source)
    parts.digest = digest(document)
    parts.services = dict(document.services)
    lowering = Lowering(document, parts.sets, localtime)
    parts.rules = [_rule(lowering, pair, number, rule) for pair, number, rule in document.rules()]
    compile_nat.translate(lowering, parts)
    return Policy(parts)


def digest(document: Document) -> str:
    """SHA-256 of what the rules file says, definitions of sets included; comments, layout and `tests:` do not count."""
    said = [(name, getattr(document, name)) for name in Document.model_fields if name != "tests"]
    return sha256(repr(said).encode()).hexdigest()


def _zones(document: Document) -> list[Zone]:
    named = [
        Zone(number, name, zone.interfaces, zone.networks, zone.dhcp == "client")
        for number, (name, zone) in enumerate(document.zones.items(), SELF + 1)
    ]
    for zone, said in zip(named, document.zones.values(), strict=True):
        zone.mss, zone.space, zone.mark = said.mss, said.space, said.mark
    return [Zone(SELF, "self", (), ()), *named]


def _sets(document: Document) -> dict[str, NetworkSet]:
    sets: dict[str, NetworkSet] = {}
    for name, definition in document.sets.items():
        path = document.file_of(name)
        file = "" if path is None else str(path)
        sets[name] = NetworkSet(name, definition.members, file, definition.refresh, document.file_members(name))
    return sets


def _settings(document: Document) -> Settings:
    said = document.settings
    settings = Settings()
    settings.connections = said.connections
    settings.per_source = said.per_source
    settings.hold_syn = said.unsolicited_syn == "hold"
    settings.hold_down = float(said.port_hold_down)
    others = said.per_zone.get("any", 0)
    settings.per_zone = [said.per_zone.get("self", 0), *(said.per_zone.get(name, others) for name in document.zones)]
    settings.loose = said.loose
    settings.liberal = said.liberal
    for protocol in type(said.timeouts).model_fields:
        group = getattr(said.timeouts, protocol)
        stated = {name: float(getattr(group, name)) for name in group.model_fields_set}
        if stated:
            settings.timeouts[protocol] = stated
    return settings


def _rule(lowering: Lowering, pair: Pair, number: int, said: PolicyRule) -> Match:
    position = said.position
    rule = Rule(0, said.name or f"{pair} #{number}", str(pair), said.action, position.file, position.line)
    if said.action == REJECT:
        rule.reason = reason.POLICY_REJECT
    equip(rule, said.limit, said.log, said.mark, said.dscp)
    rule.helpers = lowering.helpers(said.services, said.helper)
    rule.helped = lowering.helped(said.services, said.helper)
    match = Match(lowering.zones(pair.sources), lowering.zones(pair.destinations), rule)
    match.version = version(said.family)
    match.services = lowering.services(said.services)
    match.words = said.services
    match.source = lowering.selection(said.source)
    match.destination = lowering.selection(said.destination)
    match.schedule = lowering.schedule(said.when)
    return match
