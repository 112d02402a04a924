"""A compiled policy: what the engine asks about every new connection.

Lives here: the order of judgement. May not live here: how a rule is found (classifier.py), how a policy is made of a
rules file (compile.py).

For a new connection the engine asks destination_nat, finds the zone that the (translated) destination lies in, asks
decide, and then source_nat. The query says at each step what the packet says by then: decide and source_nat see
the translated destination, as the kernel's filter and POSTROUTING do.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.packet import reason
from conntrack.policy import builtins
from conntrack.policy import zones as zones_
from conntrack.policy.classifier import Classifier
from conntrack.policy.limits import Limit
from conntrack.policy.match import Match
from conntrack.policy.nat_rule import EXEMPT, MASQUERADE, SOURCE_NAT, NatRule
from conntrack.policy.runtime import ANY_ADDRESS, DROP, Query, Rule, Settings
from conntrack.policy.sets import NetworkSet
from conntrack.policy.zones import Zone

#: Rule.name of the implicit drop at the end of every zone pair
DEFAULT: Final = "default"


class Parts:
    """What a policy is made of: filled by compile.py, taken by Policy. Matches are in the order of the file."""

    def __init__(self) -> None:
        self.zones: list[Zone] = []
        self.sets: dict[str, NetworkSet] = {}
        self.settings = Settings()
        self.reject_limit = Limit(1, 1, 1)
        self.digest = ""
        self.services: dict[str, tuple[str, ...]] = {}
        self.rules: list[Match] = []  # each with its `rule`
        self.arrivals: list[Match] = []  # destination NAT, each with its `nat`; zones_out by address_column
        self.departures: list[Match] = []  # source NAT, each with its `nat`
        self.crossings: list[Match] = []  # NAT64, each with its `nat`
        self.nat_rules: list[NatRule] = []


class Policy:
    """`zones`: 0 is the gateway. `sets` and own `services` by name. `digest`: the same for the same content.

    `outer`: zones that sources are translated on the way to.

    `rules`: first the built-in ones, then those of the file, then the implicit ones (of NAT, and the defaults).
    Rules and NAT rules are at the place that their `number` says. `reject_limit` bounds the answers of reject rules.
    """

    def __init__(self, parts: Parts) -> None:
        self.zones = parts.zones
        self.sets = parts.sets
        self.settings = parts.settings
        self.reject_limit = parts.reject_limit
        self.digest = parts.digest
        self.services = parts.services
        self.nat_rules = parts.nat_rules
        self.crossings = parts.crossings  # see across.py
        sources = (MASQUERADE, SOURCE_NAT)
        self.outer = frozenset(int(rule.zone) for rule in parts.nat_rules if rule.kind in sources)
        self.rules = builtins.rules()
        self.established = self.rules[builtins.ESTABLISHED]
        self.related = self.rules[builtins.RELATED]
        self.invalid = self.rules[builtins.INVALID]
        self.no_zone = self.rules[builtins.NO_ZONE]
        self._columns: i64 = len(parts.zones)
        count = len(parts.zones)
        ordered = [*builtins.matches(parts.zones, self.rules), *parts.rules]
        self._decider = Classifier(ordered, count, count, bool(parts.crossings))
        self._tops = self._decider.tops(Match.unconditional)
        self._arrivals = Classifier(parts.arrivals, count, address_columns(count))
        self._departures = Classifier(parts.departures, count, count)
        self._defaults = [_default(start.name, end.name) for start in parts.zones for end in parts.zones]
        self._list_rules(parts)

    def decide(self, query: Query, forward: NatRule | None) -> Rule:
        """The rule that decides on a new connection; counts the hit and takes the tokens of limits.

        forward: what destination_nat said. Its implicit accept stands before the first unconditional rule of the pair.
        """
        rule = self._judge(query, forward, True)
        rule.hits += 1
        return rule

    def foresee(self, query: Query, forward: NatRule | None) -> Rule:
        """The same without a trace: counts nothing, and every limit counts as fresh."""
        return self._judge(query, forward, False)

    def destination_nat(self, query: Query) -> NatRule | None:
        """The first forward, redirect or one-to-one rule that matches, for the destination as it came."""
        if query.zone_in < 0:
            return None
        pair = query.zone_in * address_columns(self._columns) + address_column(query.address_zone)
        match = self._arrivals.first(query, self._arrivals.candidates(query, int(pair)), False)
        return None if match is None else match.nat

    def source_nat(self, query: Query) -> NatRule | None:
        """The first rule that translates the source; None also where an `exempt:` comes before it."""
        if query.zone_in < 0 or query.zone_out < 0:
            return None
        pair = query.zone_in * self._columns + query.zone_out
        match = self._departures.first(query, self._departures.candidates(query, int(pair)), False)
        if match is None or match.nat is None or match.nat.kind == EXEMPT:
            return None
        return match.nat

    def default(self, zone_in: int, zone_out: int) -> Rule:
        """What decides on a zone pair where no rule matches."""
        return self._defaults[zone_in * len(self.zones) + zone_out]

    def considered(self) -> list[Match]:
        """The rules in the order in which they are considered, built-in ones first."""
        return self._decider.ordered()

    def translations(self) -> tuple[list[Match], list[Match]]:
        """The rules of destination and of source NAT in their order."""
        return self._arrivals.ordered(), self._departures.ordered()

    def zone_number(self, name: str) -> int:
        """The number of a zone. Raises KeyError."""
        for zone in self.zones:
            if zone.name == name:
                return int(zone.number)
        raise KeyError(name)

    def zone_of_interface(self, name: str) -> int:
        """The number of the zone that lists an interface; NO_ZONE if none does."""
        return zones_.of_interface(self.zones, name)

    def zone_of_address(self, address: bytes, seen_from: int = 0) -> int:
        """The number of the zone that an address lies behind by `networks:`, else of the zone without networks.

        seen_from: the zone that speaks of it, in its own address space.
        """
        return zones_.of_address(self.zones, address, self.zones[max(seen_from, 0)].space)

    def _judge(self, query: Query, forward: NatRule | None, spend: bool) -> Rule:
        if query.zone_in < 0 or query.zone_out < 0:
            return self.no_zone
        pair = int(query.zone_in * self._columns + query.zone_out)
        decider = self._decider
        candidates = decider.candidates(query, pair)
        if forward is not None and forward.rule is not None:
            return self._judge_forward(query, forward.rule, pair, candidates, spend)
        match = decider.first(query, candidates, spend)
        if match is not None and match.rule is not None:
            return match.rule
        return self._otherwise(pair, decider.exhausted)

    def _judge_forward(self, query: Query, implicit: Rule, pair: int, candidates: int, spend: bool) -> Rule:
        """Rules before the first unconditional one, then the implicit accept, then the others."""
        decider = self._decider
        top = self._tops[pair]
        before = candidates >> top << top
        match = decider.first(query, before, spend)
        if match is not None and match.rule is not None:
            return match.rule
        exhausted = decider.exhausted
        if not spend or implicit.limit is None or implicit.limit.take(query.source, query.now):
            return implicit
        match = decider.first(query, candidates ^ before, spend)
        if match is not None and match.rule is not None:
            return match.rule
        return self._otherwise(pair, implicit if exhausted is None else exhausted)

    def _otherwise(self, pair: int, exhausted: Rule | None) -> Rule:
        if exhausted is not None and exhausted.over is not None:
            return exhausted.over
        return self._defaults[pair]

    def _list_rules(self, parts: Parts) -> None:
        listed = [match.rule for match in parts.rules] + [nat.rule for nat in self.nat_rules]
        over = [rule.over for rule in listed if rule is not None]
        for rule in [*listed, *over, *self._defaults]:
            if rule is not None:
                rule.number = len(self.rules)
                self.rules.append(rule)


def address_columns(zones: i64) -> i64:
    """How many columns there are for the zone of the address asked for: each zone, none (not ours), any of ours."""
    return zones - ANY_ADDRESS


def address_column(address_zone: i64) -> i64:
    """The column of a Query.address_zone."""
    return address_zone - ANY_ADDRESS


def _default(start: str, end: str) -> Rule:
    rule = Rule(0, DEFAULT, f"{start} -> {end}", DROP, "", 0)
    rule.reason = reason.NO_RULE
    return rule
