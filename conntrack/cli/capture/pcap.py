"""The classic pcap format (draft-ietf-opsawg-pcap).

Lives here: header and records. May not live here: pcapng, link layers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from conntrack.cli.capture import FRAME_LIMIT, CaptureError, Frame

#: the first four bytes of a file → byte order and fractions of a second
MAGICS: Final = {
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
}


def frames(file: BinaryIO, magic: bytes) -> Iterator[Frame]:
    """The frames of a file whose first four bytes have been read. CaptureError: it breaks off or is damaged."""
    order, fraction = MAGICS[magic]
    header = file.read(20)
    if len(header) < 20:
        raise CaptureError("the file ends within its header")
    (link_and_more,) = struct.unpack(order + "16xI", header)
    record = struct.Struct(order + "IIII")
    number = 0
    while head := file.read(16):
        number += 1
        if len(head) < 16:
            raise CaptureError(f"the file ends within the header of frame {number}")
        seconds, parts, captured, length = record.unpack(head)
        if captured > FRAME_LIMIT:
            raise CaptureError(f"frame {number} claims {captured} bytes: the file is damaged")
        data = file.read(captured)
        if len(data) < captured:
            raise CaptureError(f"the file ends within frame {number}")
        yield Frame(number, seconds + parts * fraction, link_and_more & 0xFFFF, data, length)
