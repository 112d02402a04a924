"""The client's other commands: what they ask and how they show the answer."""

from __future__ import annotations

import json
import time

import pytest

from conntrack.service.exits import BAD_CONFIGURATION, FAILED, OK, USAGE
from conntrack.service.protocol import Item
from tests.unit.cli.conftest import Run, Script

RULE: Item = {
    "number": 9,
    "name": "outbound",
    "pair": "lan -> wan",
    "action": "accept",
    "hits": 12,
    "log": "",
    "mark": 0,
    "dscp": None,
    "file": "rules.yaml",
    "line": 12,
}
NAT: Item = {
    "number": 0,
    "name": "internet",
    "kind": "masquerade",
    "zone": "wan",
    "addresses": ["203.0.113.5"],
    "ports": None,
    "endpoint_independent": False,
    "hits": 2,
    "failures": 0,
    "ports_held": 2,
    "file": "rules.yaml",
    "line": 6,
}
STATUS: Item = {
    "version": "0.1.0",
    "pid": 42,
    "uptime": 90061.5,
    "configuration": {
        "file": "/etc/pairwall/rules.yaml",
        "hash": "c0ffee" * 10,
        "generation": 3,
        "loaded": 0.0,
        "last_load_ok": True,
        "problems": [],
    },
    "connections": {"count": 17, "limit": 262144},
    "queue": {"backend": "netlink", "number": 0},
    "fastpath": {"active": False, "why": "switched off"},
    "on_failure": "drop",
}
STATS: Item = {
    "connections": {"count": 3, "limit": 0, "by_protocol": {"tcp": {"SYN_SENT": 2}, "udp": {"UNREPLIED": 1}}},
    "created": 3,
    "ended": {"timeout": 1},
    "expectations": {"waiting": 1, "created": 5, "met": 3, "expired": 1, "refused": 2},
    "packets": [{"from": "lan", "to": "wan", "accepted": 2, "dropped": 1, "rejected": 0, "bytes": 6800}],
    "drops": {"no-rule": 1, "policy-drop": 5},
}


def cells(line: str) -> list[str]:
    return [cell for cell in line.split("  ") if cell]


def test_rules(ask: Run, script: Script) -> None:
    script.items("rules", RULE, {**RULE, "name": "established", "pair": "built-in", "line": 0, "file": ""})
    lines = ask("rules", "--pair", "lan -> wan", "--unused").lines
    assert script.asked == [("rules", {"pair": "lan -> wan", "unused": True})]
    assert [cell.strip() for cell in cells(lines[1])] == [
        "lan -> wan",
        "outbound",
        "accept",
        "12",
        "-",
        "rules.yaml:12",
    ]
    assert lines[2].endswith("built-in")


def test_nat(ask: Run, script: Script) -> None:
    script.items("nat", NAT)
    ran = ask("nat")
    assert ran.lines[0].split() == "NAME KIND ZONE ADDRESSES HITS FAILURES PORTS HELD WHERE".split()
    assert ran.lines[1].split() == ["internet", "masquerade", "wan", "203.0.113.5", "2", "0", "2", "rules.yaml:6"]
    assert json.loads(ask("nat", "-o", "jsonl").out) == NAT


BLOCK: Item = {
    "subscriber": "100.64.0.5",
    "address": "203.0.113.7",
    "ports": [1024, 1535],
    "rule": "subscribers",
    "connections": 3,
    "allocation": "on-demand",
    "since": 1.7e9,
    "until": None,
}


def test_nat_blocks(ask: Run, script: Script) -> None:
    script.items("nat blocks", BLOCK)
    ran = ask("nat", "blocks")
    assert ran.lines[1].split()[:4] == ["100.64.0.5", "203.0.113.7", "1024-1535", "on-demand"]
    assert json.loads(ask("nat", "blocks", "-o", "jsonl").out) == BLOCK


def test_nat_whose(ask: Run, script: Script) -> None:
    script.items("nat whose", BLOCK)
    assert ask("nat", "whose", "203.0.113.7", 1100, "1700000000").lines[1].startswith("100.64.0.5")
    assert script.asked[-1] == ("nat whose", {"address": "203.0.113.7", "port": 1100, "time": 1.7e9})
    assert ask("nat", "whose", "203.0.113.7", 1100, "yesterday").code == USAGE
    assert ask("nat", "whose", "203.0.113.7", 70000).code == USAGE


MAPPING: Item = {
    "protocol": "tcp",
    "address": "192.168.10.5",
    "port": 8080,
    "outside_address": "203.0.113.7",
    "outside_port": 9000,
    "connections": 0,
    "open": True,
    "zone": "wan",
    "owner": "administrator",
    "expires": 3600,
}


def test_nat_map(ask: Run, script: Script) -> None:
    script.items("nat map", MAPPING)
    ran = ask("nat", "map", "tcp", "192.168.10.5:8080", "--outside", "9000", "--lifetime", "3600")
    assert ran.lines[1].split()[:5] == ["tcp", "192.168.10.5:8080", "203.0.113.7:9000", "0", "wan"]
    command, arguments = script.asked[-1]
    assert command == "nat map"
    assert (arguments["address"], arguments["port"]) == ("192.168.10.5", 8080)
    assert (arguments["outside_address"], arguments["outside_port"]) == ("", 9000)
    assert ask("nat", "map", "tcp", "192.168.10.5").code == USAGE
    assert ask("nat", "map", "tcp", "2001:db8::5:80").code == USAGE


def test_nat_unmap_of_ipv6(ask: Run, script: Script) -> None:
    script.items("nat unmap", MAPPING)
    assert ask("nat", "unmap", "udp", "[2001:db8::5]:80").code == OK
    assert script.asked[-1][1] == {"protocol": "udp", "address": "2001:db8::5", "port": 80, "zone": None}


def test_nat_mappings(ask: Run, script: Script) -> None:
    script.items("nat mappings", {**MAPPING, "open": False, "zone": "", "owner": None, "expires": None})
    assert ask("nat", "mappings").lines[1].split()[4:] == ["peers", "only", "-", "-"]


@pytest.mark.parametrize("command", ["nat", "rules", "sets"])
def test_none_is_exit_code_1(command: str, ask: Run, script: Script) -> None:
    script.items(command)
    assert ask(command).code == FAILED


def test_sets(ask: Run, script: Script) -> None:
    common = {"intervals": 1, "generation": 0, "failures": 0}
    script.items(
        "sets",
        {"name": "admins", "members": 2, "file": "", "refresh": 0.0, "refreshed": None, **common},
        {"name": "bad", "members": 9, "file": "/x/bad.txt", "refresh": 3600, "refreshed": time.time() - 61, **common},
    )
    lines = ask("sets", "--holding", "192.0.2.1").lines
    assert script.asked == [("sets", {"holding": "192.0.2.1"})]
    assert lines[1].split() == ["admins", "2", "-", "-", "-", "0"]
    assert lines[2].split()[:3] == ["bad", "9", "/x/bad.txt"]
    assert " ago " in lines[2]
    assert " 1h " in lines[2]


def test_status(ask: Run, script: Script) -> None:
    script.items("status", STATUS)
    ran = ask("status")
    assert ran.code == OK
    assert "running      version 0.1.0, pid 42, up 1d1h" in ran.lines
    assert "rules        /etc/pairwall/rules.yaml, generation 3, c0ffeec0ffee" in ran.lines
    assert "connections  17 of 262144" in ran.lines
    assert "last reload" not in ran.out
    assert json.loads(ask("status", "-o", "json").out) == STATUS


def test_status_after_a_failed_reload(ask: Run, script: Script) -> None:
    failed = {**STATUS["configuration"], "last_load_ok": False, "problems": ["rules.yaml:3:1: unknown zone"]}
    script.items("status", {**STATUS, "configuration": failed})
    out = ask("status").out
    assert "FAILED" in out
    assert "rules.yaml:3:1: unknown zone" in out


def test_stats(ask: Run, script: Script) -> None:
    script.items("stats", STATS)
    lines = [line.split("  ") for line in ask("stats").lines]
    found = {parts[0].strip() or parts[1].strip(): parts[-1].strip() for parts in lines}
    assert found["connections"] == "3 of no limit"
    assert found["tcp"] == "syn_sent 2"
    assert found["lan -> wan"] == "2 / 1 / 0, 6.8kB"
    assert found["not passed"] == "6"
    assert found["expected"] == "1 waiting, 3 came, 2 refused"
    shown = ask("stats").out
    assert shown.index("policy-drop") < shown.index("no-rule")  # the worst first
    assert json.loads(ask("stats", "-o", "json").out) == STATS


def test_live_stats_go_on_until_the_daemon_is_gone(ask: Run, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[float] = []

    def sleep(seconds: float) -> None:
        rounds.append(seconds)
        if len(rounds) == 2:
            del script.answers["stats"]

    script.items("stats", STATS)
    monkeypatch.setattr(time, "sleep", sleep)
    ran = ask("stats", "--live", 5, "-o", "jsonl")
    assert ran.code == 69
    assert [json.loads(line) for line in ran.lines] == [STATS, STATS]
    assert rounds == [5.0, 5.0]


def test_reload(ask: Run, script: Script) -> None:
    script.items("reload", {"ok": True, "file": "rules.yaml", "generation": 4, "problems": ["warning: odd"]})
    ran = ask("reload")
    assert (ran.code, ran.out, ran.err) == (OK, "rules.yaml: loaded, generation 4\n", "warning: odd\n")


def test_a_failed_reload(ask: Run, script: Script) -> None:
    problem = "rules.yaml:3:1: unknown zone"
    script.items("reload", {"ok": False, "file": "rules.yaml", "generation": 3, "problems": [problem]})
    ran = ask("reload")
    assert ran.code == BAD_CONFIGURATION
    assert ran.err.splitlines() == [problem, "pairwall: the old rules are still in force"]


def test_explain_asks_the_daemon(ask: Run, script: Script) -> None:
    rule = {"name": "no-mail", "pair": "lan -> wan", "file": "rules.yaml", "line": 9}
    step = {"phase": "policy", "text": "drop by no-mail (rules.yaml:9) of lan -> wan", "passed": []}
    connection = {"connection": "x", "verdict": "drop", "reason": "policy-drop", "rule": rule, "steps": [step]}
    script.items("explain", {"question": "x", "verdict": "drop", "connections": [connection]})
    ran = ask("explain", "lan 192.168.10.5 -> 1.1.1.1 tcp/25")
    assert script.asked == [("explain", {"query": "lan 192.168.10.5 -> 1.1.1.1 tcp/25"})]
    assert ran.code == 3
    assert ran.lines[-1] == "  drop by no-mail (rules.yaml:9), counted as policy-drop"
