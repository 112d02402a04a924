"""UDP and UDP-Lite (RFC 768, RFC 3828; kernel: nf_conntrack_proto_udp.c).

Lives here: their timeouts. RFC 4787 REQ-5 asks for 120 s at least where traffic goes both ways; a question and its
answer (DNS) are over sooner, and the table is better off without them.
"""

from __future__ import annotations

from typing import Final

from conntrack.tracker.connectionless import StreamTracker

UNREPLIED_SECONDS: Final = 30.0
REPLIED_SECONDS: Final = 120.0
#: an exchange that is still going on after this long is a stream
LASTING_SECONDS: Final = 2.0


class UdpTracker(StreamTracker):
    """UDP, or UDP-Lite under its own name and with its own timeouts."""

    def __init__(self, name: str = "udp") -> None:
        super().__init__(name, UNREPLIED_SECONDS, REPLIED_SECONDS, LASTING_SECONDS)
