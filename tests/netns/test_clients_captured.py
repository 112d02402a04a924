"""Debian's clients and servers through the daemon with address translation, captured, and judged by others' parsers.

Whatever leaves the gateway, and whatever `pairwall replay` makes of what came in, has right checksums: of IP, TCP, UDP,
UDP-Lite, ICMP, ICMPv6 and SCTP, as tshark computes them and, but for SCTP, as scapy does.
"""

from __future__ import annotations

import contextlib
import socket
from collections import Counter
from pathlib import Path

import pytest
from scapy.error import Scapy_Exception
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import GRE, Ether
from scapy.layers.sctp import SCTP, SCTPChunkInit
from scapy.packet import Raw
from scapy.utils import wrpcap

from conntrack.cli.lab import probes, servers
from conntrack.cli.lab.daemon import Daemon
from conntrack.cli.lab.namespace import command
from conntrack.cli.lab.network import CLIENT4, CLIENT6, FAR4, FAR6, OUTSIDE4, OUTSIDE6, SHOP4, Network
from conntrack.cli.lab.process import Process
from conntrack.cli.lab.waiting import until
from conntrack.cli.playback import Playback
from conntrack.cli.rulesfile import compiled
from tests.netns.conftest import BASE
from tests.netns.test_beside_the_kernel import reply
from tests.netns.test_captures import SIDES, capturing, packets, right

RULES = (
    BASE
    + f"""\
settings: {{loose: true}}
nat:
  - {{name: internet, masquerade: wan, from: [lan], family: both}}
  - {{name: shop, forward: tcp/8080, at: wan, to: "{SHOP4}:80", destination: {OUTSIDE4}, hairpin: lan}}
policy:
  lan -> wan: {{accept: any, dscp: af41}}
  lan -> self: {{accept: [ping]}}
  self -> wan: accept
"""
)
#: tshark: judge every checksum
JUDGED = ("ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE", "sctp.checksum:CRC 32c")
JUDGE = tuple(word for option in JUDGED for word in ("-o", option))
#: fields that say how a checksum was found: 0 bad, 1 good, 2 not judged
STATUS = tuple(f"{name}.checksum.status" for name in ("ip", "tcp", "udp", "icmp", "icmpv6", "sctp"))
PROTOCOLS = {"tcp", "udp", "icmp", "icmpv6", "sctp", "gre", "http", "dns", "udplite"}


def traffic(net: Network, directory: Path) -> None:
    """What clients do, each once."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(servers.http(net.far, "::", 80))
        stack.enter_context(servers.http(net.shop, "::", 80))
        stack.enter_context(servers.udp(net.far, "::", 53, reply))
        iperf3 = Process(net.far, ["iperf3", "-s", "-i", "0", "--forceflush"], directory / "iperf3.log")
        stack.enter_context(iperf3)
        until(lambda: "listening" in iperf3.output(), "iperf3 listens")
        net.client.run("iperf3", "-c", FAR4, "-n", "200K", "-i", "0")
        net.client.run("iperf3", "-u", "-c", FAR4, "-n", "20K", "-i", "0")
        net.far.run("curl", "-s", "-m", "15", f"http://{OUTSIDE4}:8080/")
        net.client.run("curl", "-s", "-m", "15", f"http://{OUTSIDE4}:8080/")
        net.client.run("nmap", "-n", "-Pn", "--max-retries", "0", "-sS", "-p", "53,80,81", FAR4)
        for address in (FAR4, FAR6):
            assert probes.http(net.client, address, 80, 15).startswith("far sees")
            assert probes.ping(net.client, address, 4000, 15) == "answered"
            net.client.run("dig", "+tries=1", "+time=1", f"@{address}", "example.org")
            for kind in ("-U", "-I", "-T"):
                net.client.run("traceroute", kind, "-n", "-q", "1", "-w", "1", "-m", "4", address)
    crafted(net)


def crafted(net: Network) -> None:
    """What no program here speaks: SCTP, GRE, and UDP-Lite with half of it covered."""
    lite = Raw((40000).to_bytes(2, "big") + (4000).to_bytes(2, "big") + bytes((0, 8)))
    for version, head in ((4, IP(src=CLIENT4, dst=FAR4)), (6, IPv6(src=CLIENT6, dst=FAR6))):
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        messages = [
            head / SCTP(sport=40000, dport=5000, tag=0) / SCTPChunkInit(init_tag=7, n_out_streams=1, n_in_streams=1),
            head / GRE() / IP(src="10.1.0.1", dst="10.1.0.2") / UDP(sport=1, dport=2) / Raw(b"tunnelled"),
        ]
        with net.client.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            for message in messages:
                raw.sendto(bytes(message), (str(head.dst), 0))
        with net.client.socket(family, socket.SOCK_DGRAM, socket.IPPROTO_UDPLITE) as plain:
            plain.sendto(bytes(lite), (str(head.dst), 4000))


def crafted_left(path: Path) -> bool:
    """Whether all six crafted packets are in a capture that is still written."""
    with contextlib.suppress(Scapy_Exception, EOFError):
        protocols = Counter(raw[9 if raw[0] >> 4 == 4 else 6] for _, raw in packets(path))
        return min(protocols[number] for number in (47, 132, 136)) >= 2
    return False


def judged(path: Path) -> tuple[Counter[str], list[str]]:
    """What tshark found in a capture: packets by protocol, and those with a checksum that it says is bad."""
    words = ["tshark", "-n", "-r", str(path), *JUDGE, "-T", "fields", "-E", "separator=|", "-e", "frame.protocols"]
    for field in STATUS:
        words += ["-e", field]
    found: Counter[str] = Counter()
    bad = []
    for line in command(*words).splitlines():
        layers, _, statuses = line.partition("|")
        if ":" not in layers:
            continue  # tshark's own remark that it runs as root
        found.update(set(layers.split(":")))
        if "0" in statuses.replace("|", ",").split(","):
            bad.append(line)
    return found, bad


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the captures of it all."""
    path = tmp_path_factory.mktemp("captured")
    with Network() as net, Daemon(net.gateway, RULES, path, "--queue-backend", "netlink"), capturing(net, path):
        traffic(net, path)
        until(lambda: crafted_left(path / "wan-out.pcap"), "what was crafted has left and is captured")
    return path


def test_tshark_finds_no_wrong_checksum_in_what_left(captured: Path) -> None:
    seen: Counter[str] = Counter()
    for side in SIDES:
        found, bad = judged(captured / f"{side}-out.pcap")
        assert bad == []
        seen += found
    assert seen.keys() >= PROTOCOLS, PROTOCOLS - seen.keys()
    assert sum(seen[name] for name in ("tcp", "udp", "icmp", "icmpv6")) > 200


def test_a_replay_makes_nothing_wrong_of_what_came(captured: Path) -> None:
    came = sorted(entry for side in SIDES for entry in packets(captured / f"{side}-in.pcap"))
    (captured / "rules.yaml").write_text(RULES)
    _, policy = compiled(captured / "rules.yaml")
    numbers = {zone.name: int(zone.number) for zone in policy.zones}
    own = [socket.inet_aton(OUTSIDE4), socket.inet_pton(socket.AF_INET6, OUTSIDE6)]
    playback = Playback(policy, {numbers["wan"]: own}, came[0][0])
    rewritten = []
    for moment, raw in came:
        outcome = playback.play(raw, moment, True)
        if outcome.passed and outcome.raw != raw:
            rewritten.append(outcome.raw)
    assert len(rewritten) > 100
    assert [raw.hex() for raw in rewritten if not right(raw) and raw[9 if raw[0] >> 4 == 4 else 6] != 132] == []
    found, bad = judged(written(captured / "replayed.pcap", rewritten))
    assert bad == []
    assert found.keys() >= {"tcp", "udp", "icmp", "icmpv6", "sctp", "gre"}


@pytest.mark.parametrize("protocol", [1, 6, 17, 58, 132])
def test_tshark_would_find_one(captured: Path, protocol: int) -> None:
    left = [raw for side in SIDES for _, raw in packets(captured / f"{side}-out.pcap")]
    four = protocol != 58
    whole = next(
        raw for raw in left if four == (raw[0] >> 4 == 4) and raw[9 if four else 6] == protocol and is_whole(raw)
    )
    spoiled = whole[:-1] + bytes((whole[-1] ^ 1,))
    _, bad = judged(written(captured / f"spoiled-{protocol}.pcap", [whole, spoiled]))
    assert len(bad) == 1


def is_whole(raw: bytes) -> bool:
    """Whether a packet of the captures is no fragment."""
    return raw[0] >> 4 == 6 or int.from_bytes(raw[6:8], "big") & 0x3FFF == 0


def written(path: Path, raws: list[bytes]) -> Path:
    """A capture file of IP packets."""
    wrpcap(str(path), [Ether(type=0x0800 if raw[0] >> 4 == 4 else 0x86DD) / Raw(raw) for raw in raws])
    return path
