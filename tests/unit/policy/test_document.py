"""What the models make of a rules file: typed values, defaults, places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from conntrack.policy import runtime
from conntrack.policy.addresses import parse
from conntrack.policy.document import Document
from conntrack.policy.document_nat import KINDS, Exempt, Forward, Masquerade, OneToOne, Redirect, SourceNat, kind_of
from conntrack.policy.document_settings import Settings
from conntrack.policy.load import load, load_text
from conntrack.policy.values import (
    ANY_PROTOCOL,
    Addresses,
    Listen,
    Log,
    Pair,
    Ports,
    Rate,
    Target,
    Traffic,
    Window,
)

Rules = Callable[[str], Document]
OFFICE = Path(__file__).parents[3] / "config" / "examples" / "office.yaml"


def test_the_office_example_section_by_section() -> None:
    document = load(OFFICE)
    assert document.warnings == ()
    assert list(document.zones) == ["wan", "lan", "guest"]
    assert document.zones["wan"].interfaces == ("eth0",)
    assert document.zones["wan"].dhcp == "client"
    assert document.zones["lan"].networks == (parse("192.168.10.0/24"), parse("fd10::/64"))
    assert document.sets["blocklist"].refresh == 3600
    assert document.file_of("blocklist") == OFFICE.parent / "blocklist.txt"
    assert document.file_of("admins") is None
    assert parse("192.0.2.0/24") in document.file_members("blocklist")
    assert document.file_members("admins") == ()
    internet, webshop = document.nat
    assert isinstance(internet, Masquerade)
    assert (internet.masquerade, internet.from_, internet.family) == ("wan", ("lan", "guest"), "ipv4")
    assert isinstance(webshop, Forward)
    assert webshop.forward == ("tcp/443",)
    assert webshop.to == (Target(parse("192.168.10.20")),)
    assert webshop.limit == Rate(50, 1, 50, per_source=True)
    assert [str(pair) for pair in document.policy] == [
        "any -> any",
        "lan -> wan",
        "guest -> wan",
        "lan -> self",
        "guest -> self",
        "wan -> self",
        "self -> wan",
    ]
    assert len(document.tests) == 4


def test_a_rule_with_everything(rules: Rules) -> None:
    document = rules("""\
        sets:
          friends: {members: [203.0.113.0/24]}
        policy:
          guest, lan -> wan:
            - name: calls
              accept: [sip, tcp/5061]
              source: [192.168.1.0/24, "!192.168.1.7", "!friends"]
              destination: friends
              limit: 5/minute per source burst 9
              log: 2/second
              when: mon-fri 08:00-18:00
              mark: 0x10
              dscp: af41
              helper: ftp
              family: ipv4
        """)
    (rule,) = document.policy[Pair(("guest", "lan"), ("wan",))]
    assert rule.name == "calls"
    assert (rule.action, rule.services) == (runtime.ACCEPT, ("sip", "tcp/5061"))
    assert rule.source == Addresses(
        spans=(parse("192.168.1.0/24"),), except_spans=(parse("192.168.1.7"),), except_sets=("friends",)
    )
    assert rule.destination == Addresses(sets=("friends",))
    assert rule.limit == Rate(5, 60, 9, per_source=True)
    assert rule.log == Log(runtime.LOG_NEW, Rate(2, 1, 2))
    assert document.windows(rule.when) == (Window(0b11111, 480, 1080),)
    assert (rule.mark, rule.dscp, rule.helper, rule.family) == (16, 34, ("ftp",), "ipv4")


def test_a_rule_with_nothing_but_its_action(rules: Rules) -> None:
    (rule,) = rules("policy:\n  lan -> wan: [{drop: any}]\n").policy[Pair(("lan",), ("wan",))]
    assert (rule.action, rule.services) == (runtime.DROP, ("any",))
    assert rule.source == rule.destination == Addresses()
    assert (rule.limit, rule.log, rule.when, rule.mark, rule.dscp, rule.helper) == (None, None, "", 0, -1, ())
    assert rule.family == "both"


@pytest.mark.parametrize(
    ("word", "action"), [("accept", runtime.ACCEPT), ("drop", runtime.DROP), ("reject", runtime.REJECT)]
)
def test_a_word_stands_for_a_rule_about_everything(rules: Rules, word: str, action: int) -> None:
    document = rules(f"policy:\n  lan -> wan: {word}\n")
    ((pair, number, rule),) = document.rules()
    assert (str(pair), number) == ("lan -> wan", 1)
    assert (rule.action, rule.services) == (action, ("any",))
    assert document.traffic(rule.services) == (Traffic(ANY_PROTOCOL),)
    assert rule.position == ("rules.yaml", 7, 15), "where the word stands"


def test_one_rule_needs_no_list(rules: Rules) -> None:
    document = rules("policy:\n  lan -> wan: {accept: http}\n")
    assert [rule.services for _, _, rule in document.rules()] == [("http",)]


def test_an_empty_list_of_rules_is_allowed(rules: Rules) -> None:
    assert rules("policy:\n  lan -> wan: []\n").policy == {Pair(("lan",), ("wan",)): ()}


@pytest.mark.parametrize(("word", "kind"), [("new", runtime.LOG_NEW), ("all", runtime.LOG_ALL)])
def test_log_levels(rules: Rules, word: str, kind: int) -> None:
    ((_, _, rule),) = rules(f"policy:\n  lan -> wan: [{{accept: any, log: {word}}}]\n").rules()
    assert rule.log == Log(kind)


def test_rules_know_where_they_stand(rules: Rules) -> None:
    document = rules("""\
        policy:
          lan -> wan:
            - {accept: http}
            - accept: [https,
                dns]
              log: new
        """)
    first, second = (rule for _, _, rule in document.rules())
    assert first.position == ("rules.yaml", 8, 7)
    assert second.position == ("rules.yaml", 9, 7)
    assert second.place("accept", 1) == ("rules.yaml", 10, 9)
    assert second.key_place("log") == ("rules.yaml", 11, 7)
    assert second.place_of_word("accept", "dns") == ("rules.yaml", 10, 9)
    assert second.says("log")
    assert not second.says("limit")
    assert first.broken == frozenset()


NAT = """\
nat:
  - {exempt: [10.0.0.0/8]}
  - {masquerade: wan, ports: 20000-40000, mapping: endpoint-independent, family: both}
  - {source-nat: [203.0.113.2, 203.0.113.8/31], at: wan, from: lan}
  - {forward: [http, https], at: wan, to: [192.168.1.10, 192.168.1.11-192.168.1.13], hairpin: [lan, guest]}
  - {forward: tcp/8443, at: wan, to: 192.168.1.10:443, destination: 203.0.113.4}
  - {redirect: dns, from: guest, to: 5353}
  - {one-to-one: 203.0.113.5, at: wan, to: 192.168.1.25, log: all, mark: 7, dscp: ef}
"""


def test_every_kind_of_translation(rules: Rules) -> None:
    exempt, masquerade, pool, shared, other_port, redirect, one = rules(NAT).nat
    assert isinstance(exempt, Exempt)
    assert exempt.exempt == Addresses(spans=(parse("10.0.0.0/8"),))
    assert isinstance(masquerade, Masquerade)
    assert (masquerade.ports, masquerade.mapping) == (Ports(20000, 40000), "endpoint-independent")
    assert masquerade.family == "both"
    assert isinstance(pool, SourceNat)
    assert pool.source_nat == (parse("203.0.113.2"), parse("203.0.113.8/31"))
    assert (pool.at, pool.from_) == ("wan", ("lan",))
    assert isinstance(shared, Forward)
    assert shared.to == (Target(parse("192.168.1.10")), Target(parse("192.168.1.11-192.168.1.13")))
    assert shared.hairpin == ("lan", "guest")
    assert isinstance(other_port, Forward)
    assert other_port.to == (Target(parse("192.168.1.10"), 443),)
    assert other_port.destination == Addresses(spans=(parse("203.0.113.4"),))
    assert isinstance(redirect, Redirect)
    assert (redirect.redirect, redirect.from_, redirect.to) == (("dns",), ("guest",), 5353)
    assert isinstance(one, OneToOne)
    assert (one.one_to_one, one.to) == (parse("203.0.113.5"), parse("192.168.1.25"))
    assert (one.log, one.mark, one.dscp) == (Log(runtime.LOG_ALL), 7, 46)
    assert [kind_of(entry) for entry in rules(NAT).nat[:3]] == ["<exempt>", "<masquerade>", "<source-nat>"]
    assert len(KINDS) == 7


def test_settings_have_defaults_by_the_book() -> None:
    settings = Settings()
    assert (settings.on_failure, settings.connections) == ("drop", 262144)
    assert (settings.per_source, settings.per_zone) == (0, {})
    assert (settings.loose, settings.liberal, settings.fastpath) == (True, False, "auto")
    assert settings.reject_rate == Rate(50, 1, 100)
    assert (settings.queue.backend, settings.queue.number, settings.queue.length) == ("auto", 0, 8192)
    assert settings.metrics.listen == Listen("127.0.0.1", 9469)
    assert settings.held_back_refresh == 5
    tcp = settings.timeouts.tcp
    assert (tcp.syn_sent, tcp.syn_recv, tcp.established, tcp.fin_wait) == (120, 60, 432000, 120)
    assert (tcp.close_wait, tcp.last_ack, tcp.time_wait, tcp.close, tcp.syn_sent2) == (60, 30, 120, 10, 120)
    assert (tcp.retransmitted, tcp.unacknowledged, tcp.zero_window, tcp.picked_up) == (300, 300, 300, 300)
    assert (settings.timeouts.udp.unreplied, settings.timeouts.udp.replied) == (30, 120)
    assert (settings.timeouts.udplite.unreplied, settings.timeouts.udplite.replied) == (30, 120)
    assert settings.timeouts.icmp.query == settings.timeouts.icmpv6.query == 30
    assert (settings.timeouts.gre.unreplied, settings.timeouts.gre.replied) == (30, 180)
    assert settings.timeouts.sctp.established == 210
    assert settings.timeouts.dccp.open == 43200
    assert settings.timeouts.other.idle == 600


def test_settings_are_read(rules: Rules) -> None:
    settings = rules("""\
        settings:
          on-failure: bypass
          connections: 1000
          per-source: 50
          per-zone: {guest: 10, any: off}
          loose: no
          liberal: on
          timeouts: {tcp: {established: 2h}, udp: {replied: 5m}}
          reject-rate: 1/second per source
          queue: {backend: netlink, number: 7, length: 100}
          metrics: {listen: off}
          log: {format: json}
        """).settings
    assert (settings.on_failure, settings.connections, settings.per_source) == ("bypass", 1000, 50)
    assert settings.per_zone == {"guest": 10, "any": 0}
    assert (settings.loose, settings.liberal) == (False, True)
    assert (settings.timeouts.tcp.established, settings.timeouts.tcp.close) == (7200, 10)
    assert settings.timeouts.tcp.model_fields_set == {"established"}
    assert settings.timeouts.udp.replied == 300
    assert settings.reject_rate == Rate(1, 1, 1, per_source=True)
    assert (settings.queue.backend, settings.queue.number, settings.queue.length) == ("netlink", 7, 100)
    assert settings.metrics.listen == Listen("", 0)
    assert settings.log.format == "json"


def test_a_bare_limit_is_for_every_zone(rules: Rules) -> None:
    assert rules("settings: {per-zone: 500}\n").settings.per_zone == {"any": 500}


def test_sections_with_nothing_under_them_count_as_left_out(rules: Rules) -> None:
    document = rules("settings:\nsets:\nservices:\nschedules:\nnat:\npolicy:\ntests:\n")
    assert document.settings == Settings()
    assert (document.sets, document.nat, document.policy, document.tests) == ({}, (), {}, ())


def test_wildcards_of_interfaces_are_one() -> None:
    document = load_text("version: 1\nzones:\n  vpn: {interfaces: [wg+, 'tun*', '+']}\n", "rules.yaml")
    assert document.zones["vpn"].interfaces == ("wg+", "tun+", "+")


def test_own_services_and_schedules_are_resolved(rules: Rules) -> None:
    document = rules("services: {web: [https, tcp/8443]}\nschedules: {night: [22:00-06:00]}\n")
    assert document.traffic(["web"]) == (Traffic(6, 443, 443), Traffic(6, 8443, 8443))
    assert document.windows("night") == (Window(0b1111111, 1320, 360),)
    assert document.windows("") == ()


def test_the_versions_of_a_set(rules: Rules) -> None:
    document = rules("sets: {four: {members: [10.0.0.0/8]}, two: {members: [10.0.0.1, '::1']}, none: {members: []}}\n")
    assert [document.versions(name) for name in ("four", "two", "none", "unknown")] == [{4}, {4, 6}, set(), set()]


def test_a_document_does_not_change(rules: Rules) -> None:
    document = rules("policy: {lan -> wan: accept}\n")
    with pytest.raises(ValidationError):
        document.version = 2  # type: ignore[assignment, misc]
    with pytest.raises(ValidationError):
        document.zones["lan"].dhcp = "client"  # type: ignore[misc]


def test_without_a_report_a_mistake_is_an_exception_as_usual() -> None:
    with pytest.raises(ValidationError):
        Document.model_validate({"version": 1, "zones": {"lan": {"interface": "eth1"}}})
