"""Many rules: compiled in time, and no rule is asked one by one.

Wall-clock ratios of compiled code are tests/bench's; here, what does not depend on the machine.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable

import pytest

from conntrack.policy import match as match_
from conntrack.policy.compile import compile_policy
from conntrack.policy.document import Document
from conntrack.policy.policy import Policy
from conntrack.policy.runtime import Query
from tests.unit.policy_runtime.rulebook import LAN, WAN, document

MANY = 3000


def network(number: int) -> str:
    return f"10.{number >> 8}.{number & 255}.0/24"


#: what the rules differ in → the rule of a number
SHAPES: dict[str, Callable[[int], str]] = {
    "sources": lambda number: f"accept: [tcp/443], source: {network(number)}",
    "ports": lambda number: f"accept: [tcp/{number + 1}]",
    "all": lambda number: f"accept: [tcp/{number + 1}], source: {network(number)}, destination: {network(number)}",
    "sets": lambda number: f"accept: [tcp/443], source: s{number}",
    "schedules": lambda number: f"accept: [tcp/443], when: daily 00:00-00:01, destination: {network(number % 50)}",
}


def rules(shape: str, count: int) -> Document:
    lines = "".join(f"    - {{{SHAPES[shape](number)}}}\n" for number in range(count))
    sets = "".join(f"  s{number}: {{members: [{network(number)}]}}\n" for number in range(count))
    return document(
        (f"sets:\n{sets}" if shape == "sets" else "") + f"policy:\n  lan -> wan:\n{lines}  any -> any: drop\n"
    )


def timed(said: Document) -> tuple[Policy, float]:
    """The policy, and the seconds of processor time it took; as in the daemon, the garbage collector is off."""
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        return compile_policy(said, time.gmtime), time.process_time() - began
    finally:
        gc.enable()


def to(shape: str, number: int) -> Query:
    """A connection that rule `number` takes."""
    query = Query()
    query.zone_in, query.zone_out = LAN, WAN
    query.protocol = 6
    inside = number % 50 if shape == "schedules" else number
    query.source = query.destination = bytes((10, inside >> 8, inside & 255, 7))
    query.source_port, query.minute = 50000, 0
    query.destination_port = number + 1 if shape in ("ports", "all") else 443
    return query


def test_ten_thousand_rules_compile_in_two_seconds() -> None:
    said = rules("all", 10_000)

    policy, spent = timed(said)

    assert policy.decide(to("all", 9_999), None).name == "lan -> wan #10000"
    assert spent < 2.0


@pytest.mark.parametrize("shape", SHAPES)
def test_each_of_many_rules_is_found(shape: str) -> None:
    policy = compile_policy(rules(shape, MANY), time.gmtime)

    for number in (0, 1, MANY // 2, MANY - 1):
        query = to(shape, number)
        nearest = number % 50 if shape == "schedules" else number
        assert policy.decide(query, None).name == f"lan -> wan #{nearest + 1}"
        query.destination_port = 0
        assert policy.decide(query, None).name == "any -> any #1"


@pytest.mark.skipif(
    match_.__file__.endswith(".so"), reason="compiled code calls its own functions, whatever a test traces"
)
@pytest.mark.parametrize("shape", SHAPES)
def test_no_decision_does_more_for_many_rules_than_for_few(shape: str) -> None:
    """A decision must enter as many Python functions at 3000 rules as at 10."""
    few, many = (compile_policy(rules(shape, count), time.gmtime) for count in (10, MANY))

    assert calls(few, shape, 9) == calls(many, shape, MANY - 1) == calls(many, shape, 1234) > 0


def calls(policy: Policy, shape: str, number: int) -> int:
    """How many Python functions a decision enters, met for the first time and with the schedule closed."""
    query = to(shape, number)
    query.minute = 60
    entered = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal entered
        entered += event == "call"

    sys.setprofile(count)
    try:
        policy.decide(query, None)
    finally:
        sys.setprofile(None)
    return entered


def test_a_thousand_rules_and_a_large_set_compile_in_a_third_of_a_second() -> None:
    members = ", ".join(
        f"{100 + (number >> 15)}.{number >> 7 & 255}.{number << 1 & 255}.0/24" for number in range(20_000)
    )
    lines = "".join(
        f"    - {{drop: [tcp/{number + 1}], source: big, destination: {network(number)}}}\n" for number in range(1000)
    )
    said = document(f"sets:\n  big: {{members: [{members}]}}\npolicy:\n  lan -> wan:\n{lines}")

    policy, spent = timed(said)

    assert policy.sets["big"].members == 20_000
    assert spent < 0.3
