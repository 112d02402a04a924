"""From the rules file's values to those of the runtime: zones to numbers, words to ranges, each value only once.

Lives here: what policy rules and NAT rules have in common. May not live here: rules (compile.py, compile_nat.py).
Equal values become one object, since the classifier asks shared demands only once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import struct_time
from typing import Final

from conntrack.packet import reason
from conntrack.packet.header import ICMP, ICMPV6
from conntrack.policy.addresses import show_span
from conntrack.policy.document import Document
from conntrack.policy.limits import Limit
from conntrack.policy.match import service_key
from conntrack.policy.ranges import EVERYWHERE, united
from conntrack.policy.runtime import ACCEPT, DROP, SELF, HelperPorts, Rule
from conntrack.policy.schedules import Schedule
from conntrack.policy.selection import Selection
from conntrack.policy.sets import NetworkSet
from conntrack.policy.values import ANY_PROTOCOL, Addresses, Log, Rate, Span, Traffic, Window
from conntrack.policy.wellknown import HELPER_PROTOCOLS

#: sets of more intervals are asked for every connection instead of being written into every table
LARGEST_IN_TABLE: Final = 256
ANYWHERE: Final = Addresses()


class Lowering:
    """One document's zones, sets and shared values. `localtime` is for schedules (schedules.py)."""

    def __init__(
        self, document: Document, sets: dict[str, NetworkSet], localtime: Callable[[float], struct_time]
    ) -> None:
        self.document = document
        self._sets = sets
        self._localtime = localtime
        self._numbers = {"self": SELF, **{name: number for number, name in enumerate(document.zones, SELF + 1)}}
        self._selections: dict[Addresses, Selection] = {}
        self._schedules: dict[tuple[Window, ...], Schedule] = {}
        self._services: dict[tuple[str, ...], tuple[Traffic, ...]] = {}

    def zone(self, name: str) -> int:
        """The number of a zone."""
        return self._numbers[name]

    def zones(self, names: Iterable[str]) -> list[int]:
        """The numbers of zones; `any` is all of them, the gateway included."""
        found = {number for name in names for number in (self.every() if name == "any" else [self.zone(name)])}
        return sorted(found)

    def every(self) -> list[int]:
        """The numbers of all zones, the gateway included."""
        return list(self._numbers.values())

    def outside(self) -> list[int]:
        """The numbers of all zones but the gateway's."""
        return [number for number in self._numbers.values() if number != SELF]

    def selection(self, chosen: Addresses) -> Selection | None:
        """What `source:` or `destination:` says; None for everything."""
        if chosen == ANYWHERE:
            return None
        if chosen not in self._selections:
            self._selections[chosen] = self._select(chosen)
        return self._selections[chosen]

    def addresses(self, *spans: Span) -> Selection:
        """A selection of literal addresses."""
        found = self.selection(Addresses(spans))
        assert found is not None
        return found

    def schedule(self, when: str) -> Schedule | None:
        """The schedule of a `when:`; None for always."""
        windows = self.document.windows(when)
        if not windows:
            return None
        if windows not in self._schedules:
            self._schedules[windows] = Schedule(when, windows, self._localtime)
        return self._schedules[windows]

    def traffic(self, words: tuple[str, ...]) -> tuple[Traffic, ...]:
        """What service words stand for."""
        if words not in self._services:
            self._services[words] = self.document.traffic(words)
        return self._services[words]

    def services(self, words: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
        """The ranges of service_key that service words stand for; () for all."""
        kinds = self.traffic(words)
        if any(kind.protocol == ANY_PROTOCOL for kind in kinds):
            return ()
        return tuple(service_range(kind) for kind in kinds)

    def helpers(self, words: tuple[str, ...], named: Sequence[str] = ()) -> tuple[str, ...]:
        """The helpers that a rule names and those that its services need, each once."""
        needed = [kind.helper for kind in self.traffic(words) if kind.helper]
        return tuple(dict.fromkeys([*named, *needed]))

    def helped(self, words: tuple[str, ...], named: Sequence[str] = ()) -> tuple[HelperPorts, ...]:
        """Which connections they read: a service's its own ports, one that is named all that the rule accepts."""
        of_services = [
            HelperPorts(kind.helper, kind.protocol, kind.low, kind.high) for kind in self.traffic(words) if kind.helper
        ]
        everywhere = [HelperPorts(name, protocol, 0, 65535) for name in named for protocol in HELPER_PROTOCOLS[name]]
        return (*everywhere, *of_services)

    def _select(self, chosen: Addresses) -> Selection:
        inside, inside_sets = self._split(chosen.spans, chosen.sets)
        outside, outside_sets = self._split(chosen.except_spans, chosen.except_sets)
        everywhere = not chosen.spans and not chosen.sets
        ranges = EVERYWHERE if everywhere else united(inside)
        return Selection(text(chosen), ranges, inside_sets, united(outside), outside_sets)

    def _split(self, spans: Sequence[Span], names: Sequence[str]) -> tuple[list[Span], list[NetworkSet]]:
        """Literal spans with those of small sets that never change, and the sets to be asked."""
        literal = list(spans)
        asked: list[NetworkSet] = []
        for name in names:
            one = self._sets[name]
            if one.file or one.size() > LARGEST_IN_TABLE:
                asked.append(one)
            else:
                literal += self.document.sets[name].members
        return literal, asked


def service_range(kind: Traffic) -> tuple[int, int]:
    """The range of service_key of one kind of traffic that is not `any`."""
    low, high = kind.low, kind.high
    if kind.protocol in (ICMP, ICMPV6) and kind.icmp_type >= 0:
        low = kind.icmp_type << 8 | max(kind.icmp_code, 0)
        high = kind.icmp_type << 8 | (kind.icmp_code if kind.icmp_code >= 0 else 255)
    return int(service_key(kind.protocol, low)), int(service_key(kind.protocol, high))


def version(family: str) -> int:
    """The IP version that a `family:` stands for; 0 for both."""
    return {"ipv4": 4, "ipv6": 6}.get(family, 0)


def bucket(rate: Rate | None) -> Limit | None:
    """The token bucket of a rate."""
    return None if rate is None else Limit(rate.amount, rate.period, rate.burst, rate.per_source)


def equip(rule: Rule, limit: Rate | None, log: Log | None, mark: int, dscp: int) -> None:
    """Gives a rule its extras.

    An accepting rule with a limit also gets a stand-in, which tells a drop by the limit from one for want of a rule.
    """
    rule.limit = bucket(limit)
    rule.mark = mark
    rule.dscp = dscp
    if log is not None:
        rule.log = log.kind
        rule.log_limit = bucket(log.rate)
    if limit is not None and rule.action == ACCEPT:
        rule.over = Rule(0, f"{rule.name} (over limit)", rule.pair, DROP, rule.file, int(rule.line))
        rule.over.reason = reason.RATE_LIMIT


def text(chosen: Addresses) -> str:
    """A selection in words: "set admins, 10.0.0.0/8, !10.1.0.0/16"."""
    words = [*(f"set {name}" for name in chosen.sets), *map(show_span, chosen.spans)]
    excepted = [f"!{word}" for word in (*chosen.except_sets, *map(show_span, chosen.except_spans))]
    return ", ".join(words + excepted)
