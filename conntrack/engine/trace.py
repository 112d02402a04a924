"""What the engine thought of the packet it was given last: for `replay`, tests and the curious.

Lives here: the fields. May not live here: anything that decides.
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.flow.connection import Connection
from conntrack.packet import reason
from conntrack.policy.runtime import Rule

#: Trace.verdict
ACCEPTED = "accept"
DROPPED = "drop"
REJECTED = "reject"


class Trace:
    """Overwritten by every packet."""

    def __init__(self) -> None:
        self.verdict = ACCEPTED
        self.reason: i64 = reason.OK
        self.rule: Rule | None = None  # the rule that decided on this packet; None where none was asked
        self.new = False  # the packet began a connection
        self.direction = ""  # "original", "reply", or "" where no connection is known
        self.connection: Connection | None = None  # in its state after the packet

    def clear(self) -> None:
        """Back to "nothing known"."""
        self.verdict = ACCEPTED
        self.reason = reason.OK
        self.rule = None
        self.new = False
        self.direction = ""
        self.connection = None
