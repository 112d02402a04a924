"""The notation itself: what is written is what is read, and a wrong checksum is seen."""

from __future__ import annotations

import pytest

from tests.golden.notation import describe, packet

LINES = [
    "tcp 192.168.10.5:40000 > 203.0.113.77:80 SYN",
    "tcp 203.0.113.77:80 > 192.168.10.5:40000 SYN+ACK",
    "tcp 192.168.10.5:40000 > 203.0.113.77:80 NONE",
    "tcp [2001:db8:10::5]:40000 > [2001:db8:113::77]:80 FIN+PSH+URG",
    "udp 192.168.10.5:5000 > 203.0.113.77:53",
    "udp [2001:db8:10::5]:5000 > [2001:db8:113::77]:53",
    "icmp 192.168.10.5 > 203.0.113.77 echo-request id=7",
    "icmp6 2001:db8:10::5 > 2001:db8:113::77 echo-reply id=7",
    "icmp 198.51.100.9 > 198.51.100.2 time-exceeded about udp 198.51.100.2:5000 > 203.0.113.77:33434",
    "icmp6 2001:db8:51::9 > 2001:db8:10::5 too-big about tcp [2001:db8:10::5]:40000 > [2001:db8:113::77]:80 ACK",
    "protocol-47 192.168.10.5 > 203.0.113.77",
    "udp 192.168.10.5:5000 > 203.0.113.77:53 dscp=46",
    "tcp [2001:db8:10::5]:40000 > [2001:db8:113::77]:80 ACK dscp=8",
]


@pytest.mark.parametrize("line", LINES)
def test_reads_what_was_written(line: str) -> None:
    assert describe(packet(line)) == line


@pytest.mark.parametrize("line", LINES[:7])
def test_sees_a_broken_checksum(line: str) -> None:
    assert describe(packet(f"{line} length=4 broken")) == f"{line} BAD CHECKSUM"


def test_writes_sequence_numbers_options_and_payload() -> None:
    raw = packet("tcp 192.168.10.5:40000 > 203.0.113.77:80 SYN seq=1000 mss=1460 length=3")
    assert raw[24:28] == (1000).to_bytes(4, "big")
    assert raw[40:44] == bytes((2, 4, 5, 0xB4))
    assert len(raw) == 20 + 24 + 3


def test_refuses_what_is_no_packet() -> None:
    with pytest.raises(ValueError, match="not a packet"):
        packet("tcp 192.168.10.5:40000")
