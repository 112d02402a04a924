"""From `port-blocks:` to the plan of a NAT rule.

Lives here: that translation. May not live here: whether it can be done (check_blocks.py).
"""

from __future__ import annotations

from conntrack.policy.document_nat import SourceSide
from conntrack.policy.nat_rule import BlockPlan

#: the ports that blocks are cut from where none are named: RFC 6335's user and dynamic ports
BLOCK_PORTS = (1024, 65535)


def plan_of(entry: SourceSide, name: str) -> BlockPlan | None:
    """The subscribers' port blocks, if ports are given out so."""
    said = entry.port_blocks
    if said is None:
        return None
    low, high = entry.ports or BLOCK_PORTS
    plan = BlockPlan(name, said.size, low, high)
    plan.most = said.per_subscriber
    plan.sessions = said.connections
    plan.prefixes = (said.subscriber.ipv4, said.subscriber.ipv6)
    plan.log = said.log
    if said.allocation == "deterministic":
        plan.inside = [
            (int.from_bytes(span.low, "big"), int.from_bytes(span.high, "big")) for span in entry.source.spans
        ]
    return plan
