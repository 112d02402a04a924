"""Named sets of addresses: what is in them now.

Lives here: the set, its members swapped whole. May not live here: reading its file (setfile.py), watching the clock
(service/), which rules use it (compile.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from mypy_extensions import i64

from conntrack.policy.ranges import NOWHERE, Ranges, united
from conntrack.policy.values import Span


class NetworkSet:
    """One entry of `sets:`. `fixed` are the spans written in the rules file; those of its file are replaced whole.

    `file` is "" for a set without one, whose members never change. `refresh` is in seconds, 0: only on reload.
    """

    def __init__(
        self, name: str, fixed: Sequence[Span] = (), file: str = "", refresh: float = 0.0, loaded: Sequence[Span] = ()
    ) -> None:
        """loaded: what the file holds to begin with."""
        self.name = name
        self.file = file
        self.refresh = refresh
        self.generation: i64 = 0  # how often the members were replaced
        self.refreshed = 0.0  # Unix time of the last replacement, 0.0: never since the policy was compiled
        self.members = 0  # spans given, before merging
        self._fixed = fixed
        self._ranges = NOWHERE
        self._hold([*fixed, *loaded])

    def contains(self, address: bytes) -> bool:
        """Whether a packed address (4 or 16 bytes) is a member."""
        return self._ranges.contains(address)

    def ranges(self) -> Ranges:
        """The members as they are now; a later replacement makes new ones and leaves these alone."""
        return self._ranges

    def size(self) -> int:
        """How many disjoint intervals the members come to."""
        return self._ranges.size()

    def replace(self, spans: Sequence[Span], wall: float) -> None:
        """Takes these for the members from the file, from the next packet on. ValueError: a set without a file."""
        if not self.file:
            raise ValueError(f"set {self.name} has no file: its members change with the rules file only")
        self._hold([*self._fixed, *spans])
        self.generation += 1
        self.refreshed = wall

    def _hold(self, spans: Sequence[Span]) -> None:
        self.members = len(spans)
        self._ranges = united(spans)
