"""From a rules file to rules that may be put in force: read, checked, compiled, tested.

Lives here: that order. May not live here: any of the steps (policy/), putting in force (reload.py).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from conntrack.policy.compile import compile_policy
from conntrack.policy.document import Document
from conntrack.policy.load import load
from conntrack.policy.policy import Policy
from conntrack.policy.problems import PolicyError
from conntrack.policy.selftest import Failed, selftest


class Rules(NamedTuple):
    """A rules file that has no mistakes. `failed`: those of its tests that did not come out as they must."""

    document: Document
    policy: Policy
    failed: list[Failed]


class Unfit(Exception):
    """The rules may not be put in force; `problems` are for people, each may have several lines."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_rules(path: Path) -> Rules:
    """Reads, checks and compiles a rules file and runs its tests. PolicyError: it has mistakes."""
    document = load(path)
    policy = compile_policy(document, time.localtime)
    return Rules(document, policy, selftest(policy, document.tests))


def fit_rules(path: Path) -> Rules:
    """The same, for rules that are to be put in force. Unfit: mistakes, or failed tests."""
    try:
        rules = read_rules(path)
    except PolicyError as error:
        raise Unfit([str(problem) for problem in error.problems]) from None
    if rules.failed:
        raise Unfit([str(failed) for failed in rules.failed])
    return rules
