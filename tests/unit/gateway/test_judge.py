"""Messages as the kernel sends them, and the verdicts that go back."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntrack.engine.verdict import HOLD
from conntrack.gateway.queue.base import Handler, Tally
from conntrack.gateway.queue.judge import FLUSH, Judge
from tests.unit.gateway import wire
from tests.unit.gateway.wire import Verdict

QUEUE = 7
STRIDE = 66 * 1024


class Seen(NamedTuple):
    raw: bytes
    hook: int
    inbound: int
    outbound: int
    mark: int
    verify: bool


class Script(Handler):
    """Notes what it is asked, and answers the same every time."""

    def __init__(self, verdict: int = 1, new: bytes | None = None, mark: int = 0) -> None:
        self.answer = (verdict, new, mark)
        self.seen: list[Seen] = []
        self.batches = 0

    def batch(self) -> None:
        self.batches += 1

    def packet(
        self, raw: bytes, hook: int, inbound: int, outbound: int, mark: int, verify: bool
    ) -> tuple[int, bytes | None, int]:
        self.seen.append(Seen(raw, hook, inbound, outbound, mark, verify))
        return self.answer


class Echo(Script):
    """Gives every packet back as its own rewriting, its first byte as the mark."""

    def packet(
        self, raw: bytes, hook: int, inbound: int, outbound: int, mark: int, verify: bool
    ) -> tuple[int, bytes | None, int]:
        super().packet(raw, hook, inbound, outbound, mark, verify)
        return 1, raw, raw[0] if raw else 0


class Failing(Script):
    """Fails on packets that begin with "!"."""

    def packet(
        self, raw: bytes, hook: int, inbound: int, outbound: int, mark: int, verify: bool
    ) -> tuple[int, bytes | None, int]:
        if raw.startswith(b"!"):
            raise ZeroDivisionError("a fault of the engine's")
        return super().packet(raw, hook, inbound, outbound, mark, verify)


def run(handler: Handler, *messages: bytes, tally: Tally | None = None) -> list[Verdict]:
    pieces = sent(handler, *messages, tally=tally)
    return [verdict for piece in pieces for verdict in wire.verdicts(piece)]


def sent(handler: Handler, *messages: bytes, tally: Tally | None = None) -> list[bytes]:
    buffer = bytearray(STRIDE * len(messages))
    for number, message in enumerate(messages):
        buffer[number * STRIDE : number * STRIDE + len(message)] = message
    judge = Judge(QUEUE, handler, tally or Tally())
    return judge.judge(memoryview(buffer), STRIDE, [len(message) for message in messages])


def test_all_that_the_kernel_tells_reaches_the_handler() -> None:
    handler = Script()
    run(handler, wire.packet(1, b"payload", hook=2, inbound=3, outbound=0x12345, mark=0xC000_0001, info=4))
    assert handler.seen == [Seen(b"payload", 2, 3, 0x12345, 0xC000_0001, True)]


def test_absent_interfaces_and_mark_are_0_and_not_the_last_packet_s() -> None:
    handler = Script()
    run(handler, wire.packet(1, b"a", hook=2, inbound=3, outbound=4, mark=5, info=4), wire.packet(2, b"b", hook=0))
    assert handler.seen[1] == Seen(b"b", 0, 0, 0, 0, False)


@pytest.mark.parametrize(
    ("info", "verify"),
    [
        pytest.param(None, False, id="the kernel vouches for the checksum"),
        pytest.param(4, True, id="not verified"),
        pytest.param(1, False, id="not ready: nothing to verify yet"),
        pytest.param(5, False, id="not ready outweighs not verified"),
        pytest.param(2, False, id="segmentation offload only"),
        pytest.param(6, True, id="segmentation offload, not verified"),
    ],
)
def test_checksum_state(info: int | None, verify: bool) -> None:
    handler = Script()
    run(handler, wire.packet(1, b"x", info=info))
    assert handler.seen[0].verify is verify


def test_unknown_attributes_and_flag_bits_of_a_type_are_stepped_over() -> None:
    handler = Script()
    strange = wire.attribute(8, b"hardware address") + wire.attribute(0x8000 | 19, b"nested")
    run(handler, wire.packet(1, b"payload", inbound=9, between=strange, info=4))
    assert handler.seen == [Seen(b"payload", 2, 9, 0, 0, True)]


def test_verdict_and_mark_go_back_with_the_packet_s_id() -> None:
    assert run(Script(1, None, 0x8000_0005), wire.packet(0x01020304, b"x")) == [
        Verdict(QUEUE, 0x01020304, 1, 0x8000_0005, None)
    ]
    assert run(Script(0), wire.packet(5, b"x")) == [Verdict(QUEUE, 5, 0, 0, None)]


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 20, 255, 256, 257, 1500, 65531])
def test_a_rewritten_packet_goes_back_whole(length: int) -> None:
    new = bytes(number & 0xFF for number in range(length))
    assert run(Script(1, new, 9), wire.packet(1, b"as it was")) == [Verdict(QUEUE, 1, 1, 9, new)]


@pytest.mark.parametrize("length", [1, 100, 150, 200, 210, 220, 230, 300, 1480, 65531])
def test_a_packet_of_any_length_is_read_whole(length: int) -> None:
    raw = bytes((number * 7) & 0xFF for number in range(length))
    handler = Script()
    run(handler, wire.packet(1, raw, inbound=1, outbound=2, mark=3, info=4))
    assert handler.seen == [Seen(raw, 2, 1, 2, 3, True)]


def test_a_batch_is_judged_in_order_and_announced_once() -> None:
    handler = Echo()
    found = run(handler, *(wire.packet(100 + number, bytes((number,)) * 40) for number in range(64)))
    assert [(verdict.packet, verdict.mark, verdict.payload) for verdict in found] == [
        (100 + number, number, bytes((number,)) * 40) for number in range(64)
    ]
    assert handler.batches == 1


def test_rewritten_giants_are_sent_in_pieces_that_fit_the_send_buffer() -> None:
    pieces = sent(Echo(), *(wire.packet(number, bytes(65000)) for number in range(8)))
    assert len(pieces) > 1
    assert max(map(len, pieces)) < FLUSH + 65536
    assert [verdict.packet for piece in pieces for verdict in wire.verdicts(piece)] == list(range(8))


def test_a_packet_cut_short_is_dropped_and_counted_unseen() -> None:
    tally, handler = Tally(), Script()
    assert run(handler, wire.packet(1, bytes(65531), original=65535), tally=tally) == [Verdict(QUEUE, 1, 0, 0, None)]
    assert (handler.seen, tally.truncated, tally.packets) == ([], 1, 0)


def test_a_packet_without_payload_is_dropped_and_counted() -> None:
    tally = Tally()
    assert run(Script(), wire.packet(1, None), tally=tally) == [Verdict(QUEUE, 1, 0, 0, None)]
    assert tally.truncated == 1


def test_a_handler_s_fault_drops_that_packet_alone() -> None:
    tally = Tally()
    found = run(Failing(), wire.packet(1, b"a"), wire.packet(2, b"!"), wire.packet(3, b"b"), tally=tally)
    assert [(verdict.packet, verdict.verdict) for verdict in found] == [(1, 1), (2, 0), (3, 1)]
    assert (tally.faults, tally.packets) == (1, 3)
    assert isinstance(tally.fault, ZeroDivisionError)


def test_a_refused_verdict_is_counted_and_answered_with_nothing() -> None:
    tally = Tally()
    assert run(Script(), wire.error(2), wire.packet(1, b"x"), tally=tally) == [Verdict(QUEUE, 1, 1, 0, None)]
    assert (tally.refused, tally.packets) == (1, 1)


def test_a_message_of_another_kind_is_left_alone() -> None:
    tally = Tally()
    assert run(Script(), wire.message(0x305, bytes(20)), b"", b"short", tally=tally) == []
    assert (tally.packets, tally.refused, tally.truncated) == (0, 0, 0)


def test_more_marks_than_are_remembered_are_still_told_apart() -> None:
    class Counting(Script):
        def packet(
            self, raw: bytes, hook: int, inbound: int, outbound: int, mark: int, verify: bool
        ) -> tuple[int, bytes | None, int]:
            return 1, None, mark

    messages = [wire.packet(number, b"x", mark=number) for number in range(1, 5001)]
    judge = Judge(QUEUE, Counting(), Tally())
    for number, message in enumerate(messages, 1):
        (piece,) = judge.judge(memoryview(message), 0, [len(message)])
        assert wire.verdicts(piece) == [Verdict(QUEUE, number, 1, number, None)]


@given(st.binary(max_size=400), st.integers(0, 400))
def test_no_message_however_garbled_ends_the_loop(tail: bytes, cut: int) -> None:
    garbled = (wire.packet(1, b"payload", inbound=2)[:cut] + tail)[:STRIDE]
    found = run(Script(), garbled, wire.packet(2, b"x"))
    assert found[-1] == Verdict(QUEUE, 2, 1, 0, None)
    assert len(found) <= 2


class Patient(Script):
    """Holds every packet until it is told that the time is up."""

    def __init__(self) -> None:
        super().__init__(HOLD)
        self.late = False
        self.asked: list[bytes] = []

    def held(self, raw: bytes, hook: int, inbound: int, mark: int) -> tuple[int, bytes | None, int]:
        self.asked.append(raw)
        if raw.startswith(b"!"):
            raise ZeroDivisionError("a fault of the engine's")
        return (1, None, 0x2000_0000) if self.late else (HOLD, None, 0)


def held(handler: Handler, tally: Tally, *payloads: bytes) -> Judge:
    judge = Judge(QUEUE, handler, tally)
    for number, payload in enumerate(payloads, start=1):
        message = wire.packet(number, payload, hook=0, inbound=3)
        assert judge.judge(memoryview(message), STRIDE, [len(message)]) == []
    return judge


def test_a_held_packet_gets_its_verdict_later() -> None:
    handler = Patient()
    judge = held(handler, Tally(), b"one", b"two")
    assert judge.release() == b""
    assert handler.asked == [b"one"]  # the others came later: they cannot be due
    handler.late = True
    assert wire.verdicts(judge.release()) == [
        Verdict(QUEUE, 1, 1, 0x2000_0000, None),
        Verdict(QUEUE, 2, 1, 0x2000_0000, None),
    ]
    assert judge.release() == b""


def test_a_held_packet_that_cannot_be_judged_is_dropped_and_counted() -> None:
    tally = Tally()
    judge = held(Patient(), tally, b"!")
    assert [verdict.verdict for verdict in wire.verdicts(judge.release())] == [0]
    assert tally.faults == 1
