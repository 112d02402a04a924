"""Traces: connections as scripts, one line a packet, with what the tracker must make of it.

    lan > syn                       | SYN_SENT 120 unreplied
    wan < synack                    | SYN_RECV 60 replied
    lan > ack                       | ESTABLISHED 432000 assured
    +5 wan < data len=1000          | 300
    wan < rst seq=400000            | rst-out-of-window

Before the bar: optionally `+SECONDS` that pass, the side that sends, an arrow (`>` leaves lan, `<` leaves wan), the
kind of packet, and what is unusual about it. After the bar, in any order: the connection's state, the timeout in
seconds that it has left, `assured`/`unassured`, `replied`/`unreplied`, `closing`/`alive`, and the judgement: `ignored`,
`reopened` (forgotten, and begun anew by this packet), `finished`, `none` (no connection may begin so), or the name
of the reason for which it is INVALID. Without a judgement the packet must be accepted. Comments begin with `#`.

TCP numbers count from the side's initial sequence number, so that its SYN is 0, whatever that number is; @N is N
itself. What is not given is what an honest stack would send: the next number, acknowledging everything sent so far.
    seq= ack= win= len=             numbers
    ws=SHIFT sackok mss ts bare     options; a SYN has mss unless it is bare
    sack=LEFT-RIGHT,…               blocks, of the other side's numbers
    flags=LETTERS                   instead of the kind's own: F S R P A U E C

SCTP packets are named by their chunks: `init`, `cookie-ack+data`, … They carry the other side's tag, 0 with `init`.
    tag=                            another verification tag
    itag=                           the tag that `init` or `init-ack` names; the side's own from then on
    t                               the T bit

ICMP messages without a name are `icmp-TYPE` and `icmp6-TYPE`.

DCCP packets are named `dccp-request`, `dccp-response` and so on; seq= and ack= are as they stand, 1 by default.
"""

from __future__ import annotations

from conntrack.flow.connection import ASSURED, CLOSING, SEEN_REPLY, Connection
from conntrack.flow.pair import invert, prefixes
from conntrack.packet import reason
from conntrack.packet.header import Packet
from conntrack.packet.parse import parse
from conntrack.tracker.base import ACCEPT, FINISH, IGNORE, REOPEN, Tracker
from conntrack.tracker.registry import Trackers
from tests import segments

LAN = (bytes((192, 168, 1, 2)), bytes((198, 51, 100, 7)))
LAN6 = (bytes.fromhex("fd00" + "0" * 26 + "02"), bytes.fromhex("20010db8" + "0" * 22 + "07"))

TCP_KINDS = {
    "syn": "S",
    "synack": "SA",
    "ack": "A",
    "data": "AP",
    "fin": "FA",
    "rst": "R",
    "rstack": "RA",
    "null": "",
}
#: other kinds: protocol number, and for ICMP the type
OTHER_KINDS: dict[str, tuple[int, int]] = {
    "udp": (17, -1),
    "udplite": (136, -1),
    "echo": (1, 8),
    "echo-reply": (1, 0),
    "timestamp": (1, 13),
    "timestamp-reply": (1, 14),
    "information": (1, 15),
    "information-reply": (1, 16),
    "mask": (1, 17),
    "mask-reply": (1, 18),
    "redirect": (1, 5),
    "echo6": (58, 128),
    "echo6-reply": (58, 129),
    "node": (58, 139),
    "node-reply": (58, 140),
    "gre": (47, -1),
    "pptp": (47, -1),
    "ospf": (89, -1),
    "esp": (50, -1),
    "igmp": (2, -1),
}
JUDGEMENTS = {ACCEPT: "accepted", IGNORE: "ignored", REOPEN: "reopened", FINISH: "finished"}
OPTIONS = {"sackok": segments.sack_permitted, "mss": segments.mss, "ts": segments.timestamps}
FLAGS = {
    "assured": (ASSURED, True),
    "unassured": (ASSURED, False),
    "replied": (SEEN_REPLY, True),
    "unreplied": (SEEN_REPLY, False),
    "closing": (CLOSING, True),
    "alive": (CLOSING, False),
}


class Side:
    """One host: where it is, its initial sequence number, and how far it has counted."""

    def __init__(self, name: str, address: bytes, port: int, isn: int) -> None:
        self.name = name
        self.address = address
        self.port = port
        self.isn = isn
        self.next = isn  # the number after everything sent so far
        self.tag = isn  # SCTP: what it wants to be addressed with


class Trace:
    """One socket pair with its tracker and its clock; `play` runs a script against it."""

    def __init__(self, tracker: Tracker | None = None, version: int = 4, isns: tuple[int, int] = (7000, 90000)) -> None:
        lan, wan = LAN if version == 4 else LAN6
        self.sides = {"lan": Side("lan", lan, 40000, isns[0]), "wan": Side("wan", wan, 443, isns[1])}
        self.trackers = Trackers()
        self.tracker = tracker
        self.now = 1000.0
        self.connection: Connection | None = None
        self.began = 0

    def play(self, script: str) -> None:
        """Plays every line; AssertionError names the first that comes out otherwise."""
        for line in script.splitlines():
            line = line.split("#")[0].strip()
            if line:
                self.line(line)

    def line(self, line: str) -> None:
        """Plays one line."""
        sent, _, expected = line.partition("|")
        words = sent.split()
        if words[0].startswith("+"):
            self.now += float(words.pop(0))
        name, arrow, kind, *details = words
        assert (name, arrow) in {("lan", ">"), ("wan", "<")}, f"{line}: lan sends with >, wan with <"
        sender = self.sides[name]
        before = sender.next
        outcome = self.send(self.packet(name, kind, details))
        if outcome not in JUDGEMENTS.values():
            sender.next = before  # it never arrives
        self.check(line, outcome, expected.split())

    def packet(self, name: str, kind: str, details: list[str]) -> bytes:
        """The bytes of one packet of a script."""
        sender = self.sides[name]
        receiver = self.sides["wan" if name == "lan" else "lan"]
        ports = (sender.port, receiver.port)
        if kind in OTHER_KINDS:
            protocol, icmp = OTHER_KINDS[kind]
            transport = (
                segments.icmp(icmp, 0, self.sides["lan"].port) if icmp >= 0 else segments.udp(ports, checksum=0xFFFF)
            )
            if kind == "gre":
                transport = segments.gre(bytes(20))
            elif kind == "pptp":
                transport = segments.pptp(9 if name == "lan" else 7)
        elif kind.startswith("icmp"):
            protocol = 58 if kind.startswith("icmp6-") else 1
            transport = segments.icmp(int(kind.partition("-")[2]), 0, self.sides["lan"].port)
        elif kind.startswith("dccp-"):
            numbers = {name: int(value) for name, _, value in (detail.partition("=") for detail in details)}
            kind_number = segments.DCCP_TYPES.index(kind.removeprefix("dccp-"))
            ack = None if kind_number in (0, 2) else numbers.get("ack", 1)
            protocol, transport = 33, segments.dccp(ports, kind_number, numbers.get("seq", 1), ack)
        elif set(kind.split("+")) <= segments.CHUNKS.keys() and kind != "data":
            protocol, transport = 132, chunks(sender, receiver, kind, details)
        else:
            protocol, transport = 6, segment(sender, receiver, kind, details)
        return segments.ip(sender.address, receiver.address, protocol, transport)

    def send(self, raw: bytes) -> str:
        """Gives a packet to the tracker as the engine does; returns the judgement's name."""
        packet = Packet()
        parse(raw, packet, verify=False)
        tracker = self.tracker or self.trackers.by_number[packet.protocol]
        connection = self.connection
        if connection is not None and connection.deadline <= self.now:
            connection = self.connection = None
        key = prefixes(0)[packet.protocol] + packet.pair
        if connection is None or key not in (connection.original.key, connection.reply.key):
            return self.open(tracker, packet, key)
        direction = connection.original if key == connection.original.key else connection.reply
        judgement = tracker.judge(packet, direction, self.now)
        if judgement == ACCEPT or judgement == FINISH:
            direction.packets += 1
        if judgement == REOPEN:
            opened = self.open(tracker, packet, key)
            return "reopened" if opened == "accepted" else opened
        if judgement == FINISH:
            self.connection = None
        return JUDGEMENTS.get(int(judgement)) or reason.name(int(judgement))

    def open(self, tracker: Tracker, packet: Packet, key: bytes) -> str:
        """A packet of no connection."""
        self.connection = None
        why = tracker.may_open(packet)
        if why:
            return "none" if why == reason.NOT_AN_OPENER else reason.name(int(why))
        self.began += 1
        self.connection = Connection(self.began, key, invert(key), self.now)
        self.connection.original.packets = 1
        tracker.open(packet, self.connection, self.now)
        return "accepted"

    def check(self, line: str, outcome: str, expected: list[str]) -> None:
        """Compares with what stands after the bar."""
        got = f"{line}\n  came out as: {outcome} {self.describe()}"
        judgement = "accepted"
        for word in expected:
            connection = self.connection
            if word.isupper() or word[0].isdigit():
                assert connection is not None, got
                if word.isupper():
                    assert self.state() == word.replace("-", "_"), got
                else:
                    assert abs(connection.deadline - self.now - float(word)) < 1e-6, got
            elif word in FLAGS:
                assert connection is not None, got
                bit, wanted = FLAGS[word]
                assert bool(connection.status & bit) == wanted, got
            else:
                judgement = word
        assert outcome == judgement, got

    def state(self) -> str:
        """The name of the connection's state."""
        assert self.connection is not None
        tracker = self.tracker or self.trackers.by_number[self.connection.protocol]
        return tracker.states()[self.connection.state]

    def opener(self) -> str:
        """The side that began the connection."""
        assert self.connection is not None
        key = self.connection.original.key
        return next(side.name for side in self.sides.values() if key[2:].startswith(side.address))

    def describe(self) -> str:
        """The connection in one line, for messages."""
        connection = self.connection
        if connection is None:
            return "(no connection)"
        left = connection.deadline - self.now
        flags = " ".join(word for word, (bit, wanted) in FLAGS.items() if bool(connection.status & bit) == wanted)
        return f"{self.state()} {left:g} {flags}"


def segment(sender: Side, receiver: Side, kind: str, details: list[str]) -> bytes:
    """A TCP segment of a script; moves the sender's count."""
    flags = segments.flag_bits(TCP_KINDS[kind])
    options = segments.mss() if flags & 0x02 and "bare" not in details else b""
    numbers = {"win": 65535, "len": 100 if kind == "data" else 0}
    numbers["seq"] = sender.isn if flags & 0x02 else sender.next
    numbers["ack"] = receiver.next if flags & 0x10 else 0
    for detail in details:
        name, _, value = detail.partition("=")
        if name == "flags":
            flags = segments.flag_bits(value)
        elif name == "ws":
            options += segments.window_scale(int(value))
        elif name == "sack":
            blocks = [[number(edge, receiver) for edge in block.split("-")] for block in value.split(",")]
            options += segments.sack([(left, right) for left, right in blocks])
        elif name in OPTIONS:
            options += OPTIONS[name]()
        elif name in ("seq", "ack"):
            numbers[name] = number(value, sender if name == "seq" else receiver)
        elif name in ("win", "len"):
            numbers[name] = int(value)
        else:
            assert name == "bare", f"no such detail: {detail}"
    end = numbers["seq"] + numbers["len"] + (flags & 1) + (flags >> 1 & 1)
    if end != numbers["seq"] and end > sender.next:
        sender.next = end
    return segments.tcp(
        (sender.port, receiver.port),
        numbers["seq"],
        numbers["ack"],
        flags,
        numbers["win"],
        options,
        b"x" * numbers["len"],
    )


def chunks(sender: Side, receiver: Side, kind: str, details: list[str]) -> bytes:
    """An SCTP packet of a script; a tag that it names is the side's from then on."""
    given = dict(detail.split("=") for detail in details if detail != "t")
    assert given.keys() <= {"tag", "itag"}, f"no such detail: {details}"
    if "itag" in given:
        sender.tag = int(given["itag"])
    body = b""
    for name in kind.split("+"):
        inside = sender.tag.to_bytes(4, "big") + bytes(12) if name.startswith("init") else bytes(4)
        body += segments.chunk(segments.CHUNKS[name], int("t" in details), inside)
    tag = int(given.get("tag", 0 if kind == "init" else receiver.tag))
    return segments.sctp((sender.port, receiver.port), tag, body)


def number(word: str, side: Side) -> int:
    """A sequence number of a script: @N as it stands, N counted from the side's first."""
    return int(word[1:]) if word.startswith("@") else side.isn + int(word)
