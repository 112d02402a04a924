"""The model of `port-blocks:`, which masquerade and source-nat may have.

Lives here: its keys. May not live here: whether they fit together (check_blocks.py).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from conntrack.policy import fields
from conntrack.policy.node import Node, group, stated


class SubscriberLengths(Node):
    """How long the prefix is that stands for one subscriber."""

    called: ClassVar[str] = "port-blocks.subscriber"

    ipv4: fields.Length4 = stated("32", "Prefix length of an IPv4 subscriber, 8–32.")
    ipv6: fields.Length6 = stated("64", "Prefix length of an IPv6 subscriber, 16–128.")


class PortBlocks(Node):
    """Outside ports in blocks, each of one subscriber (RFC 6888)."""

    called: ClassVar[str] = "port-blocks"
    rescue: ClassVar[dict[str, str]] = {"size": "512"}

    size: fields.BlockSize = Field(description="Ports of a block, 1–32768.")
    allocation: Literal["on-demand", "deterministic"] = Field(
        "on-demand",
        description="`on-demand`: a subscriber gets a block when it needs one, and a line is logged then. "
        "`deterministic`: by computation from `source:`, so that no log is needed (RFC 7422).",
    )
    per_subscriber: fields.Count = stated("1", "Most blocks of one subscriber; with `deterministic` always one.")
    connections: fields.Connections = stated("off", "Most connections of one subscriber.")
    subscriber: SubscriberLengths = group(SubscriberLengths, "Who counts as one subscriber; by default an address.")
    log: fields.Bool = stated("yes", "Log when a block on demand is given out, and when it comes back.")
