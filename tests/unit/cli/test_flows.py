from __future__ import annotations

import json

import pytest

from conntrack.cli.flows import FILTERS
from conntrack.service import filters
from conntrack.service.exits import FAILED, OK, UNREACHABLE, USAGE
from conntrack.service.protocol import Item
from tests.unit.cli.conftest import Run, Script


def test_a_table(ask: Run, script: Script, web: Item, ping: Item) -> None:
    script.items("flows list", web, ping)
    ran = ask("flows", "list")
    assert ran.code == OK
    assert [line.split() for line in ran.lines] == [
        "ID PROTO STATE SOURCE DESTINATION LEAVES AS ZONES EXPIRES PACKETS BYTES PATH RULE".split(),
        "7 tcp ESTABLISHED 192.168.10.5:40000 1.1.1.1:443 from 203.0.113.5:40001 "
        "lan>wan 4d23h 18 10.0k slow outbound (rules.yaml:12)".split(),
        "8 icmp - 192.168.10.5:77 192.168.10.1 - lan>self 29s 1 84 slow -".split(),
    ]


def test_conntracks_own_form(ask: Run, script: Script, web: Item, ping: Item) -> None:
    script.items("flows list", web, ping)
    assert ask("flows", "list", "-o", "conntrack").lines == [
        "tcp      6 431999 ESTABLISHED src=192.168.10.5 dst=1.1.1.1 sport=40000 dport=443 packets=10 bytes=1000 "
        "src=1.1.1.1 dst=203.0.113.5 sport=443 dport=40001 packets=8 bytes=9000 [ASSURED] mark=0 use=1",
        "icmp     1 29 src=192.168.10.5 dst=192.168.10.1 type=8 code=0 id=77 packets=1 bytes=84 [UNREPLIED] "
        "src=192.168.10.1 dst=192.168.10.5 type=0 code=0 id=77 packets=0 bytes=0 mark=16 use=1",
    ]


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_json(form: str, ask: Run, script: Script, web: Item, ping: Item) -> None:
    script.items("flows list", web, ping)
    out = ask("flows", "list", "-o", form).out
    found = json.loads(out) if form == "json" else [json.loads(line) for line in out.splitlines()]
    assert found == [web, ping]


@pytest.mark.parametrize(("form", "out"), [("table", ""), ("json", "[]\n"), ("jsonl", ""), ("conntrack", "")])
def test_no_flow_is_exit_code_1(form: str, out: str, ask: Run, script: Script) -> None:
    script.items("flows list")
    ran = ask("flows", "list", "-o", form)
    assert (ran.code, ran.out) == (FAILED, out)


def test_filters_are_the_daemons_business(ask: Run, script: Script, web: Item) -> None:
    script.items("flows list", web)
    ask("flows", "list", "--port", 443, "--source-port", 40000, "--zone", "lan", "--limit", 5)
    assert script.asked == [
        ("flows list", {"filters": {"port": "443", "source_port": "40000", "zone": "lan"}, "limit": 5})
    ]


def test_every_filter_of_the_daemon_has_an_option() -> None:
    assert [name.replace("-", "_") for name in FILTERS] == list(filters.NAMES)


def test_get(ask: Run, script: Script, web: Item) -> None:
    script.items("flows get", web)
    assert json.loads(ask("flows", "get", 7, "-o", "jsonl").out) == web
    assert script.asked == [("flows get", {"id": 7})]


def test_a_refusal_has_its_exit_code(ask: Run, script: Script) -> None:
    script.answers["flows get"] = [{"error": {"kind": "missing", "message": "no flow has the ID 7"}}]
    script.answers["flows list"] = [{"error": {"kind": "usage", "message": "filter port: 0 is no port"}}]
    script.answers["flows delete"] = [{"error": {"kind": "denied", "message": "only root may"}}]
    missing, wrong, denied = ask("flows", "get", 7), ask("flows", "list"), ask("flows", "delete", 7)
    assert (missing.code, missing.err) == (FAILED, "pairwall: no flow has the ID 7\n")
    assert (wrong.code, wrong.err) == (USAGE, "pairwall: filter port: 0 is no port\n")
    assert denied.code == FAILED


def test_delete_by_id_by_filter_and_all(ask: Run, script: Script) -> None:
    script.items("flows delete", {"deleted": 2})
    assert ask("flows", "delete", 7, 8).out == "2 flows deleted\n"
    assert ask("flows", "delete", "--source", "192.168.10.0/24").code == OK
    assert ask("flows", "delete", "--all").code == OK
    assert script.asked == [
        ("flows delete", {"ids": [7, 8]}),
        ("flows delete", {"filters": {"source": "192.168.10.0/24"}}),
        ("flows delete", {"filters": {}}),
    ]


def test_nothing_deleted_is_exit_code_1(ask: Run, script: Script) -> None:
    script.items("flows delete", {"deleted": 0})
    ran = ask("flows", "delete", 7)
    assert (ran.code, ran.out) == (FAILED, "0 flows deleted\n")


def test_nobody_deletes_everything_by_accident(ask: Run, script: Script) -> None:
    assert ask("flows", "delete").code == USAGE
    assert ask("flows", "delete", 7, "--all").code == USAGE
    assert script.asked == []


def test_watch_in_every_form(ask: Run, script: Script, web: Item) -> None:
    begun, ended = {"event": "new", **web}, {"event": "end", "reason": "timeout", **web}
    script.items("flows watch", begun, ended, {"event": "lost", "count": 3})
    script.answers["flows watch"].append({"done": {}})
    assert ask("flows", "watch").lines == [
        "new  tcp 192.168.10.5:40000 -> 1.1.1.1:443 [outbound (rules.yaml:12)]",
        "end  tcp 192.168.10.5:40000 -> 1.1.1.1:443 after 3s: timeout [outbound (rules.yaml:12)]",
        "# 3 events lost: too many for this watcher",
    ]
    assert [json.loads(line)["event"] for line in ask("flows", "watch", "-o", "jsonl").lines] == ["new", "end", "lost"]


def test_watch_in_conntracks_own_form(ask: Run, script: Script, web: Item, ping: Item) -> None:
    script.items("flows watch", {"event": "new", **ping}, {"event": "end", "reason": "timeout", **web})
    assert ask("flows", "watch", "-o", "conntrack", "--event", "new").lines == [
        "    [NEW] icmp     1 29 src=192.168.10.5 dst=192.168.10.1 type=8 code=0 id=77 [UNREPLIED] "
        "src=192.168.10.1 dst=192.168.10.5 type=0 code=0 id=77",
        "[DESTROY] tcp      6 ESTABLISHED src=192.168.10.5 dst=1.1.1.1 sport=40000 dport=443 packets=10 bytes=1000 "
        "src=1.1.1.1 dst=203.0.113.5 sport=443 dport=40001 packets=8 bytes=9000 [ASSURED]",
    ]
    assert script.asked == [("flows watch", {"filters": {}, "event": "new"})]


def test_no_daemon(run: Run, tmp_path: object) -> None:
    ran = run("flows", "list", "--control", f"{tmp_path}/nowhere.sock")
    assert ran.code == UNREACHABLE
    assert "no daemon answers" in ran.err
    assert "pairwall run" in ran.err


def test_a_daemon_that_hangs_up(ask: Run, script: Script) -> None:
    ran = ask("flows", "list")
    assert ran.code == UNREACHABLE
    assert "hung up" in ran.err


def test_something_else_at_the_socket(ask: Run, script: Script) -> None:
    script.answers["flows list"] = [[1, 2, 3]]  # type: ignore[list-item]
    ran = ask("flows", "list")
    assert ran.code == FAILED
    assert "does not speak" in ran.err


@pytest.mark.parametrize(
    "words", [["flows"], ["flows", "lst"], ["flows", "get"], ["flows", "get", "x"], ["flows", "list", "-o", "xml"]]
)
def test_usage(words: list[str], run: Run) -> None:
    assert run(*words).code == USAGE
