"""The Internet checksum: RFC 1071's example, RFC 1624's examples, and both ways of summing."""

import pytest

from conntrack.packet import checksum
from conntrack.packet.checksum import adjust, adjust_partial, delta, ones_sum, range_sum


def test_the_example_of_rfc_1071() -> None:
    # §3: 0001 f203 f4f5 f6f7 sum to 2ddf0, folded ddf2
    assert ones_sum(bytes.fromhex("0001f203f4f5f6f7")) == 0xDDF2


def test_an_odd_octet_counts_as_the_high_one() -> None:
    assert ones_sum(b"\x12\x34\x56") == ones_sum(b"\x12\x34\x56\x00") == 0x6834


@pytest.mark.parametrize("data", [b"", b"\0\0", b"\xff\xff", b"\xff\xfe\0\1"])
def test_both_zeros_are_zero(data: bytes) -> None:
    assert ones_sum(data) == 0


def test_a_range_is_summed_as_if_it_stood_alone() -> None:
    data = bytes(range(64))
    for start in range(6):
        for end in range(start, 20):
            assert range_sum(data, start, end) == ones_sum(data[start:end])


@pytest.mark.parametrize("size", [0, 1, 2, 3, 20, 41, 1500, 65535])
def test_summing_by_word_and_by_division_agree(size: int) -> None:
    data = bytes((7 * index + size) & 0xFF for index in range(size))
    assert checksum._sum_by_word(data, 0, size) == checksum._sum_by_division(data, 0, size)


def test_the_corner_case_of_rfc_1624() -> None:
    # §4: HC = 0xDD2F, m = 0x5555, m' = 0x3285: eqn. 3 gives 0x0000, where eqn. 2 of RFC 1141 gave 0xFFFF
    assert adjust(0xDD2F, delta(b"\x55\x55", b"\x32\x85")) == 0x0000


@pytest.mark.parametrize("value", [0, 1, 0x8000, 0xFFFE, 0xFFFF])
def test_a_delta_of_nothing_changes_nothing(value: int) -> None:
    assert delta(b"abcd", b"abcd") == 0
    assert adjust(value, 0) == value
    assert adjust_partial(value, 0) == value


@pytest.mark.parametrize(
    ("old", "new"), [(b"\0\0", b"\xff\xff"), (b"\x00\x01", b"\xff\xff"), (b"\xff\xff", b"\x12\x34")]
)
def test_adjusting_is_computing_again(old: bytes, new: bytes) -> None:
    rest = b"\x45\x00\x12\x99"
    before = 0xFFFF - ones_sum(rest + old)
    assert adjust(before, delta(old, new)) == 0xFFFF - ones_sum(rest + new)


def test_deltas_of_several_parts_add_up() -> None:
    largest = delta(b"\x00\x01", b"\x00\x00")
    assert largest == 0xFFFE
    three_times = adjust(adjust(adjust(0x1234, largest), largest), largest)
    assert adjust(0x1234, 3 * largest) == three_times == 0x1237


def test_a_partial_field_is_the_plain_sum() -> None:
    old, new = b"\x0a\x00\x00\x01\xc0\xa8\x00\x02", b"\xcb\x00\x71\x05\xc0\xa8\x00\x02"
    rest = 6 + 40
    field = (ones_sum(old) + rest) % 0xFFFF
    assert adjust_partial(field, delta(old, new)) == (ones_sum(new) + rest) % 0xFFFF
