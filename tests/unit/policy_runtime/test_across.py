"""NAT64 as `explain`, `tests:` and the compiled policy see it, without a packet."""

from __future__ import annotations

import time

import pytest

from conntrack.policy.compile import compile_policy
from conntrack.policy.explain import explain
from conntrack.policy.load import load_text
from conntrack.policy.nat_rule import NAT64
from conntrack.policy.policy import Policy
from conntrack.policy.selftest import selftest

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: ["2001:db8:10::/64"]}
  dmz: {interfaces: [eth2], networks: [192.168.20.0/24]}
  apart: {interfaces: [eth3], space: other, networks: ["2001:db8:10::/64"]}
sets:
  bad: {members: [198.51.100.66]}
nat:
  - {name: to-ipv4, nat64: "64:ff9b::/96", at: wan, ports: 20000-29999}
  - {name: to-dmz, nat64: "2001:db8:64::/96", at: dmz, source: "2001:db8:10::5", when: mon-fri 08:00-18:00}
  - {name: own-prefix, nat64: "2001:db8:64::/96", at: wan}
  - {name: internet, masquerade: wan}
policy:
  lan -> wan:
    - {name: blocked, reject: any, destination: bad}
    - {name: old, drop: any, family: ipv4}
    - {name: open, accept: any}
  lan -> dmz: accept
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    return compile_policy(load_text(RULES, "rules.yaml"), time.gmtime)


@pytest.mark.parametrize(
    ("line", "verdict", "rule"),
    [
        ("lan 2001:db8:10::5 -> 64:ff9b::192.0.2.1 https", "accept", "open"),
        ("lan 2001:db8:10::5 -> 64:ff9b::192.0.2.1 ping", "accept", "open"),
        ("lan 2001:db8:10::5 -> 64:ff9b::198.51.100.66 https", "reject", "blocked"),
        ("lan 2001:db8:10::5 -> 64:ff9b::192.168.20.7 https", "drop", "no-zone"),  # private: not by this prefix
        ("lan 2001:db8:10::5 -> 2001:db8:64::192.168.20.7 https at wed 10:00", "accept", "lan -> dmz #1"),
        ("lan 2001:db8:10::5 -> 2001:db8:64::192.168.20.7 https at sun 10:00", "drop", "no-zone"),
        ("lan 2001:db8:10::6 -> 2001:db8:64::192.168.20.7 https at wed 10:00", "drop", "no-zone"),
        ("lan 2001:db8:10::6 -> 2001:db8:64::192.0.2.1 https", "accept", "open"),
        ("lan 2001:db8:10::5 -> 64:ff9b::192.0.2.1 ipsec-esp", "drop", "no-zone"),
        ("lan 2001:db8:10::5 -> 2001:db8:99::1 https", "accept", "open"),
    ],
)
def test_what_becomes_of_a_connection(policy: Policy, line: str, verdict: str, rule: str) -> None:
    if "ipsec-esp" in line:
        line = line.replace("ipsec-esp", "proto/50")
    told = explain(policy, line, 0.0)
    [connection] = told["connections"]
    assert (told["verdict"], connection["rule"]["name"]) == (verdict, rule)


def test_it_is_explained_phase_by_phase(policy: Policy) -> None:
    [connection] = explain(policy, "lan 2001:db8:10::5 -> 64:ff9b::192.0.2.1 https", 0.0)["connections"]
    steps = {step["phase"]: step["text"] for step in connection["steps"]}
    assert steps["destination NAT"] == "to 192.0.2.1 tcp/443 in zone wan by to-ipv4 (rules.yaml:11)"
    assert steps["source NAT"] == "by to-ipv4 (rules.yaml:11)"
    assert [step["passed"] for step in connection["steps"] if step["phase"] == "source NAT"] == [[]]


def test_why_a_rule_about_ipv4_did_not_match_is_told(policy: Policy) -> None:
    [connection] = explain(policy, "lan 2001:db8:10::5 -> 64:ff9b::192.0.2.1 https", 0.0)["connections"]
    [passed] = [step["passed"] for step in connection["steps"] if step["phase"] == "policy"]
    because = {one["rule"]["name"]: one["because"] for one in passed}
    assert because["blocked"] == ["destination 192.0.2.1 is not in set bad"]
    assert because["old"] == ["it is for IPv4 only"]


def test_the_compiled_entry(policy: Policy) -> None:
    first = policy.crossings[0]
    assert first.nat is not None
    assert (first.nat.kind, first.nat.prefix, first.nat.addresses) == (
        NAT64,
        96,
        [bytes.fromhex("0064ff9b") + bytes(12)],
    )
    assert (first.nat.port_low, first.nat.port_high, first.nat.endpoint_independent) == (20000, 29999, True)
    named = {policy.zones[number].name for number in first.zones_in}
    assert named == {"wan", "lan", "dmz"}  # neither the gateway nor a zone with a space of its own


def test_a_file_without_it_has_none() -> None:
    text = RULES[: RULES.index("nat:")] + RULES[RULES.index("policy:") :]
    assert compile_policy(load_text(text, "rules.yaml"), time.gmtime).crossings == []


def test_a_test_in_the_file_that_fails_names_the_rule() -> None:
    text = RULES + 'tests:\n  - "lan 2001:db8:10::5 -> 64:ff9b::198.51.100.66 https = accept"\n'
    document = load_text(text, "rules.yaml")
    [failed] = selftest(compile_policy(document, time.gmtime), document.tests)
    assert "got reject for tcp/443 by blocked" in str(failed)
