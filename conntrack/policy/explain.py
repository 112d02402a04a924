"""What a policy makes of one connection, and why: phase by phase, for people and programs.

Lives here: the telling. May not live here: the course itself (course.py), which rules were passed (passed.py), printing
(cli/).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from conntrack.packet import reason
from conntrack.policy import passed, why
from conntrack.policy.addresses import show
from conntrack.policy.cases import question
from conntrack.policy.course import Course, follow
from conntrack.policy.nat_rule import REDIRECT, NatRule
from conntrack.policy.passed import Passed
from conntrack.policy.policy import Policy
from conntrack.policy.questions import queries
from conntrack.policy.runtime import ACCEPT, DROP, SELF, Query, Rule


class Step(NamedTuple):
    """A phase, what came of it, and the rules in it that did not match, in the order in which they were considered."""

    phase: str  # zones, destination NAT, policy, source NAT, helper
    text: str
    passed: list[Passed]


class Explanation(NamedTuple):
    """Of one kind of traffic."""

    course: Course
    steps: list[Step]


def explain(policy: Policy, line: str, wall: float) -> dict[str, Any]:
    """Explains `lan 192.168.10.5 -> 1.1.1.1 tcp/443 [at sat 23:30]` as plain data, one entry a kind of traffic.

    {question, verdict, connections: [{connection, verdict, reason, rule, steps: [{phase, text, passed: [{rule, because:
    [text]}]}]}]}, a rule being {name, pair, file, line}. The verdict is accept only if it is so for every connection;
    reason is the name of why a drop drops, else "". wall: Unix time, for schedules. Raises Wrong: not such a line.
    """
    case = question(line)
    connections = [_item(policy, explanation(policy, query)) for query in queries(policy, case, wall)]
    refused = [one["verdict"] for one in connections if one["verdict"] != "accept"]
    return {"question": case.text, "verdict": refused[0] if refused else "accept", "connections": connections}


def explanation(policy: Policy, query: Query) -> Explanation:
    """The course of a query, told. Changes nothing; limits count as fresh."""
    course = follow(policy, query)
    return Explanation(course, list(_steps(policy, course)))


def _steps(policy: Policy, course: Course) -> Iterator[Step]:
    yield Step("zones", _ends(policy, course.arrived), [])
    yield Step("destination NAT", _destination(policy, course), passed.destination_nat(policy, course))
    yield Step("policy", _decision(course.rule), passed.rules(policy, course))
    if course.rule.action == ACCEPT:
        yield Step("source NAT", _source(course), passed.source_nat(policy, course))
        reader = _helper(course)
        if reader:
            yield Step("helper", f"{reader} reads it, and lets in what it announces", [])


def _ends(policy: Policy, query: Query) -> str:
    source = why.address(query.source, int(query.zone_in))
    destination = why.address(query.destination, int(query.zone_out))
    zones = f"{_zone(policy, int(query.zone_in))} {source} -> {_zone(policy, int(query.zone_out))} {destination}"
    return f"{zones} {why.service(query)}"


def _zone(policy: Policy, number: int) -> str:
    return policy.zones[number].name if number >= 0 else "no zone"


def _destination(policy: Policy, course: Course) -> str:
    forward, query = course.forward, course.query
    if course.arrived.zone_in == SELF:
        return "none: the gateway's own connections keep their destination"
    if forward is None:
        return "none: no rule matches"
    target = "the gateway" if forward.kind == REDIRECT else why.address(query.destination, int(query.zone_out))
    return f"to {target} {why.service(query)} in zone {_zone(policy, int(query.zone_out))} by {forward.why()}"


def _decision(rule: Rule) -> str:
    limit = f", as long as the limit {rule.limit.text()} is not used up" if rule.limit is not None else ""
    return f"{why.verdict(rule)} by {rule.why()} of {rule.pair}{limit}"


def _source(course: Course) -> str:
    if not course.crosses:
        return "none: the gateway itself is an end of the connection"
    if course.hairpin:
        return f"to {_asked(course)}, so that the answers come back this way (hairpin)"
    if course.stranded:
        return "none, so it is dropped (nat-required): beyond its address space, its source stands for another host"
    return "none: no rule matches, or one exempts it" if course.departure is None else f"by {course.departure.why()}"


def _helper(course: Course) -> str:
    """The first helper that reads it, by the port that was asked for or the one that it is translated to."""
    for helped in course.rule.helped:
        if any(helped.reads(query.protocol, query.destination_port) for query in (course.arrived, course.query)):
            return helped.helper
    return ""


def _asked(course: Course) -> str:
    return show(course.arrived.destination) if course.arrived.destination else "the address that was asked for"


def _item(policy: Policy, told: Explanation) -> dict[str, Any]:
    rule = told.course.decision
    return {
        "connection": _ends(policy, told.course.arrived),
        "verdict": why.verdict(rule),
        "reason": reason.name(int(rule.reason)) if rule.action == DROP else "",
        "rule": _rule_item(rule, rule.pair),
        "steps": [
            {"phase": step.phase, "text": step.text, "passed": _passed_items(step.passed)} for step in told.steps
        ],
    }


def _passed_items(found: list[Passed]) -> list[dict[str, Any]]:
    return [
        {"rule": _rule_item(one.rule, one.rule.pair if isinstance(one.rule, Rule) else "nat"), "because": one.because}
        for one in found
    ]


def _rule_item(rule: Rule | NatRule, pair: str) -> dict[str, Any]:
    return {"name": rule.name, "pair": pair, "file": rule.file, "line": int(rule.line)}
