"""The `tests:` of a rules file: what passes, what fails, and how that is told."""

from __future__ import annotations

from textwrap import indent

from conntrack.policy.compile import compile_policy
from conntrack.policy.policy import Policy
from conntrack.policy.selftest import Failed, selftest
from conntrack.policy.values import NOWHERE, Case
from tests.unit.policy_runtime.rulebook import document, policy

RULES = """
schedules: {work: mon-fri 08:00-18:00}
nat:
  - {name: shop, forward: https, at: wan, to: 192.168.10.20, hairpin: [lan]}
policy:
  lan -> wan:
    - {name: mail, reject: [smtp]}
    - {name: few, accept: [http], limit: 1/hour}
    - {name: all, accept: any, when: work}
  guest -> wan:
    - {name: tcp-names, accept: [tcp/53]}
"""


def forbidden(wall: float) -> None:
    """A clock that tests must not ask."""
    raise AssertionError(f"local time of {wall} was asked for")


def run(*cases: str) -> tuple[Policy, list[Failed]]:
    """The failures of these lines."""
    lines = indent("\n".join(f"- {case}" for case in cases), "  ")
    said = document(f"{RULES}tests:\n{lines}\n")
    compiled = compile_policy(said, forbidden)  # type: ignore[arg-type]
    return compiled, selftest(compiled, said.tests)


def test_tests_that_hold() -> None:
    _, failed = run(
        "lan 192.168.10.5 -> 1.1.1.1 tcp/443 = accept",
        "lan 192.168.10.5 -> 1.1.1.1 tcp/25 = reject",
        "wan 1.1.1.1 -> self tcp/443 = accept",
        "wan 1.1.1.1 -> self tcp/22 = drop",
        "lan 192.168.10.5 -> self tcp/443 = accept",
        "lan 192.168.10.5 -> 1.1.1.1 https at sat 12:00 = drop",
    )

    assert failed == []


def test_a_failure_says_where_it_stands_what_came_and_by_which_rule() -> None:
    compiled, (failed,) = run(
        "lan 192.168.10.5 -> 1.1.1.1 tcp/443 = accept", "lan 192.168.10.5 -> 1.1.1.1 tcp/25 = drop"
    )
    mail = next(rule for rule in compiled.rules if rule.name == "mail")

    assert (failed.got, failed.rule) == ("reject", mail)
    assert str(failed) == (
        f"rules.yaml:{failed.case.position.line}:5: lan 192.168.10.5 -> 1.1.1.1 tcp/25 = drop: "
        f"expected drop, got reject for tcp/25 by mail (rules.yaml:{mail.line}) of lan -> wan"
    )
    assert failed.case.position.line == mail.line + 7


def test_every_kind_of_a_service_must_come_to_the_verdict() -> None:
    _, (failed,) = run("guest 192.168.20.5 -> 1.1.1.1 dns = accept")

    assert (failed.got, failed.detail) == ("drop", "udp/53")
    assert failed.rule is not None and failed.rule.why() == "default"


def test_without_a_time_it_is_monday_noon_whatever_the_clock_says() -> None:
    _, failed = run(
        "lan 192.168.10.5 -> 1.1.1.1 tcp/443 = accept", "lan 192.168.10.5 -> 1.1.1.1 tcp/443 at mon 18:00 = drop"
    )

    assert failed == []


def test_limits_count_as_fresh_and_nothing_is_counted() -> None:
    compiled, failed = run(*["lan 192.168.10.5 -> 1.1.1.1 tcp/80 at sun 00:00 = accept"] * 5)

    assert failed == []
    assert [rule.hits for rule in compiled.rules] == [0] * len(compiled.rules)


def test_a_test_that_cannot_be_asked_fails_with_the_reason() -> None:
    case = Case("dmz 1.1.1.1 -> self ssh = drop", NOWHERE, "dmz", bytes(4), 0, "self", b"", "ssh", None, "drop")

    (failed,) = selftest(policy(RULES), [case])

    assert (failed.got, failed.rule) == ("", None)
    assert 'unknown zone "dmz"' in str(failed)


def test_the_tests_of_the_document_that_was_loaded() -> None:
    said = document(RULES)

    assert selftest(compile_policy(said, forbidden), said.tests) == []  # type: ignore[arg-type]
