"""A packet's way through the hooks, as the kernel would send it: for scenarios without a kernel.

Lives here: which hook sees a packet, with which mark, and what is left of it. The gateway's hook rules
(conntrack/gateway/hooks/plan.py) say the same to a real kernel; tests/netns shows that the two agree.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from conntrack.engine.core import Engine
from conntrack.engine.exit import Exit
from conntrack.engine.verdict import (
    DONE,
    DROP,
    FORWARD,
    HALF,
    OUTPUT,
    PREROUTING,
    REJECT_MASK,
    REJECT_PORT,
    REJECT_PROHIBITED,
    REJECT_RESET,
    USER_MASK,
)
from conntrack.flow.connection import Connection
from conntrack.policy.nat_rule import ONE_TO_ONE, REDIRECT, SOURCE_NAT
from conntrack.policy.runtime import SELF

_ANSWERS: Final = {REJECT_RESET: "tcp-reset", REJECT_PORT: "port-unreachable", REJECT_PROHIBITED: "prohibited"}


class Outcome(NamedTuple):
    """What became of a packet, over all hooks that saw it."""

    raw: bytes | None  # what leaves or is taken in; None if it was dropped or rejected
    verdict: str
    reason: int
    rule: str  # the name of the rule that decided
    new: bool  # it began a connection
    direction: str
    connection: Connection | None
    answer: str  # what the kernel is asked to answer a rejected packet with, else ""
    mark: int  # as the engine set it


def cross(engine: Engine, raw: bytes, link: int, outbound: int, now: float) -> Outcome:
    """Sends a packet on its way that came in by an interface (its index), or that the gateway sends itself (SELF).

    outbound: the interface it leaves by; 0: as the route says.
    """
    routes = engine.topology
    if link == SELF:
        return _judged(engine, raw, OUTPUT, SELF, outbound or routes.route(destination(raw)), 0, now)
    first: Outcome | None = None
    if _queued_before_routing(engine, destination(raw)):
        first = _judged(engine, raw, PREROUTING, link, 0, 0, now)
        if first.raw is None or first.mark & DONE:
            return first
        raw = first.raw
    mark = first.mark if first is not None else 0
    assert not mark & ~(HALF | USER_MASK), f"mark {mark:#x} reaches FORWARD"
    last = _judged(engine, raw, FORWARD, link, outbound or _way(engine, destination(raw), mark), mark, now)
    return last if first is None else _merged(first, last)


def _way(engine: Engine, address: bytes, mark: int) -> int:
    """The interface it leaves by: that of the zone whose mark it has (`ip rule fwmark`), else as its route says."""
    zones = [zone.number for zone in engine.policy.zones if zone.mark and zone.mark == mark & USER_MASK]
    marked = [one.index for one in engine.topology.interfaces() if one.zone in zones]
    return int(marked[0] if marked else engine.topology.route(address))


def destination(raw: bytes) -> bytes:
    """A packet's destination address, packed."""
    return raw[16:20] if raw[0] >> 4 == 4 else raw[24:40]


class _Tunnel(Exit):
    """Takes what NAT64 makes of a packet."""

    def __init__(self) -> None:
        self.made: list[bytes] = []

    def send(self, raw: bytes) -> bool:
        self.made.append(raw)
        return True


def _judged(engine: Engine, raw: bytes, hook: int, inbound: int, outbound: int, mark: int, now: float) -> Outcome:
    tunnel = _Tunnel()
    engine.lead_out(tunnel)
    verdict, out, mark = engine.packet(raw, hook, inbound, outbound, mark, now)
    first = _outcome(engine, raw, verdict, out, mark)
    if not tunnel.made:
        return first
    made = tunnel.made[0]
    if made[0] >> 4 == 6:
        return first._replace(raw=made, mark=DONE)
    last = engine.packet(made, FORWARD, 0, int(engine.topology.route(destination(made))), HALF, now)
    return _merged(first, _outcome(engine, made, *last))


def _outcome(engine: Engine, raw: bytes, verdict: int, out: bytes | None, mark: int) -> Outcome:
    trace = engine.trace
    answer = _ANSWERS.get(mark & REJECT_MASK, "")
    left = None if verdict == DROP or answer else raw if out is None else out
    rule = trace.rule.name if trace.rule is not None else ""
    return Outcome(
        left, trace.verdict, int(trace.reason), rule, trace.new, trace.direction, trace.connection, answer, mark
    )


def _merged(first: Outcome, last: Outcome) -> Outcome:
    """Hairpin: the first crossing judged the packet, the last one says how it leaves."""
    return last._replace(
        rule=last.rule or first.rule,
        new=last.new or first.new,
        direction=last.direction or first.direction,
        connection=last.connection or first.connection,
    )


def _queued_before_routing(engine: Engine, address: bytes) -> bool:
    if engine.topology.is_local(address) or engine.topology.is_group(address):
        return True
    for rule in engine.policy.nat_rules:
        if rule.kind == REDIRECT or (rule.kind in (SOURCE_NAT, ONE_TO_ONE) and address in rule.addresses):
            return True
    return False
