"""An inside endpoint's outside port, remembered for the endpoint's next connections.

Lives here: the fields. May not live here: which mappings there are (ports.py).
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.nat.use import PortUse
from conntrack.policy.runtime import NatRule


class Mapping:
    """An inside endpoint's outside port, kept where the port is not simply the endpoint's own."""

    def __init__(self, inside: bytes, use: PortUse, port: int, exclusive: bool, rule: NatRule | None) -> None:
        self.inside = inside  # inside_of(key)
        self.rule = rule  # lets anybody in who sends to the outside port; None: only who was sent to
        self.use = use
        self.port: i64 = port
        self.exclusive = exclusive
        self.references: i64 = 0
