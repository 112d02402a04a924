"""Every protocol without a tracker of its own: known by addresses and protocol number.

Lives here: OSPF, IGMP, ESP, AH and whatever else crosses a gateway. May not live here: anything that reads a header.
"""

from __future__ import annotations

from typing import Final

from conntrack.tracker.connectionless import SteadyTracker

IDLE_SECONDS: Final = 600.0


class GenericTracker(SteadyTracker):
    """Any other protocol."""

    def __init__(self) -> None:
        super().__init__("other", "idle", IDLE_SECONDS)
