"""Named sets: reading a file's text, membership, replacement."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_pton
from time import process_time

import pytest

from conntrack.policy.sets import BadMember, NetworkSet, member, parse
from conntrack.policy.values import Span


def packed(text: str) -> bytes:
    return inet_pton(AF_INET6 if ":" in text else AF_INET, text)


BLOCKLIST = """\
# fetched nightly
203.0.113.0/24     # a whole network
198.51.100.7
; the next one is a range
192.0.2.10-192.0.2.20

2001:db8:bad::/48  ; and one of IPv6
2001:db8::1 - 2001:db8::f
"""


def test_a_file_of_every_kind_of_member() -> None:
    assert parse(BLOCKLIST) == [
        Span(packed("203.0.113.0"), packed("203.0.113.255")),
        Span(packed("198.51.100.7"), packed("198.51.100.7")),
        Span(packed("192.0.2.10"), packed("192.0.2.20")),
        Span(packed("2001:db8:bad::"), packed("2001:db8:bad:ffff:ffff:ffff:ffff:ffff")),
        Span(packed("2001:db8::1"), packed("2001:db8::f")),
    ]


def test_an_empty_file_is_an_empty_set() -> None:
    assert parse("") == []
    assert parse("# nothing yet\r\n\r\n") == []


def test_windows_line_ends_do_not_matter() -> None:
    assert parse("192.0.2.1\r\n192.0.2.2\r\n") == [member("192.0.2.1"), member("192.0.2.2")]


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("10.0.0.1/8", "bits are set after the prefix"),
        ("10.0.0.0/33", "0 to 32"),
        ("10.0.0.0/", "0 to 32"),
        ("10.0.0.0/-1", "0 to 32"),
        ("10.0.0.0/²", "0 to 32"),
        ("2001:db8::/129", "0 to 128"),
        ("10.0.0", "write it like"),
        ("010.0.0.1", "write it like"),
        ("10.0.0.256", "write it like"),
        ("example.org", "write it like"),
        ("fe80::1%eth0", "write it like"),
        ("10.0.0.1\0", "write it like"),
        ("10.0.0.1 10.0.0.2", "write it like"),
        ("10.0.0.9-10.0.0.1", "write 10.0.0.1-10.0.0.9"),
        ("10.0.0.1-::1", "one family"),
        ("10.0.0.1-10.0.0.2-10.0.0.3", "write it like"),
    ],
)
def test_a_bad_member_names_its_line_and_a_remedy(word: str, remedy: str) -> None:
    with pytest.raises(BadMember) as caught:
        parse(f"# one\n192.0.2.1\n{word}\n")

    assert caught.value.line == 3
    assert caught.value.text == word
    assert remedy in str(caught.value)


def test_a_set_without_a_file_holds_what_the_rules_file_says() -> None:
    admins = NetworkSet("admins", parse("203.0.113.0/29\n2001:db8:a::/48"))

    assert admins.contains(packed("203.0.113.7"))
    assert not admins.contains(packed("203.0.113.8"))
    assert admins.contains(packed("2001:db8:a::9"))
    assert (admins.size(), admins.members, admins.generation, admins.refreshed) == (2, 2, 0, 0.0)


def test_a_set_without_a_file_is_never_replaced() -> None:
    with pytest.raises(ValueError, match="admins has no file"):
        NetworkSet("admins").replace([], 0.0)


def test_replacing_swaps_the_file_s_members_and_keeps_those_of_the_rules_file() -> None:
    blocked = NetworkSet("blocked", parse("192.0.2.1"), file="blocked.txt", refresh=3600)

    blocked.replace(parse("198.51.100.0/24\n198.51.100.7"), 1000.0)
    assert blocked.contains(packed("192.0.2.1")) and blocked.contains(packed("198.51.100.7"))
    assert (blocked.size(), blocked.members, blocked.generation, blocked.refreshed) == (2, 3, 1, 1000.0)

    blocked.replace([], 2000.0)
    assert blocked.contains(packed("192.0.2.1")) and not blocked.contains(packed("198.51.100.7"))
    assert (blocked.size(), blocked.generation, blocked.refreshed) == (1, 2, 2000.0)


def test_who_holds_the_old_members_keeps_them_whole() -> None:
    blocked = NetworkSet("blocked", file="blocked.txt")
    blocked.replace(parse("192.0.2.1"), 1.0)
    before = blocked.ranges()

    blocked.replace(parse("192.0.2.2"), 2.0)

    assert before.contains(packed("192.0.2.1")) and not before.contains(packed("192.0.2.2"))


def test_a_hundred_thousand_networks_load_in_under_a_second() -> None:
    text = "\n".join(f"{10 + (n >> 16)}.{n >> 8 & 255}.{n & 255}.0/24" for n in range(100_000))
    blocked = NetworkSet("blocked", file="blocked.txt")

    began = process_time()
    blocked.replace(parse(text), 1.0)
    spent = process_time() - began

    assert blocked.members == 100_000
    assert blocked.contains(packed("11.134.159.200")) and not blocked.contains(packed("11.134.160.0"))
    assert spent < 1.0
