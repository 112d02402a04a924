"""Runs the `tests:` of a rules file against its compiled policy.

Lives here: the comparison, and how a failure is told. May not live here: what a line means (questions.py), what the
policy makes of it (course.py). Nothing is counted, limits count as fresh, and no clock is asked, so that the result
depends on the rules file and the files of its sets only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from conntrack.policy import course, why
from conntrack.policy.policy import Policy
from conntrack.policy.problems import Wrong
from conntrack.policy.questions import queries
from conntrack.policy.runtime import Query, Rule
from conntrack.policy.values import Case


class Failed(NamedTuple):
    """A test that did not come out as it says."""

    case: Case
    got: str  # accept, drop, reject; "" where it could not be asked
    rule: Rule | None  # what decided
    detail: str  # of which kind of traffic, or why it could not be asked

    def __str__(self) -> str:
        case = self.case
        if self.rule is None:
            return f"{case.position}: {case.text}: {self.detail}"
        told = f"expected {case.verdict}, got {self.got} for {self.detail} by {self.rule.why()}"
        return f"{case.position}: {case.text}: {told} of {self.rule.pair}"


def selftest(policy: Policy, cases: Iterable[Case]) -> list[Failed]:
    """The tests that fail, in their order; of a service with several kinds of traffic, the first kind that does."""
    found = (_run(policy, case) for case in cases)
    return [failed for failed in found if failed is not None]


def _run(policy: Policy, case: Case) -> Failed | None:
    try:
        asked = queries(policy, case, None)
    except Wrong as wrong:
        return Failed(case, "", None, f"{wrong.message}{f' ({wrong.hint})' if wrong.hint else ''}")
    failures = (_ask(policy, case, query) for query in asked)
    return next((failed for failed in failures if failed is not None), None)


def _ask(policy: Policy, case: Case, query: Query) -> Failed | None:
    rule = course.follow(policy, query).decision
    got = why.verdict(rule)
    return None if got == case.verdict else Failed(case, got, rule, why.service(query))
