"""Policies from a few lines of a rules file, and connections to ask them about."""

from __future__ import annotations

import time
from pathlib import Path
from textwrap import dedent

from conntrack.policy.cases import question
from conntrack.policy.compile import compile_policy
from conntrack.policy.course import Course, follow
from conntrack.policy.document import Document
from conntrack.policy.load import load_text
from conntrack.policy.policy import Policy
from conntrack.policy.questions import queries
from conntrack.policy.runtime import Query, Rule

#: three zones and a DHCP client; every test's rules follow it
ZONES = """\
version: 1
zones:
  wan: {interfaces: [eth0], dhcp: client}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, fd10::/64]}
  guest: {interfaces: [eth2], networks: [192.168.20.0/24]}
"""
WAN, LAN, GUEST = 1, 2, 3


def document(rules: str, folder: Path | None = None) -> Document:
    """The rules file of ZONES and these rules; sets' files are looked for in `folder`."""
    return load_text(ZONES + dedent(rules), "rules.yaml", folder)


def policy(rules: str, folder: Path | None = None) -> Policy:
    """The same, compiled; schedules are in UTC."""
    return compile_policy(document(rules, folder), time.gmtime)


def asked(rules: Policy, line: str, now: float = 0.0) -> Query:
    """The first query of a line such as "lan 192.168.10.5 -> 1.1.1.1 tcp/443", at monotonic time `now`."""
    query = queries(rules, question(line), None)[0]
    query.now = now
    return query


def course(rules: Policy, line: str) -> Course:
    """What becomes of it."""
    return follow(rules, asked(rules, line))


def decided(rules: Policy, line: str, now: float = 0.0) -> Rule:
    """The rule that decides on it, by the way that the engine goes."""
    query = asked(rules, line, now)
    forward = rules.destination_nat(query)
    if forward is not None:
        query = follow(rules, query).query
    return rules.decide(query, forward)


def by(rules: Policy, line: str, now: float = 0.0) -> str:
    """The name of that rule."""
    return decided(rules, line, now).name
