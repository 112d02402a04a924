"""Captures through the engine: packet lines as scapy writes them to a file, and what `replay` says of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet
from scapy.utils import PcapNgWriter, wrpcap

from conntrack.service.exits import BAD_CONFIGURATION, FAILED, OK, USAGE
from conntrack.service.protocol import Item
from tests.fragments import OVERLAPPING, SIZE, WHOLE, Pieces, cut
from tests.golden.notation import packet
from tests.unit.cli.conftest import Run

RULES = """\
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, "fd10::/64"]}
  guest: {interfaces: [eth2], networks: [192.168.20.0/24]}
nat:
  - {name: internet, masquerade: wan, from: [lan]}
  - {name: webshop, forward: tcp/443, at: wan, to: 192.168.10.20, hairpin: [lan]}
policy:
  lan -> wan:
    - {name: no-mail, drop: [tcp/25]}
    - {name: no-telnet, reject: [tcp/23]}
    - {name: outbound, accept: any}
  guest -> wan:
    - {name: office-hours, accept: [https], when: mon-fri 08:00-18:00}
  wan -> self:
    - {name: outside-ping, accept: [ping]}
  lan -> self:
    - {name: resolver, accept: [dns]}
"""
OUTSIDE = "203.0.113.5"
KEYS = ["n", "time", "verdict", "reason", "rule", "new", "direction", "state", "original", "translated"]

Replay = Callable[..., list[Item]]


def ethernet(line: str) -> Packet:
    raw = packet(line)
    inner = IP(raw) if raw[0] >> 4 == 4 else IPv6(raw)
    return Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02") / inner


def write(path: Path, lines: list[str | Packet], start: float = 1700000000.0, step: float = 0.5) -> Path:
    packets = [ethernet(line) if isinstance(line, str) else line for line in lines]
    for number, one in enumerate(packets):
        one.time = start + number * step
    if path.suffix == ".pcapng":
        writer = PcapNgWriter(str(path))
        for one in packets:
            writer.write(one)
        writer.close()
    else:
        wrpcap(str(path), packets)
    return path


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path / "rules.yaml"


@pytest.fixture
def replay(tmp_path: Path, rules: Path, run: Run) -> Replay:
    """Writes packet lines to a capture and returns what `replay -o jsonl` says of them."""

    def play(
        *lines: str | Packet, name: str = "trace.pcap", words: tuple[object, ...] = (), **more: float
    ) -> list[Item]:
        path = write(tmp_path / name, list(lines), **more)
        ran = run("replay", path, "--rules", rules, "-o", "jsonl", *words)
        assert (ran.code, ran.err) == (OK, "")
        return [json.loads(line) for line in ran.lines]

    return play


def ends(pair: Item) -> str:
    return (
        f"{pair['protocol']} {pair['source']}:{pair['source_port']} > {pair['destination']}:{pair['destination_port']}"
    )


HANDSHAKE = (
    "tcp 192.168.10.5:4000 > 1.1.1.1:80 SYN seq=100",
    f"tcp 1.1.1.1:80 > {OUTSIDE}:4000 SYN+ACK seq=500 ack=101",
    "tcp 192.168.10.5:4000 > 1.1.1.1:80 ACK seq=101 ack=501",
)


@pytest.mark.parametrize("name", ["trace.pcap", "trace.pcapng"])
def test_a_line_has_exactly_these_keys(name: str, replay: Replay) -> None:
    (line,) = replay(HANDSHAKE[0], name=name)
    assert list(line) == KEYS
    assert line == {
        "n": 1,
        "time": 1700000000.0,
        "verdict": "accept",
        "reason": "ok",
        "rule": "outbound",
        "new": True,
        "direction": "original",
        "state": "SYN_SENT",
        "original": {
            "protocol": "tcp",
            "source": "192.168.10.5",
            "source_port": 4000,
            "destination": "1.1.1.1",
            "destination_port": 80,
        },
        "translated": {
            "protocol": "tcp",
            "source": "192.0.2.1",
            "source_port": 4000,
            "destination": "1.1.1.1",
            "destination_port": 80,
        },
    }


def test_a_masqueraded_handshake_finds_the_gateways_address_in_the_capture(replay: Replay) -> None:
    syn, synack, ack = replay(*HANDSHAKE)
    assert ends(syn["translated"]) == f"tcp {OUTSIDE}:4000 > 1.1.1.1:80"
    assert ends(synack["translated"]) == "tcp 1.1.1.1:80 > 192.168.10.5:4000"
    assert [line["state"] for line in (syn, synack, ack)] == ["SYN_SENT", "SYN_RECV", "ESTABLISHED"]
    assert [line["direction"] for line in (syn, synack, ack)] == ["original", "reply", "original"]
    assert [line["new"] for line in (syn, synack, ack)] == [True, False, False]
    assert {line["rule"] for line in (syn, synack, ack)} == {"outbound"}


def test_an_address_may_be_named(replay: Replay) -> None:
    (line,) = replay(HANDSHAKE[0], words=("--address", "wan=198.51.100.77", "--address", "wan=2001:db8::77"))
    assert line["translated"]["source"] == "198.51.100.77"


def test_what_the_policy_refuses(replay: Replay) -> None:
    mail, telnet, stray = replay(
        "tcp 192.168.10.5:4000 > 1.1.1.1:25 SYN",
        "tcp 192.168.10.5:4000 > 1.1.1.1:23 SYN",
        "tcp 192.168.10.5:4000 > 1.1.1.1:80 ACK seq=5 ack=9 broken",
    )
    assert (mail["verdict"], mail["reason"], mail["rule"]) == ("drop", "policy-drop", "no-mail")
    assert (telnet["verdict"], telnet["reason"], telnet["rule"]) == ("reject", "policy-reject", "no-telnet")
    assert (stray["verdict"], stray["reason"]) == ("drop", "bad-checksum")
    for line in (mail, telnet, stray):
        assert (line["new"], line["direction"], line["state"]) == (False, None, None)
        assert line["translated"] == line["original"]


def test_to_the_gateway_itself(replay: Replay) -> None:
    """A host of wan speaks to an address in wan: that can only be the gateway's."""
    ping, ssh, dns = replay(
        f"icmp 198.51.100.9 > {OUTSIDE} echo-request id=7",
        f"tcp 198.51.100.9:4000 > {OUTSIDE}:22 SYN",
        "udp 192.168.10.5:4000 > 192.168.10.1:53",
    )
    assert (ping["verdict"], ping["rule"]) == ("accept", "outside-ping")
    assert ends(ping["original"]) == f"icmp 198.51.100.9:7 > {OUTSIDE}:{8 * 256}"
    assert (ssh["verdict"], ssh["reason"]) == ("drop", "no-rule")
    assert (dns["verdict"], dns["rule"]) == ("accept", "resolver")


def test_what_the_gateway_sends_is_its_own(replay: Replay) -> None:
    _asked, answered = replay("udp 192.168.10.5:4000 > 192.168.10.1:53", "udp 192.168.10.1:53 > 192.168.10.5:4000")
    assert (answered["verdict"], answered["direction"], answered["state"]) == ("accept", "reply", "REPLIED")


def test_a_forward_and_its_hairpin(replay: Replay) -> None:
    outside, inside = replay(
        f"tcp 198.51.100.9:4000 > {OUTSIDE}:443 SYN",
        f"tcp 192.168.10.5:4001 > {OUTSIDE}:443 SYN",
    )
    assert (outside["rule"], ends(outside["translated"])) == ("webshop", "tcp 198.51.100.9:4000 > 192.168.10.20:443")
    assert ends(inside["translated"]) == f"tcp {OUTSIDE}:4001 > 192.168.10.20:443"


def test_a_pool_address_is_the_gateways_without_being_seen(rules: Path, replay: Replay) -> None:
    rules.write_text(RULES.replace("masquerade: wan", "source-nat: 203.0.113.77, at: wan"))
    syn, synack = replay(
        "tcp 192.168.10.5:4000 > 1.1.1.1:80 SYN seq=100",
        "tcp 1.1.1.1:80 > 203.0.113.77:4000 SYN+ACK seq=500 ack=101",
        words=("--address", "wan=203.0.113.1"),
    )
    assert syn["translated"]["source"] == "203.0.113.77"
    assert ends(synack["translated"]) == "tcp 1.1.1.1:80 > 192.168.10.5:4000"


def test_rules_between_hosts_of_one_zone_are_taken_at_their_word(rules: Path, replay: Replay) -> None:
    rules.write_text(RULES.replace("  guest -> wan:", "  wan -> wan: [{name: transit, accept: any}]\n  guest -> wan:"))
    syn, synack = replay(
        "tcp 198.51.100.9:4000 > 9.9.9.9:80 SYN seq=1", "tcp 9.9.9.9:80 > 198.51.100.9:4000 SYN+ACK seq=9 ack=2"
    )
    assert (syn["rule"], synack["state"]) == ("transit", "SYN_RECV")


def test_the_capture_has_the_clock(replay: Replay) -> None:
    """A UDP flow ends after 30 s without an answer; the second packet begins another one."""
    lines = replay("udp 192.168.10.5:4000 > 1.1.1.1:53", "udp 192.168.10.5:4000 > 1.1.1.1:53", step=31.0)
    assert [line["new"] for line in lines] == [True, True]
    assert [line["time"] for line in lines] == [1700000000.0, 1700000031.0]
    lines = replay("udp 192.168.10.5:4000 > 1.1.1.1:53", "udp 192.168.10.5:4000 > 1.1.1.1:53", step=29.0)
    assert [line["new"] for line in lines] == [True, False]


def test_a_clock_that_goes_back_stands_still(replay: Replay) -> None:
    lines = replay("udp 192.168.10.5:4000 > 1.1.1.1:53", "udp 192.168.10.5:4000 > 1.1.1.1:53", step=-100.0)
    assert [line["new"] for line in lines] == [True, False]


@pytest.mark.parametrize(
    ("start", "verdict"),
    [(1700474400.0, "accept"), (1700330400.0, "drop")],  # a Monday and a Saturday in November 2023, 10:00–18:00 UTC
)
def test_schedules_go_by_the_captures_date(
    start: float, verdict: str, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = replay("tcp 192.168.20.9:4000 > 1.1.1.1:443 SYN", start=start)
    assert line["verdict"] == verdict


def test_other_frames_keep_their_number_but_have_no_line(replay: Replay) -> None:
    tagged = Ether() / Dot1Q(vlan=5) / IP(packet("udp 192.168.10.5:4000 > 1.1.1.1:53"))
    arp = Ether() / ARP()
    assert [line["n"] for line in replay(arp, HANDSHAKE[0], arp, tagged)] == [2, 4]


def test_ipv6(replay: Replay) -> None:
    (line,) = replay("udp [fd10::5]:4000 > [2001:db8::53]:53")
    assert (line["verdict"], line["rule"]) == ("accept", "outbound")
    assert line["original"]["source"] == "fd10::5"
    assert line["translated"] == line["original"]


def test_a_malformed_packet_has_no_socket_pair(replay: Replay) -> None:
    broken = ethernet(HANDSHAKE[0])
    broken[IP].ihl = 15
    (line,) = replay(broken)
    assert line["verdict"] == "drop"
    assert line["reason"] in ("bad-header-length", "truncated", "bad-total-length", "bad-ip-checksum")
    assert line["original"] is line["translated"] is None


def test_checksums_may_be_left_unjudged(replay: Replay) -> None:
    broken = "udp 192.168.10.5:4000 > 1.1.1.1:53 broken"
    assert replay(broken)[0]["reason"] == "bad-checksum"
    assert replay(broken, words=("--ignore-checksums",))[0]["verdict"] == "accept"


def test_a_table_for_people(tmp_path: Path, rules: Path, run: Run) -> None:
    path = write(tmp_path / "trace.pcap", list(HANDSHAKE))
    ran = run("replay", path, "--rules", rules)
    assert ran.lines[0].split()[:5] == ["N", "TIME", "VERDICT", "REASON", "RULE"]
    assert f"tcp 192.168.10.5:4000 > 1.1.1.1:80  tcp {OUTSIDE}:4000 > 1.1.1.1:80" in ran.lines[1]
    array = json.loads(run("replay", path, "--rules", rules, "-o", "json").out)
    assert [line["n"] for line in array] == [1, 2, 3]


def test_a_damaged_capture_is_told_after_what_was_whole(tmp_path: Path, rules: Path, run: Run) -> None:
    path = write(tmp_path / "trace.pcap", list(HANDSHAKE))
    path.write_bytes(path.read_bytes()[:-3])
    ran = run("replay", path, "--rules", rules, "-o", "jsonl")
    assert ran.code == FAILED
    assert ran.err == f"pairwall: {path}: the file ends within frame 3\n"
    assert [json.loads(line)["n"] for line in ran.lines] == [1, 2]


def test_what_cannot_be_replayed(tmp_path: Path, rules: Path, run: Run) -> None:
    empty = write(tmp_path / "empty.pcap", [Ether() / ARP()])
    ran = run("replay", empty, "--rules", rules)
    assert (ran.code, ran.err) == (FAILED, f"pairwall: {empty}: no IP packet in it\n")
    assert run("replay", rules, "--rules", rules).code == FAILED
    wrong = run("replay", empty, "--rules", rules, "--address", "wam=1.1.1.1")
    assert (wrong.code, "no such zone (there are wan, lan, guest)" in wrong.err) == (USAGE, True)
    assert run("replay", empty, "--rules", rules, "--address", "wan=one").code == USAGE
    rules.write_text(RULES.replace("masquerade: wan", "masquerade: wam"))
    assert run("replay", empty, "--rules", rules).code == BAD_CONFIGURATION


def in_pieces(target: str, pieces: Pieces, identity: int = 1) -> list[Packet]:
    source = "fd10::5" if ":" in target else "192.168.10.5"
    raws = cut(source, target, 5000, 53, bytes(SIZE), pieces, identity)
    return [Ether(dst="02:00:00:00:00:01") / (IP(raw) if raw[0] >> 4 == 4 else IPv6(raw)) for raw in raws]


@pytest.mark.parametrize("target", ["1.1.1.1", "2001:db8::1"])
@pytest.mark.parametrize("pieces", WHOLE.values(), ids=WHOLE)
def test_a_datagram_is_judged_once_where_its_last_piece_is(target: str, pieces: Pieces, replay: Replay) -> None:
    (line,) = replay(*in_pieces(target, pieces))
    assert (line["n"], line["verdict"], line["reason"], line["new"]) == (len(pieces), "accept", "ok", True)
    assert line["original"]["source_port"] == 5000
    if target == "1.1.1.1":
        assert line["translated"]["source"] != "192.168.10.5"


@pytest.mark.parametrize("target", ["1.1.1.1", "2001:db8::1"])
def test_pieces_that_overlap_are_dropped_as_fragments(target: str, tmp_path: Path, rules: Path, run: Run) -> None:
    packets = [one for number, pieces in enumerate(OVERLAPPING.values()) for one in in_pieces(target, pieces, number)]
    ran = run("replay", write(tmp_path / "trace.pcap", list(packets)), "--rules", rules, "-o", "jsonl")
    assert [json.loads(line)["reason"] for line in ran.lines] == ["fragment"] * len(OVERLAPPING)
    assert "datagrams are not whole in it, and were not judged" in ran.err
