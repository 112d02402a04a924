"""Commands that need no daemon: check, explain with --rules, schema; and `run` where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conntrack.service.exits import BAD_CONFIGURATION, DROPPED, FAILED, OK, REJECTED, USAGE
from tests.unit.cli.conftest import Run

RULES = """\
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {name: internet, masquerade: wan, from: [lan]}
policy:
  lan -> wan:
    - {name: no-mail, drop: [tcp/25]}
    - {name: no-telnet, reject: [tcp/23]}
    - {name: outbound, accept: any}
tests:
  - lan 192.168.10.5 -> 1.1.1.1 tcp/443 = accept
  - lan 192.168.10.5 -> 1.1.1.1 tcp/25 = drop
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path / "rules.yaml"


def test_a_good_file(path: Path, run: Run) -> None:
    ran = run("check", path)
    assert (ran.code, ran.err) == (OK, "")
    assert ran.lines[-1] == f"{path}: ok: 2 zones, 3 rules, 1 NAT rules, 2 of 2 tests passed"
    assert "established, related, invalid, loopback, neighbour" in ran.lines[0]


def test_the_built_in_rules_and_what_they_are_for(path: Path, run: Run) -> None:
    out = run("check", path, "--built-ins").out
    for name in ("established", "dhcp-client", "errors", "no-zone", "default"):
        assert f"built in: {name} " in out


def test_a_mistake_is_shown_where_it_is(path: Path, run: Run) -> None:
    path.write_text(RULES.replace("from: [lan]", "from: [lam]"))
    ran = run("check", path)
    assert ran.code == BAD_CONFIGURATION
    assert f"{path}:6:" in ran.err
    assert "^" in ran.err
    assert 'did you mean "lan"?' in ran.err
    assert ran.err.endswith("1 mistake\n")
    assert ran.out == ""


def test_a_failing_test_fails_the_check(path: Path, run: Run) -> None:
    path.write_text(RULES.replace("tcp/25 = drop", "tcp/25 = accept"))
    ran = run("check", path)
    assert ran.code == BAD_CONFIGURATION
    assert "rules.yaml:14" in ran.err
    assert "expected accept, got drop" in ran.err
    assert "FAILED: 2 zones" in ran.out
    assert "1 of 2 tests passed" in ran.out


def test_a_check_for_programs(path: Path, run: Run) -> None:
    good = json.loads(run("check", path, "-o", "json").out)
    assert (good["ok"], good["rules"], good["nat"], good["tests"], good["zones"]) == (
        True,
        3,
        1,
        2,
        ["self", "wan", "lan"],
    )
    path.write_text("version: 2\n")
    ran = run("check", path, "-o", "jsonl")
    assert ran.code == BAD_CONFIGURATION
    bad = json.loads(ran.out)
    assert not bad["ok"]
    assert bad["problems"]


def test_a_file_that_is_not_there(tmp_path: Path, run: Run) -> None:
    ran = run("check", tmp_path / "none.yaml")
    assert ran.code == BAD_CONFIGURATION
    assert "cannot be read" in ran.err


@pytest.mark.parametrize(
    ("service", "code", "rule"),
    [("tcp/443", OK, "outbound"), ("tcp/25", DROPPED, "no-mail"), ("tcp/23", REJECTED, "no-telnet")],
)
def test_explain_names_the_deciding_rule(service: str, code: int, rule: str, path: Path, run: Run) -> None:
    ran = run("explain", f"lan 192.168.10.5 -> 1.1.1.1 {service}", "--rules", path)
    assert ran.code == code
    assert f" by {rule} ({path}:" in ran.lines[-1]
    assert [line.split(":")[0].strip() for line in ran.lines if not line.startswith("   ")][:3] == [
        "zones",
        "destination NAT",
        "policy",
    ]


def test_explain_tells_what_kept_a_rule_from_matching(path: Path, run: Run) -> None:
    out = run("explain", "lan 192.168.10.5 -> 1.1.1.1 tcp/443", "--rules", path).out
    assert f"    not no-mail ({path}:9): tcp/443 is none of tcp/25" in out


def test_explain_of_several_kinds_of_traffic(path: Path, run: Run) -> None:
    ran = run("explain", "lan 192.168.10.5 -> 1.1.1.1 dns", "--rules", path)
    assert ran.code == OK
    assert "lan 192.168.10.5 -> wan 1.1.1.1 udp/53:" in ran.lines
    assert "lan 192.168.10.5 -> wan 1.1.1.1 tcp/53:" in ran.lines
    assert ran.lines[-1] == "accept"


def test_explain_for_programs(path: Path, run: Run) -> None:
    ran = run("explain", "lan 192.168.10.5 -> 1.1.1.1 tcp/25", "--rules", path, "-o", "json")
    told = json.loads(ran.out)
    assert (ran.code, told["verdict"], told["connections"][0]["reason"]) == (DROPPED, "drop", "policy-drop")


@pytest.mark.parametrize("question", ["nonsense", "lam 192.168.10.5 -> 1.1.1.1 tcp/25", "lan 192.168.10.5 -> 1.1.1.1"])
def test_explain_what_is_no_question(question: str, path: Path, run: Run) -> None:
    ran = run("explain", question, "--rules", path)
    assert ran.code == USAGE
    assert ran.err.startswith("pairwall: ")


def test_explain_with_a_bad_file(path: Path, run: Run) -> None:
    path.write_text(RULES.replace("masquerade: wan", "masquerade: wam"))
    ran = run("explain", "lan 192.168.10.5 -> 1.1.1.1 tcp/25", "--rules", path)
    assert ran.code == BAD_CONFIGURATION
    assert "the rules file has 1 mistake\n" in ran.err


def test_schema(run: Run) -> None:
    found = json.loads(run("schema").out)
    assert found["$schema"].startswith("https://json-schema.org/")
    assert {"version", "zones", "policy", "nat"} <= set(found["properties"])


def test_run_refuses_bad_rules(path: Path, run: Run) -> None:
    path.write_text(RULES.replace("tcp/25 = drop", "tcp/25 = accept"))
    ran = run("run", "--rules", path)
    assert ran.code == BAD_CONFIGURATION
    assert "expected accept, got drop" in ran.err


def test_run_needs_rules(run: Run) -> None:
    assert run("run").code == USAGE
    assert run("run", "--rules", "x", "--queue-backend", "magic").code == USAGE


def test_whose_a_port_is_by_a_file_alone(path: Path, run: Run) -> None:
    path.write_text(
        "version: 1\nzones:\n  wan: {interfaces: [eth0]}\n  lan: {interfaces: [eth1]}\nnat:\n"
        "  - {name: homes, source-nat: 203.0.113.8/31, at: wan, source: 100.64.0.0/24,\n"
        "     port-blocks: {size: 500, allocation: deterministic}}\n"
    )
    ran = run("nat", "whose", "203.0.113.9", 1530, "--rules", path)
    assert ran.code == OK
    assert ran.lines[1].split() == ["100.64.0.130", "203.0.113.9", "1524-2023", "deterministic", "-", "-", "homes"]
    assert run("nat", "whose", "203.0.113.10", 1530, "--rules", path).code == FAILED
    early = run("nat", "whose", "203.0.113.9", 1530, "1999-12-31T12:00", "--rules", path)
    assert "has been changed since" in early.err
    assert run("nat", "whose", "203.0.113.999", 1530, "--rules", path).code == USAGE
