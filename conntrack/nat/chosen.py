"""What the choice of an outside port comes to.

Lives here: the fields. May not live here: the choosing (choice.py, block_choice.py), what is held (ports.py).
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.nat.port_block import Block
from conntrack.nat.use import PortUse


class Choice:
    """A translated source: the reply key that goes with it. `reply` is b"" where no port was free."""

    def __init__(self) -> None:
        self.reply: bytes = b""
        self.port: i64 = 0
        self.use: PortUse | None = None  # None: the protocol has no ports
        self.block: Block | None = None  # the subscriber's block that the port lies in, where ports are given out so
        self.mapped = False  # by a mapping that later connections of the endpoint reuse
