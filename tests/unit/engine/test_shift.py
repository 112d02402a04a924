"""A stream that is changed on its way: numbers of both ends, and segments that come again in other pieces."""

from __future__ import annotations

import pytest

from conntrack.engine.shift import MOST, Shift

#: near the end of the circle, so that every test goes over it
START = 2**32 - 20


def at(place: int) -> int:
    return (START + place) % 2**32


def changed(*changes: tuple[int, int, bytes]) -> Shift:
    """A shift with changes at places of the stream."""
    shift = Shift()
    for start, end, new in changes:
        shift.note(at(start), at(end), new)
    return shift


class TestNothing:
    def test_everything_stays(self) -> None:
        shift = Shift()
        assert not shift.active()
        assert shift.outward(at(5), b"abc") == (at(5), b"abc")
        assert shift.inward(at(7)) == at(7)


class TestOneChange:
    """abcdefghij of which def became LONGER."""

    def test_the_whole_segment(self) -> None:
        assert changed((3, 6, b"LONGER")).outward(at(0), b"abcdefghij") == (at(0), b"abcLONGERghij")

    @pytest.mark.parametrize(
        ("place", "data", "expected"),
        [
            (0, b"abc", (0, b"abc")),  # up to it
            (0, b"abcd", (0, b"abc")),  # ends within: nothing of it
            (4, b"e", (3, b"")),  # within
            (3, b"def", (3, b"LONGER")),
            (4, b"ef", (3, b"LONGER")),  # begins within: all of it, where it begins
            (5, b"fgh", (3, b"LONGERgh")),
            (6, b"ghij", (9, b"ghij")),
            (10, b"", (13, b"")),  # a bare acknowledgement at the end
            (3, b"", (3, b"")),
            (0, b"", (0, b"")),
        ],
    )
    def test_pieces_of_it(self, place: int, data: bytes, expected: tuple[int, bytes]) -> None:
        seq, out = changed((3, 6, b"LONGER")).outward(at(place), data)
        assert (seq, out) == (at(expected[0]), expected[1])

    @pytest.mark.parametrize(
        ("ack", "own", "late"), [(0, 0, 0), (3, 3, 3), (4, 3, 6), (8, 3, 6), (9, 6, 6), (13, 10, 10)]
    )
    def test_what_an_acknowledgement_means(self, ack: int, own: int, late: int) -> None:
        shift = changed((3, 6, b"LONGER"))
        assert shift.inward(at(ack)) == at(own)
        assert shift.inward(at(ack), late=True) == at(late)

    def test_a_change_to_nothing(self) -> None:
        shift = changed((3, 6, b""))
        assert shift.outward(at(0), b"abcdefghij") == (at(0), b"abcghij")
        assert shift.inward(at(3)) == at(3)
        assert shift.inward(at(4)) == at(7)

    def test_long_after_it_was_acknowledged_only_the_offset_remains(self) -> None:
        shift = changed((3, 6, b"LONGER"))
        shift.settle(at(6))
        assert shift.outward(at(3), b"def") == (at(3), b"LONGER")
        for gigabyte in range(1, 9):
            shift.settle(at(gigabyte << 30))
            assert shift.outward(at((gigabyte << 30) + 4), b"k") == (at((gigabyte << 30) + 7), b"k")
            assert shift.inward(at((gigabyte << 30) + 3)) == at(gigabyte << 30)


class TestSeveral:
    def test_each_keeps_its_own_offset(self) -> None:
        shift = changed((0, 2, b"aaaa"), (4, 6, b"b"), (8, 9, b"ccc"))
        assert shift.outward(at(0), b"0123456789") == (at(0), b"aaaa23b67ccc9")
        assert shift.outward(at(6), b"67") == (at(7), b"67")
        assert [shift.inward(at(place)) for place in (4, 6, 7, 9, 12, 13)] == [at(p) for p in (2, 4, 6, 8, 9, 10)]

    def test_neighbours(self) -> None:
        shift = changed((0, 2, b"xyz"), (2, 4, b""))
        assert shift.outward(at(0), b"0123456") == (at(0), b"xyz456")
        assert shift.outward(at(2), b"2345") == (at(3), b"45")

    def test_when_it_is_full_the_oldest_that_is_acknowledged_makes_room(self) -> None:
        shift = changed(*[(place, place + 1, b"xx") for place in range(MOST)])
        assert shift.full()
        shift.settle(at(1))
        assert not shift.full()
        shift.note(at(MOST), at(MOST + 1), b"xx")
        assert shift.full()
        assert shift.outward(at(1), b"12") == (at(2), b"xxxx")
        assert shift.outward(at(MOST), b"8.") == (at(2 * MOST), b"xx.")
