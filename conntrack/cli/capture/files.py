"""Opening a capture file, whichever format it has.

Lives here: telling formats apart. May not live here: the formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from conntrack.cli.capture import CaptureError, Frame, pcap, pcapng


def frames(path: Path) -> Iterator[Frame]:
    """The frames of a file. OSError: it cannot be opened; CaptureError: no capture, or it breaks off."""
    with path.open("rb") as file:
        magic = file.read(4)
        if magic in pcap.MAGICS:
            yield from pcap.frames(file, magic)
        elif magic == pcapng.MAGIC:
            yield from pcapng.Reader(file).frames()
        else:
            raise CaptureError(described(magic))


def described(magic: bytes) -> str:
    """What a file that is no capture may be."""
    if not magic:
        return "the file is empty"
    if magic[:2] == b"\x1f\x8b":
        return "the file is compressed: gunzip it first"
    return "this is neither a pcap nor a pcapng file"
