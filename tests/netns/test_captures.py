"""Real clients and servers through the daemon, captured on both sides of it, and the captures replayed.

What scapy makes of every packet is compared with what is in it: whatever leaves, from the daemon or from the replay,
has right checksums; and the replay makes of every packet that came in just what the daemon made of it then.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from scapy.utils import rdpcap, wrpcap

from conntrack.cli import replay
from conntrack.cli.lab import probes, servers
from conntrack.cli.lab.network import CLIENT4, FAR4, FAR6, OUTSIDE4, OUTSIDE6, Network
from conntrack.cli.lab.process import Process
from conntrack.cli.lab.waiting import until
from conntrack.cli.playback import Playback
from conntrack.cli.rulesfile import compiled
from conntrack.packet.reassembly import Reassembly
from tests.kernel.finish import comparable
from tests.netns.conftest import BASE, Start

RULES = (
    BASE
    + f"""\
nat:
  - {{name: internet, masquerade: wan, from: [lan]}}
  - {{name: shop, forward: tcp/8080, at: wan, to: "192.168.10.20:80", destination: {OUTSIDE4}}}
policy:
  lan -> wan: accept
  lan -> self:
    - {{accept: [ping]}}
  self -> wan: accept
"""
)
#: side → its interface; what comes in there, what goes out there
SIDES = {"lan": "eth1", "wan": "eth0"}


@contextlib.contextmanager
def capturing(net: Network, directory: Path) -> Iterator[None]:
    """Captures on both sides of the gateway meanwhile, coming in and going out apart."""
    with contextlib.ExitStack() as stack:
        runs = []
        for side, interface in SIDES.items():
            for way in ("in", "out"):
                path = directory / f"{side}-{way}.pcap"
                words = [
                    "tcpdump",
                    "-Z",
                    "root",
                    "-U",
                    "--immediate-mode",
                    "-n",
                    "-i",
                    interface,
                    "-Q",
                    way,
                    "-w",
                    str(path),
                ]
                runs.append(stack.enter_context(Process(net.gateway, words, directory / f"{side}-{way}.log")))
        until(lambda: all("listening on" in run.output() for run in runs), "tcpdump listens")
        yield


def traffic(net: Network) -> None:
    """What hosts of an office do in a second."""
    with (
        servers.http(net.far, "::", 80),
        servers.udp(net.far, "::", 53),
        servers.http(net.shop, "::", 80),
    ):
        for address in (FAR4, FAR6):
            assert probes.http(net.client, address, 80).startswith("far sees")
            assert probes.udp(net.client, address, 53).startswith("far sees")
            assert probes.ping(net.client, address, 1000) == "answered"
            probes.tcp(net.client, address, 81)
            probes.udp(net.client, address, 54)
            probes.expiring(net.client, address, 53, 2)
        assert probes.http(net.far, OUTSIDE4, 8080).startswith("shop sees")


def packets(path: Path) -> list[tuple[float, bytes]]:
    """(time, IP packet) of a capture; neighbour discovery and what the gateway's own stack says is left out."""
    found = []
    for frame in rdpcap(str(path)):
        layer = frame[Ether].payload
        if isinstance(layer, IP | IPv6) and not is_link_local(layer):
            found.append((float(frame.time), bytes(layer)[: total(layer)]))
    return found


def total(layer: Packet) -> int:
    """The length of an IP packet without Ethernet's padding."""
    return int(layer.len) if isinstance(layer, IP) else 40 + int(layer.plen)


def is_link_local(layer: Packet) -> bool:
    """Whether it is the link's own business."""
    ends = (str(layer.src), str(layer.dst))
    return any(end.startswith(("fe80:", "ff02:", "224.")) for end in ends) or getattr(layer.payload, "type", 0) in (
        135,
        136,
    )


def right(raw: bytes) -> bool:
    """Whether scapy computes the checksums that are in it."""
    read = IP(raw) if raw[0] >> 4 == 4 else IPv6(raw)
    for layer in (read, read.payload):
        for name in ("chksum", "cksum"):
            if name in layer.fields:
                layer.delfieldval(name)
    return bytes(read) == raw


@pytest.fixture
def captured(net: Network, start: Start, tmp_path: Path) -> Path:
    """The directory with the captures of a second of traffic."""
    start(RULES)
    with capturing(net, tmp_path):
        traffic(net)
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path


def test_every_packet_that_left_had_right_checksums(captured: Path) -> None:
    left = [raw for side in SIDES for _, raw in packets(captured / f"{side}-out.pcap")]
    assert len(left) >= 40
    assert [raw.hex() for raw in left if not right(raw)] == []


def test_a_replay_makes_of_every_packet_what_the_daemon_made_of_it(captured: Path) -> None:
    came = sorted(entry for side in SIDES for entry in packets(captured / f"{side}-in.pcap"))
    left = {comparable(raw) for side in SIDES for _, raw in packets(captured / f"{side}-out.pcap")}
    _, policy = compiled(captured / "rules.yaml")
    numbers = {zone.name: int(zone.number) for zone in policy.zones}
    own = [socket.inet_aton(OUTSIDE4), socket.inet_pton(socket.AF_INET6, OUTSIDE6)]
    playback = Playback(policy, {numbers["wan"]: own}, came[0][0])
    translated = 0
    for time, raw in came:
        outcome = playback.play(raw, time, True)
        if not outcome.passed or outcome.raw[8 if raw[0] >> 4 == 4 else 7] <= 1:
            continue
        assert right(outcome.raw), outcome.raw.hex()
        assert comparable(outcome.raw) in left, outcome.raw.hex()
        translated += outcome.raw != raw
    assert translated > 20


def test_the_replay_command_reads_it_and_refuses_nothing_that_passed(captured: Path) -> None:
    came = sorted(entry for side in SIDES for entry in packets(captured / f"{side}-in.pcap"))
    frames = []
    for time, raw in came:
        frame = Ether(type=0x0800 if raw[0] >> 4 == 4 else 0x86DD) / Raw(raw)
        frame.time = time
        frames.append(frame)
    wrpcap(str(captured / "merged.pcap"), frames)
    options = argparse.Namespace(
        capture=captured / "merged.pcap", address=[f"wan={OUTSIDE4}", f"wan={OUTSIDE6}"], ignore_checksums=False
    )
    document, policy = compiled(captured / "rules.yaml")
    lines = list(replay.lines(options, document, policy, Reassembly()))
    assert len(lines) == len(came)
    dropped = [json.dumps(line) for line in lines if line["verdict"] != "accept"]
    assert dropped == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_fragments_in_any_order_pass_translated(net: Network, start: Start, order: tuple[int, ...]) -> None:
    start(RULES)
    whole = IP(src=CLIENT4, dst=FAR4, id=4711) / UDP(sport=45000, dport=53) / Raw(b"x" * 2900)
    parts = [bytes(part) for part in fragment(whole, 1400)]
    assert len(parts) == 3
    assert exchange(net, [parts[place] for place in order]).startswith(f"far sees {OUTSIDE4} ")


def test_fragments_that_overlap_are_refused(net: Network, start: Start) -> None:
    start(RULES)
    whole = IP(src=CLIENT4, dst=FAR4, id=4712) / UDP(sport=45000, dport=53) / Raw(b"x" * 2900)
    parts = [bytes(part) for part in fragment(whole, 1400)]
    again = IP(parts[1])
    again.frag -= 1
    del again.chksum
    assert exchange(net, [parts[0], bytes(again), parts[1], parts[2]]) == ""


def exchange(net: Network, parts: list[bytes]) -> str:
    """Sends raw packets of one datagram from the client; returns what it is answered, "" for nothing."""
    with (
        servers.udp(net.far, "::", 53),
        net.client.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=1) as listening,
        net.client.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw,
    ):
        listening.bind((CLIENT4, 45000))
        for part in parts:
            raw.sendto(part, (FAR4, 0))
        with contextlib.suppress(TimeoutError):
            return listening.recv(4096).decode()
    return ""
