"""GRE (RFC 2784, RFC 2890), PPTP's included (kernel: nf_conntrack_proto_gre.c).

Lives here: its timeouts. May not live here: PPTP's call identifiers (packet/gre.py, helper/pptp). A packet of PPTP
names its receiver's identifier only, so each direction of a call is a flow of its own, which nobody answers.
"""

from __future__ import annotations

from typing import Final

from conntrack.tracker.connectionless import StreamTracker

UNREPLIED_SECONDS: Final = 30.0
REPLIED_SECONDS: Final = 180.0


class GreTracker(StreamTracker):
    """GRE: a stream as soon as the first packet after an answer."""

    def __init__(self) -> None:
        super().__init__("gre", UNREPLIED_SECONDS, REPLIED_SECONDS, 0.0)
