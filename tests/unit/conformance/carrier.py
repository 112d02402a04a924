"""A carrier's gateway: subscribers of 100.64.0.0/24 behind a pool of addresses, for the requirements of RFC 6888."""

from __future__ import annotations

from conntrack.nat.blocks import Ledger
from conntrack.nat.port_block import Block
from tests.host import Host

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [100.64.0.0/24]}
nat:
  - {name: subscribers, source-nat: 203.0.113.10-203.0.113.13, at: wan, source: 100.64.0.0/24%s}
policy:
  lan -> wan: accept
"""
LINKS = {
    "wan": ("eth0", ["203.0.113.1/24", *(f"203.0.113.{last}/24" for last in range(10, 14))]),
    "lan": ("eth1", ["100.64.0.1/24"]),
}
ON_DEMAND = "{size: 64, per-subscriber: 2}"
DETERMINISTIC = "{size: 512, allocation: deterministic}"


class Lines(Ledger):
    """Counts what would be logged."""

    def __init__(self) -> None:
        self.count = 0

    def given(self, block: Block, now: float) -> None:
        self.count += 1

    def returned(self, block: Block, now: float) -> None:
        self.count += 1


def carrier(blocks: str, more: str = "", settings: str = "") -> Host:
    """The gateway, with these port blocks; `more` goes into the NAT entry."""
    return Host(RULES % f", port-blocks: {blocks}{more}" + settings, LINKS)
