"""What all helpers share: editing a payload, and telling an endpoint as the listener sees it."""

from __future__ import annotations

from conntrack.helper.base import Edit, Endpoint, Memory, Speech, splice


class TestSplice:
    def test_nothing_to_do(self) -> None:
        assert splice(b"PORT 1,2", []) == b"PORT 1,2"

    def test_edits_in_any_order_that_lengthen_and_shorten(self) -> None:
        edits = [Edit(8, 10, b""), Edit(0, 2, b"longer"), Edit(4, 4, b"+")]
        assert splice(b"abcdefghijk", edits) == b"longercd+efghk"

    def test_of_two_that_overlap_the_first_is_made(self) -> None:
        assert splice(b"abcdef", [Edit(2, 4, b"X"), Edit(1, 3, b"Y")]) == b"aYdef"


class TestOutward:
    def test_speaker_and_listener_as_they_leave_and_others_as_they_are(self) -> None:
        speech = Speech(Memory())
        assert not speech.translated()
        speech.speaker, speech.speaker_seen = Endpoint(b"\x0a\0\0\1", 5060), Endpoint(b"\xcb\0\x71\1", 5061)
        speech.listener = speech.listener_seen = Endpoint(b"\xc6\x33\x64\x09", 5060)
        assert speech.translated()
        assert speech.outward(Endpoint(b"\x0a\0\0\1", 5060)).same(speech.speaker_seen)
        assert speech.outward(Endpoint(b"\xc6\x33\x64\x09", 5060)).same(speech.listener)
        other = Endpoint(b"\x0a\0\0\1", 5062)
        assert speech.outward(other) is other
