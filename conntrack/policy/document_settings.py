"""The models of `settings:`: every key with its default and what it is for.

Lives here: the settings and the timeouts of each protocol. May not live here: what they do.
All durations are whole seconds.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from conntrack.policy import fields
from conntrack.policy.node import Node, group, stated


class TcpTimeouts(Node):
    """How long a TCP connection is kept in each state without a packet."""

    called: ClassVar[str] = "timeouts.tcp"

    syn_sent: fields.Duration = stated("120s", "A SYN without an answer.")
    syn_recv: fields.Duration = stated("60s", "SYN and SYN+ACK seen, the last ACK missing.")
    established: fields.Duration = stated("5d", "Open and idle.")
    fin_wait: fields.Duration = stated("120s", "One side has sent its FIN.")
    close_wait: fields.Duration = stated("60s", "That FIN is acknowledged.")
    last_ack: fields.Duration = stated("30s", "Both have sent a FIN, the last ACK is missing.")
    time_wait: fields.Duration = stated("120s", "Closed in order.")
    close: fields.Duration = stated("10s", "Closed by an RST.")
    syn_sent2: fields.Duration = stated("120s", "Both sides have sent a SYN.")
    retransmitted: fields.Duration = stated("300s", "Three retransmissions without an answer.")
    unacknowledged: fields.Duration = stated("300s", "Data that nobody acknowledges.")
    zero_window: fields.Duration = stated("300s", "The receiver's window is closed.")
    picked_up: fields.Duration = stated("300s", "Picked up in mid-stream, no answer seen yet.")


class UdpTimeouts(Node):
    """How long a UDP or UDP-Lite flow is kept without a packet."""

    called: ClassVar[str] = "timeouts.udp"

    unreplied: fields.Duration = stated("30s", "No answer yet, or only a short exchange.")
    replied: fields.Duration = stated("120s", "Answered, and still active two seconds after it began.")


class IcmpTimeouts(Node):
    """How long a query waits for its answers."""

    called: ClassVar[str] = "timeouts.icmp"

    query: fields.Duration = stated("30s", "Echo, timestamp, address mask, node information.")


class GreTimeouts(Node):
    """How long a GRE flow is kept without a packet."""

    called: ClassVar[str] = "timeouts.gre"

    unreplied: fields.Duration = stated("30s", "No answer yet.")
    replied: fields.Duration = stated("180s", "Seen in both directions.")


class SctpTimeouts(Node):
    """How long an SCTP association is kept in each state without a packet."""

    called: ClassVar[str] = "timeouts.sctp"

    closed: fields.Duration = stated("10s", "Aborted or not begun.")
    cookie_wait: fields.Duration = stated("3s", "INIT without an answer.")
    cookie_echoed: fields.Duration = stated("3s", "COOKIE ECHO without an answer.")
    established: fields.Duration = stated("210s", "Open and idle.")
    shutdown_sent: fields.Duration = stated("3s", "SHUTDOWN sent.")
    shutdown_received: fields.Duration = stated("3s", "SHUTDOWN received.")
    shutdown_ack_sent: fields.Duration = stated("3s", "SHUTDOWN ACK sent.")
    heartbeat_sent: fields.Duration = stated("30s", "Known by heartbeats only.")


class DccpTimeouts(Node):
    """How long a DCCP connection is kept in each state without a packet."""

    called: ClassVar[str] = "timeouts.dccp"

    request: fields.Duration = stated("240s", "A Request without an answer.")
    respond: fields.Duration = stated("480s", "Answered, not yet acknowledged.")
    partopen: fields.Duration = stated("480s", "The client has acknowledged.")
    open: fields.Duration = stated("12h", "Open and idle.")
    closereq: fields.Duration = stated("64s", "The server asks to close.")
    closing: fields.Duration = stated("64s", "Closing.")
    timewait: fields.Duration = stated("240s", "Closed in order.")


class OtherTimeouts(Node):
    """How long a flow of any other protocol is kept without a packet."""

    called: ClassVar[str] = "timeouts.other"

    idle: fields.Duration = stated("600s", "By addresses and protocol only: ESP, AH, OSPF, IGMP and so on.")


class Timeouts(Node):
    """One group of timeouts for each protocol."""

    called: ClassVar[str] = "timeouts"

    tcp: TcpTimeouts = group(TcpTimeouts, "TCP, by state.")
    udp: UdpTimeouts = group(UdpTimeouts, "UDP.")
    udplite: UdpTimeouts = group(UdpTimeouts, "UDP-Lite.")
    icmp: IcmpTimeouts = group(IcmpTimeouts, "ICMP queries.")
    icmpv6: IcmpTimeouts = group(IcmpTimeouts, "ICMPv6 queries.")
    sctp: SctpTimeouts = group(SctpTimeouts, "SCTP, by state.")
    dccp: DccpTimeouts = group(DccpTimeouts, "DCCP, by state.")
    gre: GreTimeouts = group(GreTimeouts, "GRE.")
    other: OtherTimeouts = group(OtherTimeouts, "Every other protocol.")


class Queue(Node):
    """The queue between the kernel and the daemon."""

    called: ClassVar[str] = "queue"

    backend: Literal["auto", "netfilterqueue", "netlink"] = Field(
        "auto", description="`auto` takes the best that works."
    )
    number: fields.QueueNumber = stated("0", "The NFQUEUE number, 0–65535.")
    length: fields.Count = stated("8192", "Packets the kernel may hold for the daemon.")
    gso: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Take what segmentation offload has joined as one packet: bulk transfers are several times faster. "
        "`auto`: with the netlink backend, from Linux 6.16 on.",
    )


class Metrics(Node):
    """Where the figures of the daemon can be read."""

    called: ClassVar[str] = "metrics"

    listen: fields.ListenAt = stated("127.0.0.1:9469", "`address:port`, or `off`.")


class Logging(Node):
    """How the daemon logs."""

    called: ClassVar[str] = "log"

    format: Literal["auto", "journald", "json", "text"] = Field(
        "auto", description="`auto`: journald under systemd, text on a terminal, else JSON lines."
    )


class Settings(Node):
    """The settings. Every key has a default."""

    called: ClassVar[str] = "settings"

    on_failure: Literal["drop", "bypass"] = Field(
        "drop",
        description="What happens to packets after the daemon has died: `drop` them or let them `bypass` it.",
    )
    connections: fields.Count = stated("262144", "Most connections in the table.")
    per_source: fields.Connections = stated("off", "Most connections of one source address.")
    per_zone: fields.ZoneLimits = stated(
        "off", "Most connections from a zone: `{guest: 20000}`; `any` is for the zones not named."
    )
    loose: fields.Bool = stated("yes", "Pick up TCP connections that began before the daemon did.")
    liberal: fields.Bool = stated("no", "Let TCP packets outside the window pass.")
    timeouts: Timeouts = group(Timeouts, "How long an idle connection is remembered, by protocol.")
    reject_rate: fields.RateLimit = stated(
        "50/second burst 100", "Most answers of reject rules; packets over it are dropped in silence."
    )
    queue: Queue = group(Queue, "How packets reach the daemon.")
    metrics: Metrics = group(Metrics, "The page for Prometheus.")
    log: Logging = group(Logging, "Where log lines go.")
    fastpath: Literal["auto", "off", "tc"] = Field(
        "auto",
        description="Whether established connections bypass the daemon, in the kernel: `tc` as eBPF programs at the "
        "interfaces of zones, `auto` where the kernel and the daemon's rights allow it, `off`.",
    )
    fastpath_on_exit: Literal["detach", "keep"] = Field(
        "detach",
        description="At an orderly end of the daemon: `detach` the fast path, or let it `keep` carrying its "
        "connections until the next start.",
    )
    unsolicited_syn: Literal["drop", "hold"] = Field(
        "drop",
        description="What a TCP connection attempt from outside to an address of NAT gets where no rule speaks of it: "
        "silence (`drop`), or after six seconds ICMP port unreachable (`hold`, RFC 5382 REQ-4).",
    )
    port_hold_down: fields.Pause = stated(
        "off", "How long an outside port that NAT chose rests once it is free, before another inside host may get it."
    )
    held_back_refresh: fields.Duration = stated(
        "5s", "How often the gateway's own ports, which NAT never hands out, are read again."
    )
