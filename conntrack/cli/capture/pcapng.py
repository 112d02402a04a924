"""The pcapng format (draft-ietf-opsawg-pcapng): sections, interfaces, packets; every other block is skipped.

Lives here: blocks. May not live here: classic pcap, link layers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from conntrack.cli.capture import FRAME_LIMIT, CaptureError, Frame

MAGIC: Final = b"\x0a\x0d\x0d\x0a"

SECTION: Final = 0x0A0D0D0A
INTERFACE: Final = 1
OLD_PACKET: Final = 2
SIMPLE_PACKET: Final = 3
PACKET: Final = 6
OPTION_RESOLUTION: Final = 9
OPTION_OFFSET: Final = 14

BLOCK_LIMIT: Final = 1 << 24
INTERFACES_LIMIT: Final = 65536


class Interface(NamedTuple):
    """What an interface block says."""

    link: int
    snapped: int  # longest capture; 0: no limit
    unit: float  # seconds of one tick of its clock
    offset: int  # seconds to add


class Reader:
    """Reads one file. Byte order and interfaces hold for a section."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._order = "<"
        self._interfaces: list[Interface] = []
        self._number = 0
        self._last_time = 0.0

    def frames(self) -> Iterator[Frame]:
        """The frames of a file whose first four bytes have been read. CaptureError: it breaks off or is damaged."""
        self._section()
        while head := self._file.read(8):
            if len(head) < 8:
                raise self._damaged("the file ends within a block's header")
            if head[:4] == MAGIC:
                self._section(head[4:])
                continue
            kind, total = struct.unpack(self._order + "II", head)
            body = self._body(total)
            if kind == INTERFACE:
                self._add_interface(body)
            elif kind in (PACKET, OLD_PACKET, SIMPLE_PACKET):
                self._number += 1
                yield self._packet(kind, body)

    def _section(self, length: bytes = b"") -> None:
        """A section header: its byte order is told by a magic behind its length."""
        length = length or self._read(4)
        magic = self._read(4)
        orders = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
        if magic not in orders:
            raise self._damaged("a section has no byte-order magic")
        self._order = orders[magic]
        self._interfaces = []
        (total,) = struct.unpack(self._order + "I", length)
        if total < 28:
            raise self._damaged("a section header is too short")
        self._body(total, already=12)

    def _body(self, total: int, already: int = 8) -> bytes:
        """The rest of a block without the length that ends it."""
        if total % 4 or not already + 4 <= total <= BLOCK_LIMIT:
            raise self._damaged(f"a block claims {total} bytes")
        body = self._read(total - already)
        if struct.unpack(self._order + "I", body[-4:])[0] != total:
            raise self._damaged("a block's two lengths differ")
        return body[:-4]

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise self._damaged("the file ends within a block")
        return data

    def _add_interface(self, body: bytes) -> None:
        if len(body) < 8 or len(self._interfaces) >= INTERFACES_LIMIT:
            raise self._damaged("an interface block is damaged, or there are too many")
        link, snapped = struct.unpack(self._order + "HxxI", body[:8])
        options = dict(self._options(body[8:]))
        resolution = options.get(OPTION_RESOLUTION, b"\x06")[:1]
        offset = options.get(OPTION_OFFSET, bytes(8))
        seconds = struct.unpack(self._order + "q", offset)[0] if len(offset) == 8 else 0
        self._interfaces.append(Interface(link, snapped, tick(resolution[0] if resolution else 6), seconds))

    def _options(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at + 4 <= len(data):
            code, size = struct.unpack(self._order + "HH", data[at : at + 4])
            if code == 0:
                return
            yield code, data[at + 4 : at + 4 + size]
            at += 4 + (size + 3 & ~3)

    def _packet(self, kind: int, body: bytes) -> Frame:
        if kind == SIMPLE_PACKET:
            return self._simple(body)
        if len(body) < 20:
            raise self._damaged(f"frame {self._number} has no whole header")
        layout = "IIIII" if kind == PACKET else "HxxIIII"
        index, high, low, captured, length = struct.unpack(self._order + layout, body[:20])
        interface = self._interface(index)
        if captured > min(FRAME_LIMIT, len(body) - 20):
            raise self._damaged(f"frame {self._number} claims {captured} bytes")
        self._last_time = (high << 32 | low) * interface.unit + interface.offset
        return Frame(self._number, self._last_time, interface.link, body[20 : 20 + captured], length)

    def _simple(self, body: bytes) -> Frame:
        """A frame of the first interface, without a time: the one before it must do."""
        if len(body) < 4:
            raise self._damaged(f"frame {self._number} has no whole header")
        interface = self._interface(0)
        (length,) = struct.unpack(self._order + "I", body[:4])
        captured = min(length, interface.snapped or length, len(body) - 4)
        return Frame(self._number, self._last_time, interface.link, body[4 : 4 + captured], length)

    def _interface(self, index: int) -> Interface:
        if index >= len(self._interfaces):
            raise self._damaged(f"frame {self._number} names interface {index}, which is not described")
        return self._interfaces[index]

    def _damaged(self, what: str) -> CaptureError:
        return CaptureError(f"{what} (after frame {self._number})")


def tick(resolution: int) -> float:
    """if_tsresol in seconds: a negative power of 10, or of 2 if the highest bit is set."""
    power = resolution & 0x7F
    return float(2.0**-power if resolution & 0x80 else 10.0**-power)
