"""The verdict on a packet that may begin no connection.

Lives here: drop or reject, its counting and its log line. May not live here: the decision (admit.py), the kind of
answer and its rate (reject.py).
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.engine.reject import mark_of
from conntrack.engine.state import State
from conntrack.engine.trace import REJECTED
from conntrack.engine.verdict import ACCEPT, DONE, DROP, OUTPUT
from conntrack.packet import reason
from conntrack.packet.header import RST, TCP, Packet
from conntrack.policy.runtime import REJECT, SELF, Query, Rule


class Denial:
    """Every method sets `answer`: (verdict, new bytes, packet mark). `query` is shared with who asked the rules."""

    def __init__(self, state: State, query: Query) -> None:
        self._state = state
        self._query = query
        self.answer: tuple[int, bytes | None, int] = (DROP, None, 0)

    def pass_on(self) -> None:
        """Only looked at, or none of ours: the packet goes on as it is."""
        self.answer = (ACCEPT, None, 0)

    def not_an_opener(self, packet: Packet, why: i64, hook: i64) -> None:
        """The kernel itself sends an RST for what REJECT or a closed port refuses, and no connection knows it."""
        if hook == OUTPUT and packet.protocol == TCP and packet.flags & RST:
            self.pass_on()
        else:
            self.refuse(packet, why)

    def refuse(self, packet: Packet, why: i64) -> None:
        """Dropped in silence, for a reason of packet/reason.py."""
        query = self._query
        self.answer = self._state.refuse(packet, why, query.zone_in, query.zone_out)

    def without_resources(self, packet: Packet, why: i64, now: float) -> None:
        """Dropped, and the sender is told (RFC 5508 REQ-8: ICMP 3/13), at the rate of rejects."""
        self.refuse(packet, why)
        mark = mark_of(self._state, packet, self._query, now, prohibited=True)
        self.answer = (ACCEPT, None, int(mark | DONE)) if mark else (DROP, None, 0)

    def crowded(self, packet: Packet, why: i64, now: float) -> None:
        """The table or a limit has no room: only those are told who would be translated, not strangers outside.

        A flood of forged sources from outside would otherwise have us send errors to whoever they name.
        """
        state = self._state
        query = self._query
        outward = query.zone_in != SELF and int(query.zone_out) in state.policy.outer
        if outward and state.policy.source_nat(query) is not None:
            self.without_resources(packet, why, now)
        else:
            self.refuse(packet, why)

    def by_rule(self, packet: Packet, rule: Rule, now: float) -> None:
        """Drop or reject, as the rule says; a reject over its rate, or one that may not be answered, is a drop."""
        state = self._state
        query = self._query
        state.trace.rule = rule
        observer = state.observer
        if rule.action == REJECT:
            mark = mark_of(state, packet, query, now)
            if mark:
                self._reject(packet, mark)
                if observer is not None and rule.may_log(query.source, now):
                    observer.logged(rule, packet, REJECTED, now)
                return
        if observer is not None and rule.may_log(query.source, now):
            observer.logged(rule, packet, "drop", now)
        self.refuse(packet, rule.reason)

    def _reject(self, packet: Packet, mark: i64) -> None:
        state = self._state
        query = self._query
        counters = state.counters
        counters.reasons[reason.POLICY_REJECT] += 1
        pair = counters.pair(query.zone_in, query.zone_out)
        counters.rejected_packets[pair] += 1
        counters.rejected_octets[pair] += int(packet.length)
        state.trace.verdict = REJECTED
        state.trace.reason = reason.POLICY_REJECT
        self.answer = (ACCEPT, None, int(mark | DONE))
