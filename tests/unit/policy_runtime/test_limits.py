"""Token buckets, second by second."""

from __future__ import annotations

import pytest

from conntrack.policy.limits import Limit

ANN = bytes((192, 0, 2, 1))
BOB = bytes((192, 0, 2, 2))


def taken(limit: Limit, source: bytes, *times: float) -> str:
    """One letter a call: y for a token, n for none."""
    return "".join("y" if limit.take(source, now) else "n" for now in times)


def test_a_full_bucket_gives_its_burst_at_once_and_then_one_a_step() -> None:
    limit = Limit(5, 60, 5)

    assert taken(limit, ANN, 0, 0, 0, 0, 0, 0) == "yyyyyn"
    assert taken(limit, ANN, 11.9, 12, 12, 24) == "nyny"


def test_an_idle_bucket_fills_up_to_its_burst_and_no_further() -> None:
    limit = Limit(1, 1, 3)

    assert taken(limit, ANN, 0, 0, 0, 0) == "yyyn"
    assert taken(limit, ANN, 1000, 1000, 1000, 1000) == "yyyn"


def test_a_refused_call_costs_nothing() -> None:
    limit = Limit(1, 10, 1)

    assert taken(limit, ANN, 0, 1, 2, 3, 4, 9.9, 10) == "ynnnnny"
    assert limit.refused == 5


def test_a_common_bucket_is_shared_by_all_sources() -> None:
    limit = Limit(1, 60, 1)

    assert taken(limit, ANN, 0) + taken(limit, BOB, 0) == "yn"


def test_per_source_each_has_its_own() -> None:
    limit = Limit(1, 60, 1, per_source=True)

    assert taken(limit, ANN, 0, 1) + taken(limit, BOB, 1, 2) == "ynyn"


def test_an_ipv6_source_is_its_64() -> None:
    limit = Limit(1, 60, 1, per_source=True)
    prefix = bytes.fromhex("20010db800000001")

    assert taken(limit, prefix + bytes(8), 0) == "y"
    assert taken(limit, prefix + b"\xff" * 8, 0) == "n"
    assert taken(limit, bytes.fromhex("20010db800000002") + bytes(8), 0) == "y"


def test_the_source_idle_longest_makes_room_once_its_bucket_is_full() -> None:
    limit = Limit(1, 10, 1, per_source=True, remembered=2)
    taken(limit, b"aaaa", 0)
    taken(limit, b"bbbb", 5)

    assert taken(limit, b"cccc", 11) == "y"
    assert limit.sources() == 2
    assert taken(limit, b"bbbb", 12) == "n"  # still remembered
    assert taken(limit, b"aaaa", 16) == "y"  # forgotten: fresh, in the place of bbbb


def test_taking_again_makes_a_source_young() -> None:
    limit = Limit(1, 10, 1, per_source=True, remembered=2)
    taken(limit, b"aaaa", 0)
    taken(limit, b"bbbb", 1)
    taken(limit, b"aaaa", 10)

    assert taken(limit, b"cccc", 12) == "y"  # bbbb went, though aaaa came first
    assert taken(limit, b"aaaa", 12) == "n"


def test_a_flood_of_new_sources_shares_one_bucket_while_none_can_be_forgotten() -> None:
    limit = Limit(1, 60, 1, per_source=True, remembered=10)
    sources = [bytes((10, 0, 0, number)) for number in range(100)]

    passed = [limit.take(source, 0.0) for source in sources]

    assert passed == [True] * 11 + [False] * 89
    assert limit.sources() == 10


def test_left_looks_without_taking() -> None:
    limit = Limit(1, 60, 1, per_source=True, remembered=1)

    assert limit.left(ANN, 0) and limit.left(ANN, 0)
    limit.take(ANN, 0)
    assert not limit.left(ANN, 1)
    assert limit.left(BOB, 1)  # the shared bucket
    limit.take(BOB, 1)
    assert not limit.left(BOB, 2)
    assert limit.left(ANN, 60) and limit.left(BOB, 60)
    assert limit.refused == 0


def test_left_of_a_common_bucket() -> None:
    limit = Limit(1, 60, 1)

    assert limit.left(ANN, 0)
    limit.take(ANN, 0)
    assert not limit.left(BOB, 59)
    assert limit.left(BOB, 60)


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (Limit(5, 60, 5, True), "5/minute per source"),
        (Limit(50, 1, 100), "50/second burst 100"),
        (Limit(1, 3600, 1), "1/hour"),
        (Limit(2, 86400, 2), "2/day"),
        (Limit(3, 10, 3), "3/10 seconds"),
    ],
)
def test_text_is_as_the_rules_file_writes_it(limit: Limit, text: str) -> None:
    assert limit.text() == text


@pytest.mark.parametrize(("count", "period", "burst"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_a_limit_of_nothing_is_refused(count: int, period: int, burst: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Limit(count, period, burst)
