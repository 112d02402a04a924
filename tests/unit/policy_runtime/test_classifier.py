"""The search: order, conditions asked once, limits asked last, combinations remembered."""

from __future__ import annotations

from time import gmtime

import pytest

from conntrack.packet.header import TCP, UDP
from conntrack.policy import classifier as classifier_
from conntrack.policy.classifier import Classifier
from conntrack.policy.limits import Limit
from conntrack.policy.match import Match, service_key
from conntrack.policy.ranges import EVERYWHERE, NOWHERE, united
from conntrack.policy.runtime import ACCEPT, Query, Rule
from conntrack.policy.schedules import Schedule
from conntrack.policy.selection import Selection
from conntrack.policy.sets import NetworkSet
from conntrack.policy.values import Span, Window

interpreted = pytest.mark.skipif(
    classifier_.__file__.endswith(".so"),
    reason="compiled code calls its own methods, whatever a test puts in their place",
)

ANN = bytes((10, 0, 0, 1))
BOB = bytes((10, 0, 0, 2))
SERVER = bytes((203, 0, 113, 1))


def match(name: str, zones_in: tuple[int, ...] = (0, 1), zones_out: tuple[int, ...] = (0, 1)) -> Match:
    return Match(zones_in, zones_out, Rule(0, name, "a -> b", ACCEPT, "", 0))


def query(source: bytes = ANN, port: int = 443, zones: tuple[int, int] = (0, 1), protocol: int = TCP) -> Query:
    asked = Query()
    asked.zone_in, asked.zone_out = zones
    asked.version = 4 if len(source) == 4 else 6
    asked.protocol = protocol
    asked.source, asked.destination = source, SERVER if len(source) == 4 else bytes(16)
    asked.source_port, asked.destination_port = 50000, port
    return asked


def found(rules: Classifier, asked: Query, spend: bool = True) -> str:
    """The name of the first rule that matches, "" for none."""
    pair = int(asked.zone_in * 2 + asked.zone_out)
    first = rules.first(asked, rules.candidates(asked, pair), spend)
    return first.rule.name if first is not None and first.rule is not None else ""


def classifier(*matches: Match) -> Classifier:
    return Classifier(matches, 2, 2)


def from_set(name: str, one: NetworkSet) -> Match:
    made = match(name)
    made.source = Selection(name, NOWHERE, [one])
    return made


def counting(one: NetworkSet, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What a set is asked from now on."""
    asked: list[bytes] = []
    contains = NetworkSet.contains

    def counted(this: NetworkSet, address: bytes) -> bool:
        if this is one:
            asked.append(address)
        return contains(this, address)

    monkeypatch.setattr(NetworkSet, "contains", counted)
    return asked


class TestOrder:
    def test_an_empty_list_finds_nothing(self) -> None:
        assert found(classifier(), query()) == ""

    def test_the_first_of_several(self) -> None:
        assert found(classifier(match("one"), match("two")), query()) == "one"

    def test_ordered_gives_the_list_back(self) -> None:
        matches = [match("one"), match("two"), match("three")]

        assert classifier(*matches).ordered() == matches

    def test_zone_pairs(self) -> None:
        rules = classifier(match("there", (0,), (1,)), match("back", (1,), (0,)), match("all"))

        pairs = [(0, 0), (0, 1), (1, 0), (1, 1)]
        assert [found(rules, query(zones=pair)) for pair in pairs] == ["all", "there", "back", "all"]

    def test_tops_tell_where_a_rule_of_a_kind_stands_first(self) -> None:
        narrow = match("narrow")
        narrow.services = ((service_key(TCP, 1), service_key(TCP, 1)),)
        rules = classifier(narrow, match("there", (0,), (1,)), narrow, match("all", (0, 1), (0,)))

        assert rules.tops(Match.unconditional) == [1, 3, 1, 0]


class TestTables:
    def test_services(self) -> None:
        web = match("web")
        web.services = ((service_key(TCP, 80), service_key(TCP, 90)), (service_key(UDP, 443), service_key(UDP, 443)))
        rules = classifier(web)

        asked = [(TCP, 79), (TCP, 80), (TCP, 90), (TCP, 91), (UDP, 80), (UDP, 443)]
        names = [found(rules, query(protocol=protocol, port=port)) for protocol, port in asked]
        assert names == ["", "web", "web", "", "", "web"]

    def test_source_ports(self) -> None:
        low = match("low")
        low.source_ports = ((50000, 50000),)
        rules = classifier(low)
        other = query()
        other.source_port = 50001

        assert (found(rules, query()), found(rules, other)) == ("low", "")

    def test_ip_versions(self) -> None:
        four, six = match("four"), match("six")
        four.version, six.version = 4, 6
        rules = classifier(four, six)

        assert (found(rules, query()), found(rules, query(bytes(16)))) == ("four", "six")

    def test_addresses_of_one_version_match_no_other(self) -> None:
        four = match("four")
        four.source = Selection("10.0.0.0/8", united([Span(bytes((10, 0, 0, 0)), bytes((10, 255, 255, 255)))]))
        rules = classifier(four)

        assert (found(rules, query()), found(rules, query(bytes((10, 0, 0, 1)) + bytes(12)))) == ("four", "")

    def test_sources_and_destinations(self) -> None:
        both = match("both")
        both.source = Selection("ann", united([Span(ANN, ANN)]))
        both.destination = Selection("server", united([Span(SERVER, SERVER)]))
        rules = classifier(both)
        elsewhere = query()
        elsewhere.destination = BOB

        assert [found(rules, asked) for asked in (query(), query(BOB), elsewhere)] == ["both", "", ""]

    def test_all_but_some(self) -> None:
        others = match("others")
        others.source = Selection("!ann", EVERYWHERE, (), united([Span(ANN, ANN)]))
        rules = classifier(others)

        assert [found(rules, asked) for asked in (query(), query(BOB), query(bytes(16)))] == ["", "others", "others"]

    def test_a_remembered_combination_answers_like_a_fresh_one(self) -> None:
        web = match("web")
        web.services = ((service_key(TCP, 443), service_key(TCP, 443)),)
        rules = classifier(web, match("rest", (0,), (1,)))

        for _ in range(2):
            assert found(rules, query()) == "web"
            assert found(rules, query(port=80)) == "rest"
            assert found(rules, query(port=80, zones=(1, 1))) == ""
            assert found(rules, query(bytes(16), port=80)) == "rest"

    def test_combinations_are_forgotten_when_there_are_too_many(self) -> None:
        matches = []
        for port in range(50):
            single = match(f"port {port}")
            single.services = ((service_key(TCP, port), service_key(TCP, port)),)
            matches.append(single)
        rules = classifier(*matches)
        rules._room = 7

        assert [found(rules, query(port=port)) for port in range(50)] == [f"port {port}" for port in range(50)]
        assert len(rules._combinations) <= 7
        assert classifier_._BITS // 10_001 > 10_000  # 10 000 rules, each with a class of its own, are all remembered


class TestConditions:
    def test_a_set_is_asked_as_it_is_now(self) -> None:
        blocked = NetworkSet("blocked", file="blocked.txt")
        rules = classifier(from_set("blocked", blocked), match("rest"))

        assert found(rules, query()) == "rest"
        blocked.replace([Span(ANN, ANN)], 1.0)
        assert found(rules, query()) == "blocked"
        blocked.replace([], 2.0)
        assert found(rules, query()) == "rest"

    @interpreted
    def test_a_shared_condition_that_fails_is_asked_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        one = NetworkSet("one", file="one.txt")
        asked = counting(one, monkeypatch)
        shared = Selection("one", NOWHERE, [one])
        matches = [match(f"rule {number}") for number in range(500)]
        for each in matches:
            each.source = shared
        rules = classifier(*matches, match("last"))

        assert found(rules, query()) == "last"
        assert asked == [ANN]

    @interpreted
    def test_a_shared_condition_that_holds_is_asked_once_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        one, two = NetworkSet("one", [Span(ANN, ANN)], file="one.txt"), NetworkSet("two", file="two.txt")
        asked = counting(one, monkeypatch)
        source = Selection("one", NOWHERE, [one])
        matches = [match(f"rule {number}") for number in range(100)]
        for each in matches:
            each.source = source
            each.destination = Selection("two", NOWHERE, [two])
        rules = classifier(*matches, match("last"))

        assert found(rules, query()) == "last"
        assert asked == [ANN]

    @interpreted
    def test_what_the_tables_rule_out_is_not_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        one = NetworkSet("one", file="one.txt")
        asked = counting(one, monkeypatch)
        web = from_set("web", one)
        web.services = ((service_key(TCP, 80), service_key(TCP, 80)),)

        assert found(classifier(web), query(port=443)) == ""
        assert asked == []

    def test_the_same_set_on_both_sides_is_two_conditions(self) -> None:
        one = NetworkSet("one", [Span(ANN, ANN)], file="one.txt")
        both = match("both")
        both.source = both.destination = Selection("one", NOWHERE, [one])
        inside = query()
        inside.destination = ANN

        assert (found(classifier(both), query()), found(classifier(both), inside)) == ("", "both")

    def test_schedules_go_by_the_wall_clock_or_the_named_minute(self) -> None:
        early = match("early")
        early.schedule = Schedule("early", [Window(0b1111111, 0, 60)], gmtime)
        rules = classifier(early)
        at_one, named = query(), query()
        at_one.wall = 3600.0
        named.wall, named.minute = 3600.0, 59

        assert [found(rules, asked) for asked in (query(), at_one, named)] == ["early", "", "early"]

    def test_more_conditions_than_a_machine_word_has_bits(self) -> None:
        sets = [NetworkSet(str(number), [Span(ANN, ANN)] if number == 150 else [], file="x") for number in range(200)]
        rules = classifier(*(from_set(one.name, one) for one in sets))

        assert (found(rules, query()), found(rules, query(BOB))) == ("150", "")


class TestLimits:
    def test_a_token_is_taken_only_by_the_rule_that_is_found(self) -> None:
        first, second = match("first"), match("second")
        assert first.rule is not None and second.rule is not None
        first.services = ((service_key(TCP, 80), service_key(TCP, 80)),)
        first.rule.limit = Limit(1, 60, 1)
        second.rule.limit = Limit(1, 60, 1)
        rules = classifier(first, second)

        assert [found(rules, query()), found(rules, query())] == ["second", ""]
        assert rules.exhausted is second.rule
        assert [found(rules, query(port=80)), found(rules, query(port=80))] == ["first", ""]
        assert rules.exhausted is first.rule

    def test_without_spending_every_limit_is_fresh(self) -> None:
        only = match("only")
        assert only.rule is not None
        only.rule.limit = Limit(1, 60, 1)
        rules = classifier(only)

        assert [found(rules, query(), spend=False) for _ in range(3)] == ["only"] * 3
        assert found(rules, query()) == "only"
        assert found(rules, query()) == ""
        assert found(rules, query(), spend=False) == "only"
        assert rules.exhausted is None
