"""What `source:` or `destination:` selects: literal addresses and named sets, less the excepted ones.

Lives here: membership of one address, and the part of it that never changes. May not live here: which side of a
packet is asked (match.py), text (compile.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from conntrack.policy.ranges import EVERYWHERE, NOWHERE, Ranges
from conntrack.policy.sets import NetworkSet


class Selection:
    """Addresses in `inside` or one of `sets`, but neither in `outside` nor in one of `outside_sets`.

    The sets named here are asked for every connection: those that may be replaced, and those too large for tables.
    Members of the others belong into the Ranges. `text` says it in words: "set admins, !192.0.2.1".
    """

    def __init__(
        self,
        text: str,
        inside: Ranges = EVERYWHERE,
        sets: Sequence[NetworkSet] = (),
        outside: Ranges = NOWHERE,
        outside_sets: Sequence[NetworkSet] = (),
    ) -> None:
        self.text = text
        self._inside = inside
        self._outside = outside
        self._sets = list(sets)
        self._outside_sets = list(outside_sets)

    def is_asked(self) -> bool:
        """Whether a set must be asked; otherwise `ranges` says it all."""
        return bool(self._sets) or bool(self._outside_sets)

    def ranges(self) -> Ranges:
        """The literal part: all it selects, where no set is asked."""
        return self._inside.without(self._outside)

    def holds(self, address: bytes) -> bool:
        """Whether it selects this packed address; b"" (none known) only where nothing but exceptions is named."""
        if not self._inside.contains(address) and not _any_holds(self._sets, address):
            return False
        return not self._outside.contains(address) and not _any_holds(self._outside_sets, address)


def _any_holds(sets: list[NetworkSet], address: bytes) -> bool:
    for named in sets:  # noqa: SIM110 - a loop compiles to one, any() to a generator
        if named.contains(address):
            return True
    return False
