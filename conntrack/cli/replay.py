"""`pairwall replay`: a capture file through the rules, with the capture's own clock.

Lives here: options, reading. May not live here: the gateway that it is played through (playback.py), the
file formats (capture/), what is said of a packet (replay_line.py).
"""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from conntrack.cli.capture import CaptureError, Frame
from conntrack.cli.capture.files import frames
from conntrack.cli.capture.link import KNOWN, NotIp, is_whole, packet
from conntrack.cli.endpoints import endpoint
from conntrack.cli.options import epilog
from conntrack.cli.output import Column, write
from conntrack.packet.errors import Malformed
from conntrack.packet.reassembly import Reassembly
from conntrack.service.exits import FAILED, OK, USAGE, Failure
from conntrack.service.protocol import Item

if TYPE_CHECKING:
    from conntrack.cli.playback import Addresses, Playback
    from conntrack.policy.document import Document
    from conntrack.policy.policy import Policy

EXAMPLES = """\
examples:
  pairwall replay trace.pcapng --rules rules.yaml
  pairwall replay trace.pcap --rules rules.yaml -o jsonl | jq 'select(.verdict == "drop")'
  pairwall replay trace.pcap --rules rules.yaml --address wan=203.0.113.5

One line for every IP packet: n (the frame's number), time, verdict, reason, rule, new, direction, state, and the
socket pair before and after translation (for ICMP: identifier, and type·256 + code, in place of ports).

A packet's zone is the one whose `networks` hold its source, else the zone without networks. The gateway's own addresses
are those given by --address; without any for a zone, an address is the gateway's if a host of its own zone speaks to it
first. Times, also of schedules, are the capture's. Fragments are put together first, as the kernel does for the daemon:
a datagram is judged where its last piece is.
Exit code 1: the capture is damaged, or holds no IP packet.
"""
COLUMNS = (
    Column("N", lambda line: line["n"], right=True),
    Column("TIME", lambda line: f"{line['time']:.6f}", right=True),
    Column("VERDICT", lambda line: line["verdict"]),
    Column("REASON", lambda line: line["reason"]),
    Column("RULE", lambda line: line["rule"]),
    Column("NEW", lambda line: line["new"]),
    Column("DIRECTION", lambda line: line["direction"]),
    Column("STATE", lambda line: line["state"]),
    Column("PACKET", lambda line: pair_text(line["original"])),
    Column("LEAVES AS", lambda line: "" if line["translated"] == line["original"] else pair_text(line["translated"])),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options."""
    epilog(parser, EXAMPLES)
    parser.add_argument("capture", type=Path, help="a pcap or pcapng file")
    parser.add_argument("--rules", type=Path, required=True, metavar="FILE", help="the rules file")
    parser.add_argument(
        "--address", action="append", default=[], metavar="ZONE=ADDRESS", help="an address of the gateway in a zone"
    )
    parser.add_argument(
        "--ignore-checksums", action="store_true", help="do not judge checksums (captures of the sending host)"
    )
    parser.add_argument("-o", "--output", choices=("table", "json", "jsonl"), default="table", help="default table")


def run(options: argparse.Namespace) -> int:
    """Called by main."""
    from conntrack.cli.rulesfile import compiled

    document, policy = compiled(options.rules)
    reassembly = Reassembly()
    try:
        count = write(lines(options, document, policy, reassembly), options.output, COLUMNS)
    except CaptureError as error:
        sys.stdout.flush()
        raise Failure(f"{options.capture}: {error}") from None
    if reassembly.incomplete():
        unfinished = f"{reassembly.incomplete()} datagrams are not whole in it, and were not judged"
        print(f"pairwall: {options.capture}: {unfinished}", file=sys.stderr)
    if not count:
        print(f"pairwall: {options.capture}: no IP packet in it", file=sys.stderr)
    return OK if count else FAILED


def lines(options: argparse.Namespace, document: Document, policy: Policy, reassembly: Reassembly) -> Iterator[Item]:
    """A line for every packet; for a datagram in pieces, where the last of them is."""
    from conntrack.cli.playback import Playback
    from conntrack.cli.replay_line import play

    own = find_addresses(options, document, policy)
    playback: Playback | None = None
    for frame, piece in packets(options.capture):
        raw = joined(reassembly, piece, frame.time)
        if raw is None:
            continue
        if playback is None:
            playback = Playback(policy, own, frame.time)
        verify = is_whole(frame) and not options.ignore_checksums
        yield play(playback, frame, raw, verify)


def joined(reassembly: Reassembly, raw: bytes, time: float) -> bytes | None:
    """The datagram that a packet is or completes; None: more of it is to come. What is no good piece is for the engine
    to refuse.
    """
    try:
        return reassembly.take(raw, time)
    except Malformed:
        return raw


def packets(path: Path) -> Iterator[tuple[Frame, bytes]]:
    """The IP packets of a capture, with their frames. CaptureError: the file is damaged."""
    for frame in frames(path):
        if frame.link not in KNOWN:
            raise CaptureError(f"frame {frame.number} has link type {frame.link}, which is not known here")
        try:
            yield frame, packet(frame)
        except NotIp:
            continue


def find_addresses(options: argparse.Namespace, document: Document, policy: Policy) -> Addresses:
    """The gateway's addresses by zone: named, or else found in the capture."""
    from conntrack.cli.playback import Finder

    numbers = {zone.name: int(zone.number) for zone in policy.zones}
    within = {name for pair in document.policy for name in pair.sources if name in pair.destinations}
    forwarded = [numbers[name] for name in within if name in numbers]
    finder = Finder(policy.zones, named_addresses(options.address, numbers), forwarded)
    with contextlib.suppress(CaptureError):  # told of by the second reading, after what is whole
        for _frame, raw in packets(options.capture):
            finder.see(raw)
    return finder.own


def named_addresses(words: list[str], numbers: dict[str, int]) -> Addresses:
    """The values of --address. Failure: a zone that there is not, or no address."""
    named: Addresses = {}
    for word in words:
        zone, _, text = word.partition("=")
        if numbers.get(zone, 0) == 0:
            raise Failure(f"--address {word}: no such zone (there are {', '.join(list(numbers)[1:])})", USAGE)
        try:
            named.setdefault(numbers[zone], []).append(ipaddress.ip_address(text).packed)
        except ValueError:
            raise Failure(f"--address {word}: write it like {zone}=192.0.2.1", USAGE) from None
    return named


def pair_text(pair: Item | None) -> str:
    """A socket pair for the table."""
    if pair is None:
        return "malformed"
    source = endpoint(pair["source"], pair["source_port"] or None)
    return f"{pair['protocol']} {source} > {endpoint(pair['destination'], pair['destination_port'] or None)}"
