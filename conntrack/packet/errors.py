"""The one exception that may leave a decoder.

Lives here: Malformed. May not live here: any decoding.
"""

from conntrack.packet import reason as reasons


class Malformed(Exception):
    """The bytes are not a packet that can be judged; `reason` is a number of packet/reason.py (1–39)."""

    def __init__(self, reason: int) -> None:
        super().__init__(reasons.name(reason))
        self.reason = reason
