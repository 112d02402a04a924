"""An inside endpoint's outside port, remembered for the endpoint's next connections.

Lives here: the fields. May not live here: which mappings there are (ports.py).
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.nat.endpoint import outside_of
from conntrack.nat.port_block import Block
from conntrack.nat.use import PortUse
from conntrack.policy.nat_rule import NatRule


class Mapping:
    """An inside endpoint's outside port, kept where the port is not simply the endpoint's own."""

    def __init__(self, inside: bytes, use: PortUse, port: i64, exclusive: bool) -> None:
        self.inside = inside  # inside_of(key)
        self.rule: NatRule | None = None  # lets anybody in who sends to the outside port; None: only who was sent to
        self.use = use
        self.port: i64 = port
        self.exclusive = exclusive
        self.block: Block | None = None  # the subscriber's block that the port lies in
        self.references: i64 = 0
        self.begun: i64 = 0  # of those, the ones that began inside

    def outside(self) -> bytes:
        """Its outside endpoint: protocol, address, port."""
        return outside_of(self.use.protocol, self.use.address, self.port)
