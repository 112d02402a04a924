"""Rules that can never match, and the intervals by which they are found."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntrack.policy.decided import Decided, interval
from conntrack.policy.document import Document
from conntrack.policy.values import ANY_PROTOCOL, Traffic

Rules = Callable[[str], Document]
TCP, UDP, ICMP = 6, 17, 1


def tcp(low: int, high: int | None = None) -> Traffic:
    return Traffic(TCP, low, high or low)


def test_what_is_inside_is_decided() -> None:
    decided = Decided()
    decided.add(tcp(20, 30), 1)
    assert decided.lines(tcp(20, 30)) == decided.lines(tcp(25)) == {1}
    assert decided.lines(tcp(19, 20)) == decided.lines(tcp(30, 31)) == decided.lines(tcp(10, 40)) == set()
    assert decided.lines(Traffic(UDP, 25, 25)) == set()


def test_several_rules_together_decide() -> None:
    decided = Decided()
    decided.add(tcp(1, 10), 1)
    decided.add(tcp(21, 30), 2)
    assert decided.lines(tcp(5, 25)) == set()
    decided.add(tcp(5, 25), 3)
    assert decided.lines(tcp(5, 25)) == {1, 2, 3}
    assert decided.lines(tcp(1, 10)) == {1}, "the first rule stays the one that decided"
    assert decided.lines(tcp(11, 20)) == {3}


def test_any_decides_everything() -> None:
    decided = Decided()
    decided.add(Traffic(ANY_PROTOCOL), 7)
    assert decided.lines(Traffic(47)) == decided.lines(Traffic(ANY_PROTOCOL)) == {7}


def test_nothing_but_any_decides_any() -> None:
    decided = Decided()
    decided.add(Traffic(TCP), 1)
    assert decided.lines(Traffic(ANY_PROTOCOL)) == set()


def test_icmp_types_hold_their_codes_and_icmp_holds_its_types() -> None:
    assert interval(Traffic(ICMP, icmp_type=3)) == (768, 1023)
    assert interval(Traffic(ICMP, icmp_type=3, icmp_code=4)) == (772, 772)
    assert interval(Traffic(ICMP)) == (0, 65535)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), max_size=12), st.integers(0, 30), st.integers(0, 8))
def test_intervals_agree_with_a_list_of_every_port(added: list[tuple[int, int]], low: int, length: int) -> None:
    decided, first = Decided(), dict[int, int]()
    for line, (begin, size) in enumerate(added, 1):
        decided.add(Traffic(TCP, begin, begin + size), line)
        for port in range(begin, begin + size + 1):
            first.setdefault(port, line)
    ports = range(low, low + length + 1)
    expected = {first[port] for port in ports} if all(port in first for port in ports) else set()
    assert decided.lines(Traffic(TCP, low, low + length)) == expected


def hidden(document: Document) -> list[int]:
    """The lines of rules that are said never to match."""
    return [warning.position.line for warning in document.warnings]


HIDDEN = {
    "by everything": ("lan -> wan: [{accept: any},\n{drop: http}]", [8]),
    "by the same service": ("lan -> wan: [{accept: [http, https]},\n{drop: http}]", [8]),
    "by a range": ("lan -> wan: [{accept: tcp},\n{drop: [http, tcp/1-9]}]", [8]),
    "by two rules": ("lan -> wan: [{accept: tcp/1-9},\n{accept: tcp/10-19},\n{drop: tcp/5-15}]", [9]),
    "by a service and one of its own": ("lan -> wan: [{accept: dns},\n{drop: udp/53}]", [8]),
    "by an ICMP protocol": ("lan -> wan: [{accept: [icmp, icmpv6]},\n{drop: ping}]", [8]),
    "by any source": ("any -> wan: [{drop: http}]\n  lan -> wan: [{accept: http}]", [8]),
    "by any destination": ("lan -> any: [{drop: http}]\n  lan -> wan: [{accept: http}]", [8]),
    "by any and any": ("any -> any: [{drop: http}]\n  lan, guest -> wan, self: [{accept: http}]", [8]),
    "by a pair of a list": ("lan, guest -> wan: [{drop: any}]\n  lan -> wan: [{accept: http}]", [8]),
    "by a rule for each of its pairs": (
        "lan -> wan: [{drop: any}]\n  guest -> wan: [{drop: http}]\n  lan, guest -> wan: [{accept: http}]",
        [9],
    ),
    "by a rule of each version": (
        "lan -> wan: [{drop: any, family: ipv4},\n{drop: any, family: ipv6},\n{accept: http}]",
        [9],
    ),
    "with a condition": ("lan -> wan: [{drop: http},\n{accept: http, source: 192.168.1.2}]", [8]),
    "every one of several": ("lan -> wan: [{drop: any},\n{accept: http},\n{accept: https}]", [8, 9]),
}


@pytest.mark.parametrize(("text", "lines"), HIDDEN.values(), ids=list(HIDDEN))
def test_a_rule_is_hidden(rules: Rules, text: str, lines: list[int]) -> None:
    assert hidden(rules(f"policy:\n  {text}\n")) == lines


NOT_HIDDEN = {
    "earlier": "lan -> wan: [{drop: http},\n{accept: any}]",
    "partly another service": "lan -> wan: [{drop: http},\n{accept: [http, https]}]",
    "another protocol": "lan -> wan: [{drop: tcp/53},\n{accept: dns}]",
    "another pair": "lan -> wan: [{drop: any}]\n  wan -> lan: [{accept: any}]",
    "partly another pair": "lan -> wan: [{drop: any}]\n  lan, guest -> wan: [{accept: any}]",
    "more than a zone": "lan -> wan: [{drop: any}]\n  any -> wan: [{accept: any}]",
    "only one version": "lan -> wan: [{drop: any, family: ipv4},\n{accept: any}]",
    "by a source": "lan -> wan: [{drop: any, source: 192.168.1.2},\n{accept: any}]",
    "by a destination": "lan -> wan: [{drop: any, destination: 1.1.1.1},\n{accept: any}]",
    "by a limit": "lan -> wan: [{accept: any, limit: 1/second},\n{drop: any}]",
    "by hours": "lan -> wan: [{accept: any, when: weekend},\n{drop: any}]",
}


@pytest.mark.parametrize("text", NOT_HIDDEN.values(), ids=list(NOT_HIDDEN))
def test_a_rule_is_not_hidden(rules: Rules, text: str) -> None:
    assert hidden(rules(f"policy:\n  {text}\n")) == []


def test_a_log_or_a_mark_is_no_condition(rules: Rules) -> None:
    assert hidden(rules("policy:\n  lan -> wan: [{accept: any, log: new, mark: 1},\n{drop: any}]\n")) == [8]


def test_the_warning_names_the_lines(rules: Rules) -> None:
    (warning,) = rules("policy:\n  lan -> wan: [{drop: http},\n{drop: https},\n{accept: [http, https]}]\n").warnings
    assert warning.message == "this rule can never match: all its traffic is decided before, in lines 7, 8"
