"""Whether the parts of a rules file fit together; what each mistake looks like is in tests/golden/mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from conntrack.policy.document import Document
from conntrack.policy.load import load_text
from conntrack.policy.problems import PolicyError

Rules = Callable[[str], Document]
Told = Callable[[str], list[str]]


def zones(text: str) -> Document:
    return load_text("version: 1\nzones:\n" + text, "rules.yaml")


FINE = {
    "own service that extends the table's": "services: {ssh: [ssh, tcp/2222]}\npolicy: {lan -> wan: [{accept: ssh}]}\n",
    "rules without names": "policy: {lan -> wan: [{accept: http}, {accept: https}]}\n",
    "self as a source": "nat: [{masquerade: wan, from: [lan, self]}]\n",
    "within one zone": "policy: {lan -> lan: accept}\n",
    "a set of both versions with one version's source": (
        "sets: {s: {members: [10.0.0.0/8, 'fd00::/8']}}\n"
        "policy: {lan -> wan: [{accept: any, source: 192.168.1.0/24, destination: s}]}\n"
    ),
    "an empty set": "sets: {s: {members: []}}\npolicy: {lan -> wan: [{drop: any, source: s, family: ipv6}]}\n",
    "an exception of the other version": 'policy: {lan -> wan: [{drop: any, source: 10.0.0.1, destination: "!::1"}]}\n',
    "services of both versions in one": "policy: {lan -> wan: [{accept: ping, family: ipv6}]}\n",
    "a range to a range": "nat: [{forward: tcp/8000-8099, at: wan, to: '192.168.1.2:9000'}]\n",
    "the last range that fits": "nat: [{forward: tcp/1-2, at: wan, to: '192.168.1.2:65534'}]\n",
    "one port by two protocols": "nat: [{forward: [tcp/53, udp/53], at: wan, to: '192.168.1.2:5353'}]\n",
    "everything forwarded": "nat: [{forward: any, at: wan, to: 192.168.1.2}]\n",
    "a pool of both versions": "nat: [{source-nat: [203.0.113.1, '2001:db8::1'], at: wan}]\n",
    "the largest pool": "nat: [{source-nat: 203.0.0.0/16, at: wan}]\n",
    "per-zone of self and any": "settings: {per-zone: {self: 10, any: 20, lan: 30}}\n",
    "a test of self": "policy: {self -> wan: accept}\ntests: ['self -> wan 1.1.1.1 https = accept']\n",
    "an own service in a test": "services: {web: https}\ntests: ['lan 192.168.1.5 -> 1.1.1.1 web = drop']\n",
    "two entries for both versions": (
        "nat: [{forward: http, at: wan, to: 192.168.1.2}, {forward: http, at: wan, to: 'fd00:1::2'}]\n"
    ),
}


@pytest.mark.parametrize("text", FINE.values(), ids=list(FINE))
def test_what_is_no_mistake(rules: Rules, text: str) -> None:
    assert rules(text).warnings == ()


def test_a_zone_that_holds_another_by_pattern_is_no_mistake() -> None:
    assert zones("  vpn: {interfaces: [wg+]}\n  office: {interfaces: [wg0]}\n").warnings == ()


def test_an_interface_stands_twice_in_one_zone() -> None:
    with pytest.raises(PolicyError, match=r'"eth0" stands twice in this zone'):
        zones("  wan: {interfaces: [eth0, eth0]}\n")


def test_the_same_pattern_in_two_spellings_is_the_same() -> None:
    with pytest.raises(PolicyError, match=r'"wg\+" stands in the zone "a" already'):
        zones("  a: {interfaces: [wg+]}\n  b: {interfaces: ['wg*']}\n")


def overlaps(*networks: tuple[str, str]) -> list[str]:
    text = "".join(f"  {zone}: {{interfaces: [{zone}], networks: [{members}]}}\n" for zone, members in networks)
    return [warning.message for warning in zones(text).warnings]


def test_overlapping_networks_of_two_zones_are_warned_of() -> None:
    assert overlaps(("a", "10.0.0.0/8"), ("b", "10.1.0.0/16")) == ['10.1.0.0/16 of "b" lies in 10.0.0.0/8 of "a"']
    assert overlaps(("a", "10.1.0.0/16"), ("b", "10.0.0.0/8")) == ['10.1.0.0/16 of "a" lies in 10.0.0.0/8 of "b"']


def test_a_network_inside_a_network_inside_another_zone() -> None:
    assert overlaps(("a", "10.0.0.0/8, 10.1.0.0/16"), ("b", "10.1.1.0/24")) == [
        '10.1.1.0/24 of "b" lies in 10.1.0.0/16 of "a"'
    ]


def test_an_overlap_behind_a_smaller_neighbour_is_found() -> None:
    assert overlaps(("a", "10.0.0.0/8"), ("b", "10.1.0.0/24, 10.2.0.0/24")) == [
        '10.1.0.0/24 of "b" lies in 10.0.0.0/8 of "a"',
        '10.2.0.0/24 of "b" lies in 10.0.0.0/8 of "a"',
    ]


def test_neighbours_and_other_versions_do_not_overlap() -> None:
    assert overlaps(("a", "10.0.0.0/24, '::/0'"), ("b", "10.0.1.0/24")) == []
    assert overlaps(("a", "10.0.0.0/8, 10.1.0.0/16")) == [], "within one zone"


def test_a_family_left_by_services_alone(told: Told) -> None:
    assert told("policy: {lan -> wan: [{accept: [icmp, igmp], family: ipv6}]}\n") == [
        "6:23 a rule that mixes IPv4 and IPv6 can never match"
    ]


def test_a_family_left_by_sets(told: Told) -> None:
    assert told("""\
        sets: {six: {members: ['2001:db8::/32']}}
        policy: {lan -> wan: [{accept: any, source: 192.168.1.2, destination: six}]}
        """) == ["7:23 a rule that mixes IPv4 and IPv6 can never match"]


def test_translation_of_mixed_families(told: Told) -> None:
    assert told("""\
        nat:
          - {masquerade: wan, source: 'fd00:1::/64'}
          - {source-nat: 203.0.113.1, at: wan, family: ipv6}
          - {one-to-one: 203.0.113.1, at: wan, to: 'fd00:1::2'}
          - {exempt: 10.0.0.0/8, source: 'fd00:1::/64'}
          - {forward: icmpv6, at: wan, to: 192.168.1.2}
          - {redirect: http, from: lan, to: 80, source: 192.168.1.2, destination: '::1'}
        """) == [
        "7:5 a masquerade entry that mixes IPv4 and IPv6 can never match",
        "8:5 a source-nat entry that mixes IPv4 and IPv6 can never match",
        "9:5 a one-to-one entry that mixes IPv4 and IPv6 can never match",
        "10:5 an exempt entry that mixes IPv4 and IPv6 can never match",
        "11:5 a forward entry that mixes IPv4 and IPv6 can never match",
        "12:5 a redirect entry that mixes IPv4 and IPv6 can never match",
    ]


def test_names_of_rules_and_translations_are_one_family(told: Told) -> None:
    assert told("""\
        nat: [{name: web, masquerade: wan}]
        policy:
          lan -> wan: [{name: web, accept: any}]
        """) == ['8:23 two rules are called "web"']


def test_every_key_that_names_a_zone_is_checked(told: Told) -> None:
    assert told("""\
        settings: {per-zone: {x1: 1}}
        nat:
          - {masquerade: x2, from: x3}
          - {source-nat: 203.0.113.1, at: x4}
          - {forward: http, at: x5, to: 192.168.1.2, hairpin: [lan, x6]}
          - {one-to-one: 203.0.113.1, at: x7, to: 192.168.1.2, hairpin: x8}
          - {redirect: http, from: [x9], to: 80}
          - {exempt: 10.0.0.0/8, from: xa}
        policy:
          xb -> lan, xc: accept
        tests:
          - xd 192.168.1.5 -> xe 1.1.1.1 http = drop
        """) == [
        f'{place} unknown zone "{zone}"'
        for place, zone in [
            ("6:23", "x1"),
            ("8:18", "x2"),
            ("8:28", "x3"),
            ("9:35", "x4"),
            ("10:25", "x5"),
            ("10:61", "x6"),
            ("11:35", "x7"),
            ("11:65", "x8"),
            ("12:29", "x9"),
            ("13:32", "xa"),
            ("15:3", "xb"),
            ("15:14", "xc"),
            ("17:5", "xd"),
            ("17:23", "xe"),
        ]
    ]


USES = """\
nat:
  - {masquerade: wan, source: s1, destination: [s2], when: w1}
  - {forward: http, at: wan, to: 192.168.1.2, source: s3, destination: s4, when: w2}
  - {exempt: [10.0.0.0/8, s5], source: s6, when: w3}
policy:
  lan -> wan: [{accept: any, source: s7, destination: [s8], when: w4}]
"""


def test_every_key_that_names_a_set_or_a_schedule_is_checked(told: Told) -> None:
    expected = [
        f'{number}:{found.start() + 1} unknown {"set" if found[0][0] == "s" else "schedule"} "{found[0]}"'
        for number, line in enumerate(USES.splitlines(), 6)
        for found in re.finditer(r"\b[sw][1-8]\b", line)
    ]
    assert len(expected) == 12
    assert told(USES) == expected


def test_an_excepted_set_is_checked_too(told: Told) -> None:
    assert told('policy: {lan -> wan: [{accept: any, source: ["!s1"]}]}\n') == ['6:46 unknown set "s1"']
