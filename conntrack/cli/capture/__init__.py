"""Reading capture files: pcap and pcapng, without a library.

Lives here: the frame and the error. May not live here: the formats (pcap.py, pcapng.py), link layers (link.py).
Captures come from strangers: every length is bounded before anything is read by it, and nothing but CaptureError may
come out.
"""

from __future__ import annotations

from typing import Final, NamedTuple

#: longest frame that any capture may hold (libpcap's MAXIMUM_SNAPLEN)
FRAME_LIMIT: Final = 262144


class CaptureError(Exception):
    """The file is no capture, or breaks off; the text says where."""


class Frame(NamedTuple):
    """One captured frame."""

    number: int  # counts from 1, as other tools do
    time: float  # Unix time by the capture's own clock
    link: int  # LINKTYPE_ number
    data: bytes  # may be shorter than it was on the wire
    length: int  # on the wire
