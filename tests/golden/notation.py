"""Packets as one line of text, and text as packets: what the golden scenarios are written in.

    tcp 192.168.10.5:40000 > 203.0.113.77:80 SYN seq=1000 mss=1460
    udp [2001:db8:10::5]:5000 > [2001:db8:113::77]:53 length=20
    icmp 192.168.10.5 > 203.0.113.77 echo-request id=7
    icmp 198.51.100.9 > 198.51.100.2 time-exceeded about udp 198.51.100.2:5000 > 203.0.113.77:33434
    protocol-47 192.168.10.5 > 203.0.113.77 dscp=8
    tcp 192.168.10.5:40000 > 203.0.113.77:21 PSH+ACK seq=1001 ack=9001 says=PORT_192,168,10,5,19,136

`says` is a line of text as payload, with _ for a blank; its end (CR LF) is not written. Bytes are made and read by
scapy, so that our own decoder is not its own witness. `broken` at the end of a line spoils the transport checksum;
`describe` says `BAD CHECKSUM` of a packet whose checksums are not what scapy computes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    ICMPv6PacketTooBig,
    ICMPv6TimeExceeded,
    IPv6,
)
from scapy.packet import Packet, Raw

_ENDS: Final = re.compile(r"(?P<protocol>\S+) (?P<source>\S+) > (?P<destination>\S+)(?: (?P<rest>.*))?")
_FLAGS: Final = {"FIN": "F", "SYN": "S", "RST": "R", "PSH": "P", "ACK": "A", "URG": "U"}
_ICMP: Final = {
    "echo-reply": (0, 0),
    "net-unreachable": (3, 0),
    "port-unreachable": (3, 3),
    "fragmentation-needed": (3, 4),
    "prohibited": (3, 13),
    "redirect": (5, 1),
    "echo-request": (8, 0),
    "time-exceeded": (11, 0),
}
_ICMP6: Final[dict[str, Callable[[], Any]]] = {
    "port-unreachable": lambda: ICMPv6DestUnreach(code=4),
    "prohibited": lambda: ICMPv6DestUnreach(code=1),
    "too-big": lambda: ICMPv6PacketTooBig(mtu=1280),
    "time-exceeded": lambda: ICMPv6TimeExceeded(),
    "neighbour-solicitation": lambda: ICMPv6ND_NS(),
    "echo-request": lambda: ICMPv6EchoRequest(),
    "echo-reply": lambda: ICMPv6EchoReply(),
}


def packet(text: str) -> bytes:
    """The bytes of a packet line. ValueError: it is not one."""
    built = _build(text)
    raw = bytes(built)
    if " broken" in f" {text}":
        return raw[:-1] + bytes((raw[-1] ^ 0xFF,))
    return raw


def describe(raw: bytes) -> str:
    """A packet's bytes as a line of text, without what only its sender cares for (payload, TTL, window)."""
    read = IP(raw) if raw[0] >> 4 == 4 else IPv6(raw)
    wrong = "" if bytes(_recomputed(read)) == raw else " BAD CHECKSUM"
    dscp = (read.tc if isinstance(read, IPv6) else read.tos) >> 2
    return _text(read) + (f" dscp={dscp}" if dscp else "") + wrong


def _build(text: str) -> Packet:
    ends = _ENDS.fullmatch(text)
    if ends is None:
        raise ValueError(f"not a packet: {text!r}")
    rest, _, about = (ends["rest"] or "").partition("about ")
    words = rest.split()
    values = dict(word.split("=", 1) for word in words if "=" in word)
    names = [word for word in words if "=" not in word and word != "broken"]
    source, source_port = _split(ends["source"])
    destination, destination_port = _split(ends["destination"])
    six = ":" in source
    tos = int(values.get("dscp", 0)) << 2
    head = IPv6(src=source, dst=destination, tc=tos) if six else IP(src=source, dst=destination, flags="DF", tos=tos)
    protocol = ends["protocol"]
    body: Packet
    if protocol == "tcp":
        body = _tcp(source_port, destination_port, names, values)
    elif protocol == "udp":
        body = UDP(sport=source_port, dport=destination_port)
    elif protocol in ("icmp", "icmp6"):
        body = _icmp(six, names[0], values)
    else:
        setattr(head, "nh" if six else "proto", int(protocol.removeprefix("protocol-")))
        body = Raw(bytes(8))
    if about:
        return head / body / Raw(bytes(_build(about)))
    said = values.get("says")
    return head / body / Raw(bytes(int(values.get("length", 0))) if said is None else spoken(said))


def spoken(said: str) -> bytes:
    """The payload that `says` stands for."""
    return said.replace("_", " ").encode() + b"\r\n"


def _said(payload: bytes) -> str:
    """A payload as `says`, "" where it is not a line of text."""
    line = payload.removesuffix(b"\r\n")
    if line == payload or not line.isascii() or not line.decode().isprintable():
        return ""
    return " says=" + line.decode().replace(" ", "_")


def _split(end: str) -> tuple[str, int]:
    """address:port, [address]:port or an address alone → (address, port or 0)."""
    bracketed = re.fullmatch(r"\[(.+)\]:(\d+)", end)
    if bracketed:
        return bracketed[1], int(bracketed[2])
    if end.count(":") == 1:
        address, port = end.split(":")
        return address, int(port)
    return end, 0


def _tcp(source: int, destination: int, names: list[str], values: dict[str, str]) -> TCP:
    """Flags are `SYN+ACK` and so on; `NONE` for none."""
    flags = "".join(_FLAGS[name] for word in names for name in word.split("+") if name != "NONE")
    options: list[tuple[str, int]] = []
    if "mss" in values:
        options.append(("MSS", int(values["mss"])))
    return TCP(
        sport=source,
        dport=destination,
        flags=flags,
        seq=int(values.get("seq", 0)),
        ack=int(values.get("ack", 0)),
        window=int(values.get("window", 64240)),
        options=options,
    )


def _icmp(six: bool, name: str, values: dict[str, str]) -> Packet:
    identifier = int(values.get("id", 0))
    if six:
        body: Packet = _ICMP6[name]()
        if "id" in values:
            body.id = identifier
        return body
    kind, code = _ICMP[name]
    return ICMP(type=kind, code=code, id=identifier)


def _recomputed(read: Packet) -> Packet:
    """The same packet with its own checksums made anew; what stands inside an ICMP error is left as it is."""
    copy = read.copy()
    if IP in copy:
        copy.chksum = None
    layer = copy.payload
    if hasattr(layer, "chksum"):
        layer.chksum = None
    elif hasattr(layer, "cksum"):
        layer.cksum = None
    return copy


def _text(read: Packet) -> str:
    six = isinstance(read, IPv6)
    layer: Any = read.payload
    if TCP in read and isinstance(layer, TCP):
        flags = "+".join(name for name, letter in _FLAGS.items() if letter in str(layer.flags)) or "NONE"
        segment = dict(layer.options).get("MSS")
        offer = f" mss={segment}" if segment else ""
        return f"tcp {_ends(read, six, layer.sport, layer.dport)} {flags}{offer}{_said(bytes(layer.payload))}"
    if isinstance(layer, UDP):
        return f"udp {_ends(read, six, layer.sport, layer.dport)}"
    if isinstance(layer, ICMP):
        name = next(name for name, numbers in _ICMP.items() if numbers == (layer.type, layer.code))
        return f"icmp {_ends(read, six)} {name}{_inside(layer, name)}"
    for name, make in _ICMP6.items():
        made = make()
        if type(made) is type(layer) and getattr(made, "code", 0) == getattr(layer, "code", 0):
            return f"icmp6 {_ends(read, six)} {name}{_inside(layer, name)}"
    return f"protocol-{read.nh if six else read.proto} {_ends(read, six)}"


def _ends(read: Packet, six: bool, source: int = 0, destination: int = 0) -> str:
    if not source and not destination:
        return f"{read.src} > {read.dst}"
    if six:
        return f"[{read.src}]:{source} > [{read.dst}]:{destination}"
    return f"{read.src}:{source} > {read.dst}:{destination}"


def _inside(layer: Any, name: str) -> str:
    """What follows an ICMP type: the identifier of a query, the packet that an error is about."""
    if name.startswith("echo"):
        return f" id={layer.id}"
    inner = bytes(layer.payload)
    if not inner or inner[0] >> 4 not in (4, 6):
        return ""
    return f" about {_text(IP(inner) if inner[0] >> 4 == 4 else IPv6(inner))}"
