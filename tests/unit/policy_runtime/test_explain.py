"""What `explain` says: the phases, the rule that decides, and why nearer ones did not."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from conntrack.policy.compile import compile_policy
from conntrack.policy.explain import explain
from conntrack.policy.load import load_text
from conntrack.policy.policy import Policy
from conntrack.policy.problems import Wrong
from tests.unit.policy_runtime.rulebook import policy

#: Unix time of Wednesday 2026-06-10 12:00 UTC
WEDNESDAY = 1781092800.0

RULES = """
    sets:
      admins: {members: [203.0.113.0/29]}
      blocklist: {file: blocklist.txt}
    nat:
      - {name: out, masquerade: wan, from: [lan, guest]}
      - {name: shop, forward: https, at: wan, to: 192.168.10.20, hairpin: [lan], limit: 50/second per source}
      - {name: mail, forward: smtp, at: wan, to: 192.168.10.25, source: '!192.0.2.0/24'}
    policy:
      any -> any:
        - {name: blocked, drop: any, source: blocklist}
      lan -> wan:
        - {name: no-mail, reject: [smtp]}
        - {name: everything, accept: any}
      guest -> wan:
        - {name: guest-web, accept: [http, https], when: daily 07:00-11:00}
        - {name: guest-six, accept: any, family: ipv6}
      wan -> self:
        - {name: admin-ssh, accept: [ssh], source: admins}
        - {name: ping, accept: [ping]}
      wan -> lan: drop
"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder: Path = tmp_path_factory.mktemp("rules")
    (folder / "blocklist.txt").write_text("198.51.100.66\n")
    return policy(RULES, folder)


def one(rules: Policy, line: str) -> dict[str, Any]:
    """The only connection that a line stands for."""
    (connection,) = explain(rules, line, WEDNESDAY)["connections"]
    assert isinstance(connection, dict)
    return connection


def steps(connection: dict[str, Any]) -> dict[str, str]:
    return {step["phase"]: step["text"] for step in connection["steps"]}


def passed(connection: dict[str, Any], phase: str) -> dict[str, list[str]]:
    """Rule → why it did not match."""
    (found,) = (step["passed"] for step in connection["steps"] if step["phase"] == phase)
    return {each["rule"]["name"]: each["because"] for each in found}


def line_of(rules: Policy, name: str) -> int:
    return next(int(rule.line) for rule in rules.rules if rule.name == name)


def test_a_blocked_connection(rules: Policy) -> None:
    found = one(rules, "wan 198.51.100.9 -> self tcp/22")

    assert (found["verdict"], found["reason"]) == ("drop", "no-rule")
    assert found["rule"] == {"name": "default", "pair": "wan -> self", "file": "", "line": 0}
    assert passed(found, "policy") == {
        "blocked": ["source 198.51.100.9 is not in set blocklist"],
        "admin-ssh": ["source 198.51.100.9 is not in set admins"],
        "ping": ["tcp/22 is none of ping"],
    }
    assert list(steps(found)) == ["zones", "destination NAT", "policy"]


def test_an_accepted_connection_goes_through_every_phase(rules: Policy) -> None:
    found = one(rules, "lan 192.168.10.5 -> 1.1.1.1 tcp/443")
    line = line_of(rules, "everything")

    assert (found["verdict"], found["reason"]) == ("accept", "")
    assert found["connection"] == "lan 192.168.10.5 -> wan 1.1.1.1 tcp/443"
    assert steps(found) == {
        "zones": "lan 192.168.10.5 -> wan 1.1.1.1 tcp/443",
        "destination NAT": "none: no rule matches",
        "policy": f"accept by everything (rules.yaml:{line}) of lan -> wan",
        "source NAT": f"by out (rules.yaml:{int(rules.nat_rules[0].line)})",
    }
    assert found["rule"] == {"name": "everything", "pair": "lan -> wan", "file": "rules.yaml", "line": line}


def test_rules_behind_the_deciding_one_are_not_told(rules: Policy) -> None:
    found = one(rules, "lan 192.168.10.5 -> 1.1.1.1 tcp/25")

    assert (found["verdict"], found["reason"], found["rule"]["name"]) == ("reject", "", "no-mail")
    assert list(passed(found, "policy")) == ["blocked"]


def test_a_forward(rules: Policy) -> None:
    found = one(rules, "wan 198.51.100.9 -> self tcp/443")
    told = steps(found)

    assert told["destination NAT"].startswith("to 192.168.10.20 tcp/443 in zone lan by shop (rules.yaml:")
    assert told["policy"].startswith("accept by shop (rules.yaml:")
    assert told["policy"].endswith("of nat, as long as the limit 50/second per source is not used up")
    assert told["source NAT"] == "none: no rule matches, or one exempts it"
    assert list(passed(found, "policy")) == ["blocked"]  # what stands before the default `wan -> lan: drop`


def test_a_hairpin(rules: Policy) -> None:
    told = steps(one(rules, "lan 192.168.10.5 -> self tcp/443"))
    named = steps(one(rules, "lan 192.168.10.5 -> self 203.0.113.1 tcp/443"))

    assert told["source NAT"] == "to the address that was asked for, so that the answers come back this way (hairpin)"
    assert named["source NAT"] == "to 203.0.113.1, so that the answers come back this way (hairpin)"


def test_why_a_forward_does_not_catch_a_connection(rules: Policy) -> None:
    excepted = one(rules, "wan 192.0.2.7 -> self tcp/25")
    elsewhere = one(rules, "wan 198.51.100.9 -> 192.168.10.20 tcp/443")

    assert passed(excepted, "destination NAT") == {
        "shop": ["tcp/25 is none of https"],
        "mail": ["source 192.0.2.7 is excepted by !192.0.2.0/24"],
    }
    assert passed(elsewhere, "destination NAT") == {
        "shop": ["the destination is not an address of its zone"],
        "mail": ["the destination is not an address of its zone", "tcp/443 is none of smtp"],
    }


def test_a_schedule_is_closed_now_and_open_at_another_time(rules: Policy) -> None:
    now = one(rules, "guest 192.168.20.5 -> 1.1.1.1 tcp/443")
    early = one(rules, "guest 192.168.20.5 -> 1.1.1.1 tcp/443 at wed 10:59")

    assert now["verdict"] == "drop"
    assert passed(now, "policy")["guest-web"] == ["schedule daily 07:00-11:00 is closed then"]
    assert passed(now, "policy")["guest-six"] == ["it is for IPv6 only"]
    assert (early["verdict"], early["rule"]["name"]) == ("accept", "guest-web")


def test_everything_that_a_rule_lacks_is_told(rules: Policy) -> None:
    found = one(rules, "guest 192.168.20.5 -> 1.1.1.1 udp/9")

    assert passed(found, "policy")["guest-web"] == [
        "udp/9 is none of http, https",
        "schedule daily 07:00-11:00 is closed then",
    ]


def test_built_in_rules_decide_but_are_not_told_as_passed(rules: Policy) -> None:
    found = one(rules, "wan 192.0.2.1:67 -> self udp/68")

    assert (found["verdict"], found["rule"]["name"], found["rule"]["pair"]) == ("accept", "dhcp-client", "built-in")
    assert passed(found, "policy") == {}


def test_the_gateway_s_own_connections(rules: Policy) -> None:
    found = one(rules, "self -> 1.1.1.1 tcp/443")

    assert steps(found)["zones"] == "self any address of the gateway -> wan 1.1.1.1 tcp/443"
    assert steps(found)["destination NAT"] == "none: the gateway's own connections keep their destination"
    assert passed(found, "policy") == {"blocked": ["an unnamed source is not in set blocklist"]}


def test_a_set_s_members_of_this_moment(rules: Policy) -> None:
    assert one(rules, "lan 198.51.100.66 -> 1.1.1.1 tcp/443")["rule"]["name"] == "blocked"


def test_a_service_of_several_kinds(rules: Policy) -> None:
    found = explain(rules, "wan 203.0.113.1 -> self dns", WEDNESDAY)

    assert found["question"] == "wan 203.0.113.1 -> self dns"
    assert [connection["connection"].split()[-1] for connection in found["connections"]] == ["udp/53", "tcp/53"]
    assert found["verdict"] == "drop"


def test_accept_takes_all_of_them() -> None:
    half = policy("policy: {lan -> wan: [{accept: [tcp/53]}, {reject: any}]}")

    found = explain(half, "lan 192.168.10.5 -> 1.1.1.1 dns", WEDNESDAY)

    assert [connection["verdict"] for connection in found["connections"]] == ["reject", "accept"]
    assert found["verdict"] == "reject"


def test_explaining_leaves_no_trace(rules: Policy) -> None:
    for _ in range(100):
        explain(rules, "wan 198.51.100.9 -> self tcp/443", WEDNESDAY)

    shop = rules.nat_rules[1]
    assert shop.rule is not None and shop.rule.limit is not None
    assert (shop.hits, shop.rule.hits, shop.rule.limit.sources()) == (0, 0, 0)


def test_it_can_be_sent_as_json(rules: Policy) -> None:
    found = explain(rules, "wan 198.51.100.9 -> self ping", WEDNESDAY)

    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    "line", ["lan 192.168.10.5 1.1.1.1 tcp/443", "dmz 1.1.1.1 -> 1.1.1.2 tcp/1", "lan 1.1.1.1 -> x"]
)
def test_a_question_that_cannot_be_read(rules: Policy, line: str) -> None:
    with pytest.raises(Wrong):
        explain(rules, line, WEDNESDAY)


CUSTOMERS = """\
version: 1
zones:
  wan: {interfaces: [eth0]}
  alfa: {interfaces: [eth1], networks: [10.0.0.0/24], space: alfa, mark: 1}
  beta: {interfaces: [eth2], networks: [10.0.0.0/24], space: beta, mark: 2}
nat:
  - {masquerade: wan, from: alfa}
  - {forward: http, at: wan, to: 10.0.0.5, inside: beta}
policy:
  alfa, beta -> wan: accept
  beta -> alfa: accept
"""


@pytest.fixture(scope="module")
def customers() -> Policy:
    return compile_policy(load_text(CUSTOMERS, "rules.yaml"), time.gmtime)


def test_what_cannot_leave_its_address_space_is_dropped_whatever_the_rule_says(customers: Policy) -> None:
    assert one(customers, "alfa 10.0.0.5 -> wan 1.1.1.1 tcp/80")["verdict"] == "accept"
    stranded = one(customers, "beta 10.0.0.5 -> wan 1.1.1.1 tcp/80")
    assert (stranded["verdict"], stranded["reason"]) == ("drop", "nat-required")
    assert steps(stranded)["policy"].startswith("accept by alfa, beta -> wan #1 ")
    assert steps(stranded)["source NAT"].startswith("none, so it is dropped (nat-required)")
    assert one(customers, "beta 10.0.0.5 -> alfa 10.0.0.7 tcp/80")["reason"] == "nat-required"


def test_an_address_is_looked_for_in_the_space_of_who_asks(customers: Policy) -> None:
    assert " -> alfa 10.0.0.7" in steps(one(customers, "alfa 10.0.0.5 -> 10.0.0.7 tcp/80"))["zones"]
    assert " -> beta 10.0.0.7" in steps(one(customers, "beta 10.0.0.5 -> 10.0.0.7 tcp/80"))["zones"]
    assert " -> wan 10.0.0.7" in steps(one(customers, "wan 198.51.100.9 -> 10.0.0.7 tcp/80"))["zones"]
    forwarded = one(customers, "wan 198.51.100.9 -> self tcp/80")
    assert " in zone beta by " in steps(forwarded)["destination NAT"]
    assert forwarded["verdict"] == "accept"


def test_a_helper_that_reads_the_connection_is_named() -> None:
    rules = policy("""
        nat:
          - {name: files, forward: ftp, at: wan, to: "192.168.10.21:2121"}
        policy:
          lan -> wan: [{name: out, accept: [ftp, http]}, {name: odd, accept: tcp/2121, helper: ftp}]
    """)
    wanted = "ftp reads it, and lets in what it announces"
    assert steps(one(rules, "lan 192.168.10.5 -> 1.1.1.1 ftp"))["helper"] == wanted
    assert steps(one(rules, "lan 192.168.10.5 -> 1.1.1.1 tcp/2121"))["helper"] == wanted
    assert steps(one(rules, "wan 198.51.100.9 -> self ftp"))["helper"] == wanted
    assert "helper" not in steps(one(rules, "lan 192.168.10.5 -> 1.1.1.1 http"))
