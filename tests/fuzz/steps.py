"""Arbitrary bytes as a script: a run of (from the first side?, seconds that pass, bytes)."""

from __future__ import annotations

from collections.abc import Iterator

PAUSES = (0.0, 0.0, 0.0, 0.1, 3.0, 31.0, 130.0, 1000.0)
#: a script ends after so many steps, so that no input takes long
MOST_STEPS = 40


class Steps:
    """Iterates over the steps that bytes stand for: a control byte, a length byte, so many bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[tuple[bool, float, bytes]]:
        for control, body in self._parts():
            yield bool(control & 1), PAUSES[control >> 1 & 7], body

    def told(self) -> Iterator[tuple[int, float, bytes]]:
        """The same with the control byte's other four bits for what happens: 0–15."""
        for control, body in self._parts():
            yield control >> 4, PAUSES[control >> 1 & 7], body

    def _parts(self) -> Iterator[tuple[int, bytes]]:
        at = 0
        for _ in range(MOST_STEPS):
            if at + 2 > len(self._data):
                return
            control, size = self._data[at], self._data[at + 1]
            yield control, self._data[at + 2 : at + 2 + size]
            at += 2 + size
