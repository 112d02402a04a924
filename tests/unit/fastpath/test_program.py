"""The program in the kernel, packet by packet: what it leaves to Python and why, and what it counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conntrack.flow.pair import build, invert
from conntrack.gateway.fastpath import layout
from conntrack.gateway.fastpath.handover import state_of
from conntrack.packet.header import ICMP, TCP, UDP
from tests import segments
from tests.host import address
from tests.offload import PASS, Bench, bench, established, forwarded, liberal

CLIENT, SERVER, OUTSIDE = address("192.168.10.5"), address("203.0.113.77"), address("203.0.113.1")
CLIENT6, SERVER6, OUTSIDE6 = address("fd10::5"), address("2001:db8::77"), address("2001:db8::1")
UDP_KEY = build(UDP, CLIENT, SERVER, 5000, 53)
UDP_LEAVES = build(UDP, OUTSIDE, SERVER, 6000, 53)[2:]
TCP_KEY = build(TCP, CLIENT, SERVER, 40000, 443)
TCP_LEAVES = build(TCP, OUTSIDE, SERVER, 5000, 443)[2:]


@pytest.fixture
def program() -> Bench:
    return bench()


def datagram(data: bytes = b"question", source: bytes = CLIENT, target: bytes = SERVER) -> bytes:
    return segments.ip(source, target, UDP, segments.udp((5000, 53), data, checksum=0x1234))


def segment(seq: int = 1, ack: int = 1, flags: str = "A", data: bytes = b"", options: bytes = b"") -> bytes:
    bits = segments.flag_bits(flags)
    return segments.ip(CLIENT, SERVER, TCP, segments.tcp((40000, 443), seq, ack, bits, 1000, options, data))


def with_header(raw: bytes, at: int, value: int) -> bytes:
    """An IPv4 packet with one byte of its header changed, and the checksum to match."""
    changed = bytearray(raw)
    changed[at] = value
    changed[10:12] = bytes(2)
    total = sum(int.from_bytes(changed[word : word + 2], "big") for word in range(0, 20, 2)) % 0xFFFF
    changed[10:12] = (0xFFFF - total).to_bytes(2, "big")
    return bytes(changed)


def test_a_flow_is_carried_both_ways(program: Bench) -> None:
    program.insert(UDP_KEY, UDP_LEAVES)
    there = program.send(datagram())
    assert there.punt == "forwarded"
    assert there.raw[12:20] == OUTSIDE + SERVER
    assert there.raw[20:24] == bytes((6000 >> 8, 6000 & 0xFF, 0, 53))
    assert there.raw[8] == 63
    back = program.send(segments.ip(SERVER, OUTSIDE, UDP, segments.udp((53, 6000), b"answer", 1)))
    assert back.punt == "forwarded"
    assert back.raw[12:20] == SERVER + CLIENT
    assert back.raw[20:24] == bytes((0, 53, 5000 >> 8, 5000 & 0xFF))


def test_without_translation_a_packet_only_loses_a_hop(program: Bench) -> None:
    program.insert(UDP_KEY, UDP_KEY[2:])
    assert program.send(datagram()).raw == forwarded(datagram())


def test_ipv6_is_carried(program: Bench) -> None:
    key = build(UDP, CLIENT6, SERVER6, 5000, 53)
    program.insert(key, build(UDP, OUTSIDE6, SERVER6, 6000, 53)[2:])
    sent = program.send(datagram(source=CLIENT6, target=SERVER6))
    assert sent.punt == "forwarded"
    assert sent.raw[7:40] == bytes((63,)) + OUTSIDE6 + SERVER6


def test_an_unknown_flow_is_a_miss(program: Bench) -> None:
    assert program.send(datagram()).punt == "miss"


def test_spaces_are_kept_apart(program: Bench) -> None:
    key = UDP_KEY[:1] + b"\1" + UDP_KEY[2:]
    program.insert(key, UDP_LEAVES)
    assert program.send(datagram()).punt == "miss"


FORMS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "first fragment": ("fragment", lambda raw: with_header(raw, 6, 0x20)),
    "later fragment": ("fragment", lambda raw: with_header(raw, 7, 8)),
    "last hop": ("hop-limit", lambda raw: with_header(raw, 8, 1)),
    "no hop": ("hop-limit", lambda raw: with_header(raw, 8, 0)),
    "options": ("options", lambda raw: with_header(raw, 0, 0x46)),
    "header length 4": ("malformed", lambda raw: with_header(raw, 0, 0x44)),
    "wrong header checksum": ("malformed", lambda raw: raw[:10] + b"\0\1" + raw[12:]),
    "longer than it is": ("malformed", lambda raw: with_header(raw, 3, raw[3] + 1)),
    "another protocol": ("not-carried", lambda raw: with_header(raw, 9, 47)),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_that_python_looks_at(program: Bench, form: str) -> None:
    punt, change = FORMS[form]
    program.insert(UDP_KEY, UDP_LEAVES)
    raw = change(datagram())
    sent = program.send(raw)
    assert (sent.punt, sent.raw) == (punt, raw)
    assert program.maps.look(UDP_KEY).packets == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("flags", ["S", "SA", "F", "", "SF", "FSRPAU"])
def test_flags_that_no_established_connection_sends(program: Bench, flags: str) -> None:
    program.insert(TCP_KEY, TCP_LEAVES, liberal())
    assert program.send(segment(flags=flags)).punt == "syn"


def test_icmp_errors_and_other_queries_are_not_carried(program: Bench) -> None:
    for kind in (3, 11, 13, 17):
        assert program.send(segments.ip(CLIENT, SERVER, ICMP, segments.icmp(kind, 0))).punt == "not-carried"


def test_echo_gets_another_identifier(program: Bench) -> None:
    program.insert(build(ICMP, CLIENT, SERVER, 7, 0x0800), build(ICMP, OUTSIDE, SERVER, 9, 0x0800)[2:])
    there = program.send(segments.ip(CLIENT, SERVER, ICMP, segments.icmp(8, 0, 7, b"x")))
    assert (there.punt, there.raw[12:16], there.raw[24:26]) == ("forwarded", OUTSIDE, b"\0\x09")
    back = program.send(segments.ip(SERVER, OUTSIDE, ICMP, segments.icmp(0, 0, 9, b"x")))
    assert (back.punt, back.raw[16:20], back.raw[24:26]) == ("forwarded", CLIENT, b"\0\x07")


def test_a_flow_of_another_generation_is_stale(program: Bench) -> None:
    program.insert(UDP_KEY, UDP_LEAVES)
    program.maps.set_generation(2)
    assert program.send(datagram()).punt == "stale"
    program.maps.set_generation(1)
    assert program.send(datagram()).punt == "forwarded"


def test_generation_0_switches_everything_off(program: Bench) -> None:
    program.insert(UDP_KEY, UDP_LEAVES)
    program.maps.set_generation(0)
    assert program.send(datagram()).punt == "stale"


def test_another_interface_is_for_source_validation(program: Bench) -> None:
    program.insert(UDP_KEY, UDP_LEAVES, inbound=77)
    assert program.send(datagram()).punt == "interface"


@pytest.mark.parametrize(("mtu", "punt"), [(36, "forwarded"), (35, "too-big")])
def test_what_the_way_out_does_not_take(program: Bench, mtu: int, punt: str) -> None:
    program.insert(UDP_KEY, UDP_LEAVES, mtu=mtu)
    assert len(datagram()) == 36
    assert program.send(datagram()).punt == punt


@pytest.mark.parametrize(("mtu", "punt"), [(1028, "forwarded"), (1027, "too-big")])
def test_of_a_giant_packet_the_segments_must_fit(program: Bench, mtu: int, punt: str) -> None:
    program.insert(UDP_KEY, UDP_LEAVES, mtu=mtu)
    assert program.send(datagram(bytes(2500)), segment=1000, segments=3).punt == punt


@pytest.mark.parametrize("segments_said", [3, 0], ids=["counted", "from a tap"])
def test_a_giant_packet_counts_as_on_the_wire(program: Bench, segments_said: int) -> None:
    program.insert(UDP_KEY, UDP_LEAVES)
    assert program.send(datagram(bytes(2500)), segment=1000, segments=segments_said).punt == "forwarded"
    flow = program.maps.look(UDP_KEY)
    assert flow is not None
    assert (flow.packets, flow.octets) == (3, 2500 + 3 * 28)


def test_a_giant_segment_counts_as_on_the_wire(program: Bench) -> None:
    program.insert(TCP_KEY, TCP_LEAVES, liberal())
    program.send(segment(data=bytes(2500), options=segments.timestamps()), segment=1000, segments=3)
    flow = program.maps.look(TCP_KEY)
    assert flow is not None
    assert (flow.packets, flow.octets) == (3, 2500 + 3 * 52)


def test_counters_go_on_from_what_was_offered(program: Bench) -> None:
    program.insert(UDP_KEY, UDP_LEAVES, packets=5, octets=500)
    program.send(datagram())
    flow = program.maps.look(UDP_KEY)
    assert flow is not None
    assert (flow.packets, flow.octets) == (6, 536)
    assert flow.last_seen != 0


def test_a_rules_mark_replaces_the_packets(program: Bench) -> None:
    program.insert(UDP_KEY, UDP_LEAVES, mark=7)
    assert program.send(datagram(), mark=9).mark == 7


def test_without_a_rules_mark_the_packets_stays(program: Bench) -> None:
    program.insert(UDP_KEY, UDP_LEAVES)
    assert program.send(datagram(), mark=9).mark == 9


def test_a_rules_dscp_leaves_the_congestion_bits(program: Bench) -> None:
    program.insert(UDP_KEY, UDP_LEAVES, flags=layout.SET_DSCP, tos=46 << 2)
    assert program.send(with_header(datagram(), 1, 0x0B)).raw[1] == 46 << 2 | 3


def test_a_datagram_without_checksum_keeps_none(program: Bench) -> None:
    program.insert(UDP_KEY, UDP_LEAVES)
    raw = datagram()
    assert program.send(raw[:26] + bytes(2) + raw[28:]).raw[26:28] == bytes(2)


def test_a_datagram_without_checksum_does_not_cross_as_ipv6(program: Bench) -> None:
    program.insert(build(UDP, CLIENT6, SERVER6, 5000, 53), build(UDP, OUTSIDE6, SERVER6, 6000, 53)[2:])
    raw = datagram(source=CLIENT6, target=SERVER6)
    assert program.send(raw[:46] + bytes(2) + raw[48:]).punt == "malformed"


def test_a_segment_outside_the_window_changes_nothing(program: Bench) -> None:
    state = state_of(established(TCP_KEY, invert(TCP_KEY[:2] + TCP_LEAVES)))
    offer = program.insert(TCP_KEY, TCP_LEAVES, state)
    for seq, ack in ((200000, 1), (1, 500)):
        assert program.send(segment(seq, ack)).punt == "window"
    assert program.maps.state(offer.original.slot) == state


@pytest.mark.parametrize("flags", ["FA", "R", "RA"])
def test_after_a_fitting_end_both_directions_wait_for_python(program: Bench, flags: str) -> None:
    program.insert(TCP_KEY, TCP_LEAVES, state_of(established(TCP_KEY, invert(TCP_KEY[:2] + TCP_LEAVES))))
    assert program.send(segment(flags=flags)).punt == "closing"
    assert program.send(segment()).punt == "frozen"
    reply = segments.ip(SERVER, OUTSIDE, TCP, segments.tcp((443, 5000), 1, 1, 0x10))
    assert program.send(reply).punt == "frozen"


@pytest.mark.parametrize("flags", ["FA", "R", "RA"])
def test_a_forged_end_outside_the_window_stops_nobody(program: Bench, flags: str) -> None:
    program.insert(TCP_KEY, TCP_LEAVES, state_of(established(TCP_KEY, invert(TCP_KEY[:2] + TCP_LEAVES))))
    assert program.send(segment(seq=200000, flags=flags)).punt == "closing"
    assert program.send(segment()).punt == "forwarded"


@pytest.mark.parametrize("flags", ["FA", "R", "RA"])
def test_of_a_side_not_held_to_the_window_every_end_counts(program: Bench, flags: str) -> None:
    program.insert(TCP_KEY, TCP_LEAVES, liberal())
    assert program.send(segment(seq=200000, flags=flags)).punt == "closing"
    assert program.send(segment()).punt == "frozen"


def test_an_entry_whose_state_belongs_to_another_is_frozen(program: Bench) -> None:
    """Its slot was given to a new connection while a packet was on its way."""
    program.insert(TCP_KEY, TCP_LEAVES, liberal(owner=2))
    assert program.send(segment()).punt == "frozen"


def test_a_tagged_frame_is_left_to_the_vlans_own_interface(program: Bench) -> None:
    program.insert(UDP_KEY, UDP_LEAVES)
    frame = bytes(12) + b"\x81\0\0\7\x08\0" + datagram()
    run = program.tc.run(frame)
    assert (run.action, run.data) == (PASS, frame)


def test_another_hosts_frame_is_left_alone(program: Bench) -> None:
    """In promiscuous mode they come in as well, and the kernel would not forward them."""
    program.insert(UDP_KEY, UDP_LEAVES)
    frame = bytes((2, 0, 0, 0, 0, 1)) + bytes(6) + b"\x08\0" + datagram()
    run = program.tc.run(frame)
    assert (run.action, run.data) == (PASS, frame)
