"""UDP, UDP-Lite, GRE, ICMP queries and everything else: who begins, what a packet gives, when it is ASSURED."""

from __future__ import annotations

import pytest

from conntrack.packet.header import ICMP, ICMPV6
from conntrack.tracker.generic import GenericTracker
from conntrack.tracker.gre import GreTracker
from conntrack.tracker.icmp import ICMP_QUERIES, ICMPV6_QUERIES, IcmpTracker, is_request
from conntrack.tracker.udp import UdpTracker
from tests.traces import Trace

# UDP


@pytest.mark.parametrize("kind", ["udp", "udplite"])
def test_a_question_and_its_answer(trace: Trace, kind: str) -> None:
    trace.play(f"""
        lan > {kind}                    | UNREPLIED 30 unreplied unassured
        +1 wan < {kind}                 | REPLIED 30 replied unassured
        +29 lan > {kind}                | REPLIED 120 assured
    """)


def test_a_question_repeated_without_an_answer(trace: Trace) -> None:
    trace.play("lan > udp | 30 \n +20 lan > udp | UNREPLIED 30 unassured \n +20 lan > udp | 30 unassured")


def test_an_exchange_is_a_stream_when_it_still_goes_on_after_two_seconds(trace: Trace) -> None:
    trace.play("""
        lan > udp                       | 30
        +0.5 wan < udp                  | 30 replied
        +0.5 lan > udp                  | 30 unassured
        +0.9 wan < udp                  | 30 unassured
        +0.1 lan > udp                  | 120 assured
        +100 wan < udp                  | 120 assured
        +121 wan < udp                  | UNREPLIED 30 unreplied
    """)
    assert trace.began == 2
    assert trace.opener() == "wan"


def test_a_late_first_answer_is_not_yet_a_stream(trace: Trace) -> None:
    trace.play("lan > udp | 30 \n +25 wan < udp | 30 replied unassured \n wan < udp | 120 assured")


def test_udp_timeouts_are_set_for_each_protocol_alone(trace: Trace) -> None:
    trace.trackers.configure({"udp": {"unreplied": 5.0, "replied": 6.0}}, loose=True, liberal=False)
    trace.play("lan > udp | 5 \n wan < udp | 5 \n +3 lan > udp | 6")
    other = Trace()
    other.trackers = trace.trackers
    other.play("lan > udplite | 30")


# GRE


def test_gre_is_a_stream_from_the_packet_after_the_answer(trace: Trace) -> None:
    trace.play(
        "lan > gre | UNREPLIED 30 \n lan > gre | 30 \n wan < gre | REPLIED 30 unassured \n lan > gre | 180 assured"
    )


def test_each_direction_of_a_pptp_call_is_a_flow_of_its_own(trace: Trace) -> None:
    """A packet names its receiver's call only, so nobody is seen to answer (kernel: without its helper's key map)."""
    trace.play("lan > pptp | UNREPLIED 30 \n +5 lan > pptp | UNREPLIED 30 unreplied")
    first = trace.connection
    trace.play("wan < pptp | UNREPLIED 30 unreplied")
    assert trace.connection is not first


# ICMP


@pytest.mark.parametrize("kind", ["echo", "timestamp", "information", "mask"])
def test_icmp_queries(kind: str) -> None:
    Trace().play(f"""
        lan > {kind}                    | UNREPLIED 30 unreplied
        +5 lan > {kind}                 | UNREPLIED 30
        +5 wan < {kind}-reply           | REPLIED 30 replied unassured
        +5 wan < {kind}-reply           | REPLIED 30
        +25 lan > {kind}                | REPLIED 30 unassured
        +30 wan < {kind}-reply          | none
    """)


@pytest.mark.parametrize("kind", ["echo6", "node"])
def test_icmpv6_queries(kind: str) -> None:
    Trace(version=6).play(f"lan > {kind} | UNREPLIED 30 \n wan < {kind}-reply | REPLIED 30 \n lan > {kind} | 30")


@pytest.mark.parametrize("kind", ["echo-reply", "timestamp-reply", "information-reply", "mask-reply", "redirect"])
def test_only_requests_begin(kind: str) -> None:
    Trace().play(f"lan > {kind} | none")


@pytest.mark.parametrize("kind", ["echo6-reply", "node-reply"])
def test_only_requests_begin_in_icmpv6(kind: str) -> None:
    Trace(version=6).play(f"lan > {kind} | none")


def test_a_request_of_the_other_side_is_a_connection_of_its_own() -> None:
    trace = Trace()
    trace.play("lan > echo | UNREPLIED \n wan < echo | UNREPLIED unreplied")
    assert trace.began == 2


def test_request_types() -> None:
    assert [kind for kind in range(256) if is_request(ICMP, kind)] == [8, 13, 15, 17]
    assert [kind for kind in range(256) if is_request(ICMPV6, kind)] == [128, 139]


# the rest


@pytest.mark.parametrize("kind", ["esp", "ospf"])
def test_any_other_protocol(trace: Trace, kind: str) -> None:
    trace.play(
        f"lan > {kind} | UNREPLIED 600 \n +599 wan < {kind} | REPLIED 600 replied unassured \n +600 lan > {kind} | 600"
    )
    assert trace.began == 2


@pytest.mark.parametrize(
    "tracker",
    [
        UdpTracker(),
        GreTracker(),
        GenericTracker(),
        IcmpTracker("icmp", ICMP_QUERIES),
        IcmpTracker("icmpv6", ICMPV6_QUERIES),
    ],
    ids=lambda tracker: tracker.name(),
)
def test_every_timeout_can_be_set_and_no_other(tracker: UdpTracker | GreTracker | GenericTracker | IcmpTracker) -> None:
    before = tracker.timeouts()
    for name in before:
        tracker.set_timeouts({name: 77.0})
    assert set(tracker.timeouts().values()) == {77.0}
    with pytest.raises(KeyError, match="nonsense"):
        tracker.set_timeouts({"nonsense": 1.0})
    assert tracker.states() == ["UNREPLIED", "REPLIED"]
