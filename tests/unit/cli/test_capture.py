"""Capture files: those that scapy writes, and those that nobody should have written."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import PcapNgWriter, wrpcap

from conntrack.cli.capture import FRAME_LIMIT, CaptureError, Frame, pcap, pcapng
from conntrack.cli.capture.files import frames
from conntrack.cli.capture.pcapng import tick

DATA = [bytes(Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02") / IP() / UDP() / bytes(n)) for n in (0, 5, 1000)]


def written(path: Path, records: list[bytes], pcapng_too: bool = False) -> list[Frame]:
    packets = []
    for number, data in enumerate(records):
        packet = Ether(data)
        packet.time = 1700000000 + number * 0.25
        packets.append(packet)
    if pcapng_too:
        writer = PcapNgWriter(str(path))
        for packet in packets:
            writer.write(packet)
        writer.close()
    else:
        wrpcap(str(path), packets)
    return list(frames(path))


@pytest.mark.parametrize("new_format", [False, True])
def test_what_scapy_writes(new_format: bool, tmp_path: Path) -> None:
    found = written(tmp_path / "trace", DATA, new_format)
    assert [frame.data for frame in found] == DATA
    assert [frame.number for frame in found] == [1, 2, 3]
    assert [frame.time for frame in found] == pytest.approx([1700000000.0, 1700000000.25, 1700000000.5])
    assert {frame.link for frame in found} == {1}
    assert [frame.length for frame in found] == [len(data) for data in DATA]


@pytest.mark.parametrize(("magic", "order", "unit"), [(magic, *rest) for magic, rest in pcap.MAGICS.items()])
def test_every_byte_order_and_resolution(magic: bytes, order: str, unit: float, tmp_path: Path) -> None:
    header = magic + struct.pack(order + "HHiIII", 2, 4, 0, 0, 65535, 0x1000_0065)  # FCS bits above the link type
    record = struct.pack(order + "IIII", 1700000000, 250, 4, 90) + b"abcd"
    (tmp_path / "trace").write_bytes(header + record)
    (frame,) = frames(tmp_path / "trace")
    assert frame == Frame(1, 1700000000 + 250 * unit, 101, b"abcd", 90)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "empty"),
        (b"\x1f\x8b\x08\x00", "gunzip"),
        (b"hello world", "neither a pcap nor a pcapng"),
        (b"\xa1\xb2\xc3\xd4" + bytes(10), "within its header"),
        (b"\xa1\xb2\xc3\xd4" + bytes(20) + bytes(9), "within the header of frame 1"),
        (b"\xa1\xb2\xc3\xd4" + bytes(20) + struct.pack(">IIII", 0, 0, 9, 9) + b"x", "within frame 1"),
        (b"\xa1\xb2\xc3\xd4" + bytes(20) + struct.pack(">IIII", 0, 0, FRAME_LIMIT + 1, 9), "damaged"),
    ],
)
def test_what_is_no_capture(content: bytes, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "trace").write_bytes(content)
    with pytest.raises(CaptureError, match=complaint):
        list(frames(tmp_path / "trace"))


def test_what_was_whole_before_the_damage_is_read(tmp_path: Path) -> None:
    written(tmp_path / "trace", DATA)
    whole = (tmp_path / "trace").read_bytes()
    (tmp_path / "trace").write_bytes(whole[:-1])
    reading = frames(tmp_path / "trace")
    assert [next(reading).data, next(reading).data] == DATA[:2]
    with pytest.raises(CaptureError, match="within frame 3"):
        next(reading)


# pcapng by hand


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    total = 12 + len(body)
    return struct.pack(order + "II", kind, total) + body + struct.pack(order + "I", total)


def section(order: str = "<") -> bytes:
    return block(pcapng.SECTION, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = 101, snapped: int = 0, options: bytes = b"", order: str = "<") -> bytes:
    return block(pcapng.INTERFACE, struct.pack(order + "HHI", link, 0, snapped) + options, order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def enhanced(data: bytes, index: int = 0, stamp: int = 0, order: str = "<") -> bytes:
    head = struct.pack(order + "IIIII", index, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data) + 7)
    return block(pcapng.PACKET, head + data, order)


def read(content: bytes) -> list[Frame]:
    file = io.BytesIO(content)
    assert file.read(4) == pcapng.MAGIC
    return list(pcapng.Reader(file).frames())


@pytest.mark.parametrize("order", ["<", ">"])
def test_interfaces_have_links_and_clocks_of_their_own(order: str) -> None:
    nanoseconds = option(pcapng.OPTION_RESOLUTION, b"\x09", order) + option(
        pcapng.OPTION_OFFSET, struct.pack(order + "q", 100), order
    )
    content = (
        section(order)
        + interface(1, order=order)
        + interface(101, options=nanoseconds, order=order)
        + enhanced(b"one", 0, 5_000_000, order)
        + enhanced(b"two", 1, 5_000_000_000, order)
    )
    assert read(content) == [Frame(1, 5.0, 1, b"one", 10), Frame(2, 105.0, 101, b"two", 10)]


def test_a_new_section_begins_anew() -> None:
    content = section("<") + interface(1) + enhanced(b"one") + section(">") + interface(101, order=">")
    content += enhanced(b"two", order=">")
    assert [(frame.link, frame.data) for frame in read(content)] == [(1, b"one"), (101, b"two")]
    with pytest.raises(CaptureError, match="names interface 0"):
        read(section() + interface() + section() + enhanced(b"x"))


def test_other_blocks_are_skipped() -> None:
    content = section() + block(0x0BAD, b"?" * 9) + interface() + block(5, bytes(20)) + enhanced(b"data")
    assert [frame.data for frame in read(content)] == [b"data"]


def test_simple_and_obsolete_packet_blocks() -> None:
    simple = block(pcapng.SIMPLE_PACKET, struct.pack("<I", 10) + b"abcdefghij")
    old = block(pcapng.OLD_PACKET, struct.pack("<HHIIII", 0, 0, 0, 3_000_000, 2, 2) + b"zz")
    content = section() + interface(snapped=4) + old + simple
    assert read(content) == [Frame(1, 3.0, 101, b"zz", 2), Frame(2, 3.0, 101, b"abcd", 10)]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (section()[:10], "within a block"),
        (b"\x0a\x0d\x0d\x0a\x1c\0\0\0????" + bytes(16), "byte-order magic"),
        (struct.pack("<III", pcapng.SECTION, 20, 0x1A2B3C4D) + bytes(20), "too short"),
        (section() + struct.pack("<II", 6, 13) + bytes(20), "claims 13 bytes"),
        (section() + struct.pack("<II", 6, 8) + bytes(20), "claims 8 bytes"),
        (section() + struct.pack("<II", 6, 1 << 30) + bytes(20), "claims 1073741824 bytes"),
        (section() + block(9, bytes(8))[:-4] + bytes(4), "two lengths differ"),
        (section() + b"\x06\0\0", "within a block's header"),
        (section() + interface() + block(pcapng.PACKET, bytes(8)), "no whole header"),
        (section() + interface() + block(pcapng.SIMPLE_PACKET, b""), "no whole header"),
        (section() + block(pcapng.INTERFACE, bytes(4)), "interface block is damaged"),
        (section() + interface() + block(6, struct.pack("<IIIII", 0, 0, 0, 99, 99)), "claims 99 bytes"),
        (section() + enhanced(b"x"), "names interface 0"),
    ],
)
def test_damaged_blocks_are_told(content: bytes, complaint: str) -> None:
    with pytest.raises(CaptureError, match=complaint):
        read(content)


def test_clock_ticks() -> None:
    assert tick(6) == 1e-6
    assert tick(9) == 1e-9
    assert tick(0) == 1.0
    assert tick(0x80 | 10) == 1 / 1024


@given(st.binary(max_size=300))
def test_nothing_else_ever_comes_out_of_a_pcap(tail: bytes) -> None:
    for magic in pcap.MAGICS:
        try:
            for frame in pcap.frames(io.BytesIO(tail), magic):
                assert len(frame.data) <= FRAME_LIMIT
        except CaptureError as error:
            assert str(error)


@given(st.binary(max_size=300), st.booleans())
def test_nothing_else_ever_comes_out_of_a_pcapng(tail: bytes, with_head: bool) -> None:
    content = (section() + interface() if with_head else pcapng.MAGIC) + tail
    try:
        for frame in read(content):
            assert len(frame.data) <= FRAME_LIMIT
    except CaptureError as error:
        assert str(error)
