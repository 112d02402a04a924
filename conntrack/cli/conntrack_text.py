"""Flows and events in the text form of conntrack-tools, for scripts that already read it.

Lives here: that form, which libnetfilter_conntrack's snprintf defines. May not live here: our own forms (output.py).

    tcp      6 431999 ESTABLISHED src=… dst=… sport=… dport=… packets=… bytes=… src=… … [ASSURED] mark=0 use=1
"""

from __future__ import annotations

from typing import Final

from conntrack.service.protocol import Item

#: protocols that conntrack-tools has names for; the rest are "unknown" there
NAMED: Final = {1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 47: "gre", 58: "icmpv6", 132: "sctp", 136: "udplite"}
#: protocols whose state is printed
WITH_STATE: Final = frozenset({6, 33, 132})
EVENTS: Final = {"new": "[NEW]", "end": "[DESTROY]"}


def flow_line(flow: Item) -> str:
    """One flow, as `conntrack -L` prints it."""
    number = flow["protocol_number"]
    parts = [f"{NAMED.get(number, 'unknown'):<8} {number}", str(flow["timeout"])]
    if number in WITH_STATE:
        parts.append(flow["state"])
    parts += body(flow, counters=True)
    if flow["path"] == "fast":
        parts.append("[OFFLOAD]")
    elif flow["assured"]:
        parts.append("[ASSURED]")
    parts += [f"mark={flow['mark']}", "use=1"]
    return " ".join(parts)


def event_line(event: Item) -> str:
    """One event, as `conntrack -E` prints it: a new flow has no counters yet, a destroyed one no timeout."""
    number = event["protocol_number"]
    kind = event["event"]
    parts = [f"{EVENTS[kind]:>9} {NAMED.get(number, 'unknown'):<8} {number}"]
    if kind == "new":
        parts.append(str(event["timeout"]))
    if number in WITH_STATE:
        parts.append(event["state"])
    parts += body(event, counters=kind == "end")
    if event["assured"]:
        parts.append("[ASSURED]")
    return " ".join(parts)


def body(flow: Item, counters: bool) -> list[str]:
    """Both directions, and between them whether anything ever came back."""
    words = direction_words(flow["original"], counters, "orig")
    if not flow["replied"]:
        words.append("[UNREPLIED]")
    return words + direction_words(flow["reply"], counters, "reply")


def direction_words(direction: Item, counters: bool, side: str) -> list[str]:
    """`src=… dst=…` and what follows, for one direction; an address space is what conntrack-tools call a zone."""
    words = [f"src={direction['source']}", f"dst={direction['destination']}"]
    if "source_port" in direction:
        words += [f"sport={direction['source_port']}", f"dport={direction['destination_port']}"]
    elif "icmp_type" in direction:
        words += [f"type={direction['icmp_type']}", f"code={direction['icmp_code']}", f"id={direction['icmp_id']}"]
    elif "gre_key" in direction:
        words += [f"srckey={direction['gre_key']:#x}", f"dstkey={direction['gre_key']:#x}"]
    if "space" in direction:
        words.append(f"zone-{side}={direction['space']}")
    if counters:
        words += [f"packets={direction['packets']}", f"bytes={direction['bytes']}"]
    return words
