"""From the words of `policy:`, `sets:` and `settings:` to what the engine reads."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from conntrack.policy.compile import compile_policy, digest
from conntrack.policy.lowering import LARGEST_IN_TABLE
from conntrack.policy.match import Match
from conntrack.policy.runtime import ACCEPT, DROP, LOG_ALL, LOG_NEW, LOG_NONE, REJECT, Rule
from tests.unit.policy_runtime.rulebook import by, decided, document, policy


def of_file(rules: str, folder: Path | None = None) -> list[Match]:
    """The matches of the file's own rules."""
    return [match for match in policy(rules, folder).considered() if match.rule and match.rule.pair != "built-in"]


def only(rules: str) -> tuple[Match, Rule]:
    (match,) = of_file(rules)
    assert match.rule is not None
    return match, match.rule


class TestRules:
    def test_everything_a_rule_may_say(self) -> None:
        match, rule = only("""
            sets: {admins: {members: [203.0.113.0/29]}}
            policy:
              wan -> self:
                - name: admin
                  accept: [ssh, tcp/8000-8010]
                  source: [admins, "!203.0.113.1"]
                  destination: 198.51.100.2
                  limit: 5/minute per source burst 9
                  log: 2/second
                  when: mon-fri 08:00-18:00
                  mark: 0x10
                  dscp: ef
                  family: ipv4
        """)

        assert (rule.name, rule.pair, rule.action, rule.file, rule.line) == (
            "admin",
            "wan -> self",
            ACCEPT,
            "rules.yaml",
            10,
        )
        assert (rule.mark, rule.dscp, rule.log) == (0x10, 46, LOG_NEW)
        assert rule.limit is not None and rule.limit.text() == "5/minute per source burst 9"
        assert rule.log_limit is not None and rule.log_limit.text() == "2/second"
        assert (match.zones_in, match.zones_out, match.version) == ((1,), (0,), 4)
        assert match.services == ((6 << 16 | 22, 6 << 16 | 22), (6 << 16 | 8000, 6 << 16 | 8010))
        assert match.source is not None and match.source.text == "set admins, !203.0.113.1"
        assert match.schedule is not None and match.schedule.name == "mon-fri 08:00-18:00"
        assert not match.unconditional()

    def test_a_rule_of_one_word(self) -> None:
        match, rule = only("policy: {lan -> wan: accept}")

        assert (rule.name, rule.mark, rule.dscp, rule.log, rule.limit) == ("lan -> wan #1", 0, -1, LOG_NONE, None)
        assert match.unconditional()

    def test_unnamed_rules_are_numbered_in_their_pair(self) -> None:
        names = [
            match.rule.name for match in of_file("policy: {lan -> wan: [{accept: [ssh]}, {drop: any}]}") if match.rule
        ]

        assert names == ["lan -> wan #1", "lan -> wan #2"]

    @pytest.mark.parametrize(("word", "action"), [("accept", ACCEPT), ("drop", DROP), ("reject", REJECT)])
    def test_actions(self, word: str, action: int) -> None:
        assert only(f"policy: {{lan -> wan: {word}}}")[1].action == action

    @pytest.mark.parametrize(("word", "level"), [("new", LOG_NEW), ("all", LOG_ALL)])
    def test_logs_without_a_rate_are_unbounded(self, word: str, level: int) -> None:
        rule = only(f"policy: {{lan -> wan: [{{accept: any, log: {word}}}]}}")[1]

        assert (rule.log, rule.log_limit) == (level, None)
        assert all(rule.may_log(b"", 0.0) for _ in range(100))

    def test_a_rule_without_log_logs_nothing(self) -> None:
        assert not only("policy: {lan -> wan: accept}")[1].may_log(b"", 0.0)

    def test_only_what_accepts_has_a_stand_in_for_its_limit(self) -> None:
        accepting = only("policy: {lan -> wan: [{name: a, accept: any, limit: 1/second}]}")[1]
        dropping = only("policy: {lan -> wan: [{name: a, drop: any, limit: 1/second}]}")[1]

        assert accepting.over is not None and accepting.over.name == "a (over limit)"
        assert dropping.over is None

    def test_helpers_are_named_or_come_with_a_service(self) -> None:
        rule = only("policy: {lan -> wan: [{accept: [ftp, https], helper: [sip, ftp]}]}")[1]

        assert rule.helpers == ("sip", "ftp")

    @pytest.mark.parametrize(
        "extra",
        ["source: 10.0.0.1", "destination: 10.0.0.1", "limit: 1/second", "when: daily 01:00-02:00", "family: ipv6"],
    )
    def test_any_demand_makes_a_rule_conditional(self, extra: str) -> None:
        assert not only(f"policy: {{lan -> wan: [{{accept: any, {extra}}}]}}")[0].unconditional()

    @pytest.mark.parametrize("extra", ["log: new", "mark: 7", "dscp: ef", "name: x"])
    def test_what_is_done_with_it_does_not(self, extra: str) -> None:
        assert only(f"policy: {{lan -> wan: [{{accept: any, {extra}}}]}}")[0].unconditional()


class TestServices:
    @pytest.mark.parametrize(
        ("word", "ranges"),
        [
            ("any", ()),
            ("tcp", ((6 << 16, 6 << 16 | 65535),)),
            ("dns", ((17 << 16 | 53,) * 2, (6 << 16 | 53,) * 2)),
            ("ping", ((1 << 16 | 8 << 8, 1 << 16 | 8 << 8 | 255), (58 << 16 | 128 << 8, 58 << 16 | 128 << 8 | 255))),
            ("icmp", ((1 << 16, 1 << 16 | 65535),)),
            ("icmp/3/4", ((1 << 16 | 0x0304,) * 2,)),
            ("gre", ((47 << 16, 47 << 16 | 65535),)),
            ("proto/0", ((0, 65535),)),
            ("proto/255", ((255 << 16, 255 << 16 | 65535),)),
        ],
    )
    def test_ranges_of_protocol_and_port(self, word: str, ranges: tuple[tuple[int, int], ...]) -> None:
        assert only(f"policy: {{lan -> wan: [{{accept: [{word}], limit: 1/second}}]}}")[0].services == ranges

    def test_any_among_others_is_any(self) -> None:
        assert only("policy: {lan -> wan: [{accept: [ssh, any]}]}")[0].unconditional()

    def test_own_services(self) -> None:
        rules = policy("services: {game: [udp/4000, tcp/4000]}\npolicy: {lan -> wan: [{name: play, accept: [game]}]}")

        assert by(rules, "lan 192.168.10.5 -> 1.1.1.1 udp/4000") == "play"
        assert by(rules, "lan 192.168.10.5 -> 1.1.1.1 udp/4001") == "default"


class TestSets:
    def test_small_sets_that_never_change_go_into_the_tables(self) -> None:
        match, _ = only("sets: {one: {members: [10.0.0.0/8]}}\npolicy: {lan -> wan: [{accept: any, source: one}]}")

        assert match.source is not None and not match.source.is_asked()

    def test_large_sets_are_asked(self) -> None:
        members = ", ".join(f"10.{number >> 7}.{number * 2 & 255}.0/24" for number in range(LARGEST_IN_TABLE + 1))
        sets = f"sets: {{big: {{members: [{members}]}}}}"
        rules = f"{sets}\npolicy: {{lan -> wan: [{{name: big, accept: any, source: big}}]}}"

        match, _ = only(rules)

        assert match.source is not None and match.source.is_asked()
        assert by(policy(rules), "lan 10.0.2.9 -> 1.1.1.1 tcp/1") == "big"
        assert by(policy(rules), "lan 10.0.3.9 -> 1.1.1.1 tcp/1") == "default"

    def test_sets_with_a_file_are_asked_and_follow_it(self, tmp_path: Path) -> None:
        (tmp_path / "bad.txt").write_text("192.168.10.66\n")
        rules = policy(
            """
            sets: {bad: {members: [192.168.10.1], file: bad.txt, refresh: 1h}}
            policy: {lan -> wan: [{name: bad, drop: any, source: bad}, {accept: any}]}
            """,
            tmp_path,
        )
        bad = rules.sets["bad"]

        assert (bad.file, bad.refresh, bad.members) == (str(tmp_path / "bad.txt"), 3600, 2)
        assert by(rules, "lan 192.168.10.66 -> 1.1.1.1 tcp/1") == "bad"
        assert by(rules, "lan 192.168.10.1 -> 1.1.1.1 tcp/1") == "bad"
        bad.replace([], 1.0)
        assert by(rules, "lan 192.168.10.66 -> 1.1.1.1 tcp/1") == "lan -> wan #2"
        assert by(rules, "lan 192.168.10.1 -> 1.1.1.1 tcp/1") == "bad"

    def test_exceptions_from_sets_and_from_everywhere(self, tmp_path: Path) -> None:
        (tmp_path / "some.txt").write_text("192.168.10.7\n")
        rules = policy(
            """
            sets: {some: {file: some.txt}}
            policy:
              lan -> wan:
                - {name: narrow, accept: [ssh], source: [192.168.10.0/29, "!192.168.10.1", "!some"]}
                - {name: wide, accept: [https], source: ["!192.168.10.1", "!some"]}
            """,
            tmp_path,
        )

        found = [by(rules, f"lan 192.168.10.{host} -> 1.1.1.1 tcp/22") for host in (1, 2, 7, 8)]
        assert found == ["default", "narrow", "default", "default"]
        found = [by(rules, f"lan 192.168.10.{host} -> 1.1.1.1 tcp/443") for host in (1, 2, 7, 8)]
        assert found == ["default", "wide", "default", "wide"]

    def test_equal_demands_are_one_object(self) -> None:
        first, second = of_file("""
            schedules: {work: "mon-fri 08:00-18:00"}
            policy:
              lan -> wan:
                - {accept: [ssh], source: 10.0.0.0/8, when: work}
                - {accept: [https], source: 10.0.0.0/8, when: mon-fri 08:00-18:00}
        """)

        assert first.source is second.source
        assert first.schedule is second.schedule


class TestSettings:
    def test_defaults(self) -> None:
        settings = policy("policy: {lan -> wan: accept}").settings

        assert (settings.connections, settings.per_source, settings.per_zone) == (262144, 0, [0, 0, 0, 0])
        assert (settings.loose, settings.liberal, settings.timeouts) == (True, False, {})

    def test_what_is_said(self) -> None:
        rules = policy("""
            settings:
              connections: 1000
              per-source: 50
              per-zone: {any: 300, guest: 20}
              loose: no
              liberal: yes
              timeouts: {tcp: {established: 1h, time-wait: 5}, udp: {replied: 3m}}
              reject-rate: 3/minute burst 4
        """)
        settings = rules.settings

        assert (settings.connections, settings.per_source, settings.per_zone) == (1000, 50, [0, 300, 300, 20])
        assert (settings.loose, settings.liberal) == (False, True)
        assert settings.timeouts == {"tcp": {"established": 3600.0, "time_wait": 5.0}, "udp": {"replied": 180.0}}
        assert rules.reject_limit.text() == "3/minute burst 4"


class TestDigest:
    RULES = "sets: {one: {members: [10.0.0.1]}}\npolicy: {lan -> wan: [{accept: [https], source: one}]}\n"

    def test_comments_layout_and_tests_do_not_count(self) -> None:
        longer = self.RULES.replace("{lan", "  # why\n  {lan") + "tests: [lan 10.0.0.1 -> 1.1.1.1 tcp/443 = accept]\n"

        assert policy(self.RULES).digest == policy(longer).digest

    @pytest.mark.parametrize(
        ("word", "other"), [("10.0.0.1", "10.0.0.2"), ("accept", "reject"), ("https", "http"), ("lan ->", "guest ->")]
    )
    def test_everything_else_does(self, word: str, other: str) -> None:
        assert policy(self.RULES).digest != policy(self.RULES.replace(word, other)).digest

    def test_the_order_of_rules_counts(self) -> None:
        one = "policy: {lan -> wan: [{drop: [ssh]}, {accept: any}]}"
        other = "policy: {lan -> wan: [{accept: any}, {drop: [ssh]}]}"

        assert digest(document(one)) != digest(document(other))

    def test_it_is_a_sha_256(self) -> None:
        found = policy(self.RULES).digest

        assert len(found) == 64 and int(found, 16) >= 0


def test_two_policies_of_one_document_share_no_state() -> None:
    said = document("policy: {lan -> wan: [{name: one, accept: any, limit: 1/hour}]}")
    first, second = compile_policy(said, time.gmtime), compile_policy(said, time.gmtime)

    assert [decided(each, "lan 192.168.10.5 -> 1.1.1.1 tcp/1").name for each in (first, second)] == ["one", "one"]
    assert [each.rules[8].hits for each in (first, second)] == [1, 1]


def test_zones_are_numbered_in_the_order_of_the_file() -> None:
    zones = policy("").zones

    assert [(zone.number, zone.name, zone.dhcp_client) for zone in zones] == [
        (0, "self", False),
        (1, "wan", True),
        (2, "lan", False),
        (3, "guest", False),
    ]
    assert zones[2].interfaces == ("eth1",)
