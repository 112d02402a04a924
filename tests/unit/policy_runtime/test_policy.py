"""The order of judgement: rules of all pairs in file order, forwards' implicit accepts, limits, defaults."""

from __future__ import annotations

import pytest

from conntrack.packet import reason
from conntrack.policy.runtime import ACCEPT, DROP, NO_ZONE, REJECT
from tests.unit.policy_runtime.rulebook import GUEST, LAN, WAN, asked, by, decided, policy

WEB = "lan 192.168.10.5 -> 1.1.1.1 tcp/443"


def test_the_first_match_wins() -> None:
    rules = policy("""
        policy:
          lan -> wan:
            - {name: no-mail, drop: [smtp]}
            - {name: web, accept: [https]}
            - {name: all, accept: any}
    """)

    assert by(rules, "lan 192.168.10.5 -> 1.1.1.1 tcp/25") == "no-mail"
    assert by(rules, WEB) == "web"
    assert by(rules, "lan 192.168.10.5 -> 1.1.1.1 udp/9") == "all"


def test_rules_of_any_stand_in_the_order_of_the_file() -> None:
    rules = policy("""
        policy:
          lan -> wan:
            - {name: early, accept: [https]}
          any -> any:
            - {name: middle, drop: [https, http]}
          lan -> any:
            - {name: late, accept: [http, dns]}
          any -> wan:
            - {name: latest, reject: any}
    """)

    assert by(rules, WEB) == "early"
    assert by(rules, "guest 192.168.20.5 -> 1.1.1.1 tcp/443") == "middle"
    assert by(rules, "lan 192.168.10.5 -> 1.1.1.1 tcp/80") == "middle"
    assert by(rules, "lan 192.168.10.5 -> 1.1.1.1 udp/53") == "late"
    assert by(rules, "lan 192.168.10.5 -> guest 192.168.20.5 udp/53") == "late"
    assert by(rules, "guest 192.168.20.5 -> 1.1.1.1 udp/53") == "latest"


def test_any_includes_the_gateway() -> None:
    rules = policy("policy: {any -> any: [{name: all, accept: any}]}")

    assert by(rules, "self -> 1.1.1.1 tcp/443") == "all"
    assert by(rules, "wan 1.1.1.1 -> self tcp/22") == "all"


def test_a_pair_may_name_several_zones() -> None:
    rules = policy("policy: {'lan, guest -> wan': [{name: out, accept: any}]}")

    assert by(rules, WEB) == by(rules, "guest 192.168.20.5 -> 1.1.1.1 tcp/443") == "out"
    assert by(rules, "lan 192.168.10.5 -> 192.168.20.5 tcp/443") == "default"


def test_what_no_rule_matches_is_dropped_by_the_pair_s_default() -> None:
    rule = decided(policy("policy: {guest -> wan: accept}"), WEB)

    assert (rule.name, rule.pair, rule.action, rule.reason) == ("default", "lan -> wan", DROP, reason.NO_RULE)
    assert rule.hits == 1


def test_drop_and_reject_are_counted_apart() -> None:
    rules = policy("policy: {lan -> wan: [{drop: [smtp]}, {reject: any}]}")

    assert decided(rules, "lan 192.168.10.5 -> 1.1.1.1 tcp/25").reason == reason.POLICY_DROP
    rejecting = decided(rules, WEB)
    assert (rejecting.action, rejecting.reason) == (REJECT, reason.POLICY_REJECT)


@pytest.mark.parametrize(("zone_in", "zone_out"), [(NO_ZONE, WAN), (LAN, NO_ZONE), (NO_ZONE, NO_ZONE)])
def test_outside_of_every_zone_nothing_passes(zone_in: int, zone_out: int) -> None:
    rules = policy("""
        nat: [{masquerade: wan}, {redirect: tcp/443, from: lan, to: 9}]
        policy: {any -> any: accept}
    """)
    query = asked(rules, WEB)
    query.zone_in, query.zone_out = zone_in, zone_out

    rule = rules.decide(query, None)

    assert rule is rules.no_zone
    assert (rule.action, rule.reason) == (DROP, reason.NO_ZONE)
    assert rules.source_nat(query) is None
    assert zone_in != NO_ZONE or rules.destination_nat(query) is None


def test_rules_are_listed_at_their_numbers() -> None:
    rules = policy("""
        nat: [{name: shop, forward: https, at: wan, to: 192.168.10.20, limit: 5/second}]
        policy: {lan -> wan: [{name: slow, accept: any, limit: 1/second}], guest -> wan: accept}
    """)

    assert [rule.number for rule in rules.rules] == list(range(len(rules.rules)))
    assert [rule.number for rule in rules.nat_rules] == list(range(len(rules.nat_rules)))
    names = [rule.name for rule in rules.rules if rule.pair != "built-in" and rule.name != "default"]
    assert names == ["slow", "guest -> wan #1", "shop", "slow (over limit)", "shop (over limit)"]
    assert len({(rule.pair, rule.name) for rule in rules.rules}) == len(rules.rules)


def test_hits_are_counted_by_decide_and_not_by_foresee() -> None:
    rules = policy("policy: {lan -> wan: [{name: out, accept: any, limit: 1/hour}]}")
    query = asked(rules, WEB)

    assert [rules.foresee(query, None).name for _ in range(3)] == ["out", "out", "out"]
    assert sum(rule.hits for rule in rules.rules) == 0
    assert rules.decide(query, None).hits == 1


class TestLimits:
    RULES = """
        policy:
          lan -> wan:
            - {name: few, accept: [https], limit: 2/minute per source}
            - {name: more, accept: [https], source: 192.168.10.6}
          guest -> wan:
            - {name: flood, drop: any, limit: 1/minute}
            - {name: rest, accept: any}
    """

    def test_a_used_up_limit_makes_the_rule_not_match(self) -> None:
        rules = policy(self.RULES)
        line = "lan 192.168.10.6 -> 1.1.1.1 tcp/443"

        assert [by(rules, line) for _ in range(4)] == ["few", "few", "more", "more"]
        assert by(rules, line, now=30.0) == "few"

    def test_a_drop_for_want_of_tokens_is_told_from_one_for_want_of_a_rule(self) -> None:
        rules = policy(self.RULES)

        over = [decided(rules, WEB) for _ in range(3)][2]

        assert (over.name, over.action, over.reason) == ("few (over limit)", DROP, reason.RATE_LIMIT)
        assert (over.pair, over.line) == ("lan -> wan", next(rule.line for rule in rules.rules if rule.name == "few"))

    def test_a_limit_is_spent_only_when_all_else_matches(self) -> None:
        rules = policy(self.RULES)

        assert by(rules, "lan 192.168.10.5 -> 1.1.1.1 tcp/80") == "default"
        assert [by(rules, WEB) for _ in range(2)] == ["few", "few"]

    def test_a_limit_on_a_drop_lets_the_rest_fall_through(self) -> None:
        rules = policy(self.RULES)
        line = "guest 192.168.20.5 -> 1.1.1.1 udp/9"

        assert [by(rules, line) for _ in range(3)] == ["flood", "rest", "rest"]


class TestForwards:
    RULES = """
        nat:
          - {name: shop, forward: https, at: wan, to: 192.168.10.20, hairpin: [lan, guest], limit: 2/minute}
        sets:
          bad: {members: [198.51.100.0/24]}
        policy:
          wan -> lan:
            - {name: blocked, drop: any, source: bad}
            - {name: closed, drop: any}
            - {name: never, accept: any, source: 203.0.113.1}
          guest -> lan:
            - {name: guests-not, reject: [https], source: 192.168.20.66}
          lan -> wan: accept
    """

    def test_the_implicit_accept_stands_before_the_first_unconditional_rule(self) -> None:
        assert by(policy(self.RULES), "wan 203.0.113.9 -> self tcp/443") == "shop"

    def test_a_conditional_drop_still_wins(self) -> None:
        rules = policy(self.RULES)

        assert by(rules, "wan 198.51.100.9 -> self tcp/443") == "blocked"
        assert by(rules, "guest 192.168.20.66 -> self tcp/443") == "guests-not"

    def test_without_an_unconditional_rule_it_stands_at_the_end(self) -> None:
        assert by(policy(self.RULES), "guest 192.168.20.9 -> self tcp/443") == "shop"

    def test_a_pair_without_rules_is_opened_by_it_alone(self) -> None:
        rules = policy(self.RULES)

        assert by(rules, "lan 192.168.10.5 -> self tcp/443") == "shop"
        assert by(rules, "lan 192.168.10.5 -> lan 192.168.10.20 tcp/443") == "default"

    def test_it_opens_nothing_for_who_asks_the_inside_address(self) -> None:
        assert by(policy(self.RULES), "wan 203.0.113.9 -> 192.168.10.20 tcp/443") == "closed"

    def test_over_its_limit_the_rules_behind_decide(self) -> None:
        rules = policy(self.RULES)
        line = "wan 203.0.113.9 -> self tcp/443"

        assert [by(rules, line) for _ in range(3)] == ["shop", "shop", "closed"]

    def test_over_its_limit_without_rules_behind_it_is_dropped_as_rate_limit(self) -> None:
        rules = policy(self.RULES)
        line = "lan 192.168.10.5 -> self tcp/443"

        over = [decided(rules, line) for _ in range(3)][2]

        assert (over.name, over.reason) == ("shop (over limit)", reason.RATE_LIMIT)

    def test_the_accept_carries_log_mark_and_dscp(self) -> None:
        rules = policy("""
            nat:
              - {name: shop, forward: https, at: wan, to: 192.168.10.20, log: 1/second, mark: 0x20, dscp: ef}
        """)

        rule = decided(rules, "wan 203.0.113.9 -> self tcp/443")

        assert (rule.pair, rule.action, rule.mark, rule.dscp) == ("nat", ACCEPT, 0x20, 46)
        assert [rule.may_log(b"\1\2\3\4", now) for now in (0.0, 0.5, 1.0)] == [True, False, True]


class TestZones:
    RULES = policy("""
        sets: {x: {members: [192.0.2.1]}}
    """)

    def test_by_name(self) -> None:
        assert [self.RULES.zone_number(name) for name in ("self", "wan", "lan", "guest")] == [0, WAN, LAN, GUEST]
        with pytest.raises(KeyError):
            self.RULES.zone_number("dmz")

    def test_by_interface_and_address(self) -> None:
        assert self.RULES.zone_of_interface("eth1") == LAN
        assert self.RULES.zone_of_interface("eth9") == NO_ZONE
        assert self.RULES.zone_of_address(bytes((192, 168, 20, 1))) == GUEST
        assert self.RULES.zone_of_address(bytes((1, 1, 1, 1))) == WAN

    def test_defaults_by_pair(self) -> None:
        assert self.RULES.default(LAN, GUEST).pair == "lan -> guest"
