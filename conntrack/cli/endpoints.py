"""Socket pairs of flows as text for tables.

Lives here: `address:port` and its kin. May not live here: the flow's dictionary (service/views.py). Always numeric.
"""

from __future__ import annotations

from conntrack.service.protocol import Item


def endpoint(address: str, port: int | None) -> str:
    """`192.0.2.1:80`, `[2001:db8::1]:80`, or the bare address."""
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def pair_text(direction: Item) -> tuple[str, str]:
    """Source and destination of one direction. An ICMP query's identifier stands by its source."""
    source_port = direction.get("source_port", direction.get("icmp_id"))
    return endpoint(direction["source"], source_port), endpoint(
        direction["destination"], direction.get("destination_port")
    )


def translated_text(flow: Item) -> str:
    """What a translated flow leaves as, `source > destination`, only the side that differs; "" if nothing does."""
    if not flow["nat"]:
        return ""
    reply = flow["reply"]
    source = endpoint(reply["destination"], reply.get("destination_port", reply.get("icmp_id")))
    destination = endpoint(reply["source"], reply.get("source_port"))
    before = pair_text(flow["original"])
    changed = [f"from {source}"] if source != before[0] else []
    return " ".join(changed + ([f"to {destination}"] if destination != before[1] else []))
