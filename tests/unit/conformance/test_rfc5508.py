"""RFC 5508, what a NAT must do with ICMP."""

from __future__ import annotations

import pytest

from tests.golden.notation import packet
from tests.host import Host
from tests.kernel.finish import finished
from tests.unit.conformance.office import LINKS, MAPPING, RULES, STRICT, office, opened

ABOUT = "time-exceeded about udp {}:5000 > 198.51.100.9:53"
ERROR = "icmp 198.51.100.1 > 203.0.113.1 " + ABOUT.format("203.0.113.1")
TRANSLATED = "icmp 198.51.100.1 > 192.168.10.5 " + ABOUT.format("192.168.10.5")


def asked() -> Host:
    """An office with one UDP flow."""
    host = office()
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    return host


def test_rfc5508_req_1_a_query_and_its_answer_pass() -> None:
    host = office()
    assert host.arrive("lan", "icmp 192.168.10.5 > 198.51.100.9 echo-request id=7") == (
        "wan icmp 203.0.113.1 > 198.51.100.9 echo-request id=7"
    )
    assert host.arrive("wan", "icmp 198.51.100.9 > 203.0.113.1 echo-reply id=7") == (
        "lan icmp 198.51.100.9 > 192.168.10.5 echo-reply id=7"
    )


def test_rfc5508_req_1a_one_outside_identifier_for_every_peer() -> None:
    host = office(MAPPING)
    host.arrive("lan", "icmp 192.168.10.6 > 198.51.100.9 echo-request id=7")
    seen = {
        host.arrive("lan", f"icmp 192.168.10.5 > 198.51.100.{last} echo-request id=7").split()[-1] for last in (9, 8)
    }
    assert len(seen) == 1
    assert seen != {"id=7"}


def test_rfc5508_req_2_a_query_is_remembered_for_60_seconds_with_the_timeouts_of_the_guide() -> None:
    host = office(settings=STRICT)
    host.arrive("lan", "icmp 192.168.10.5 > 198.51.100.9 echo-request id=7")
    host.wait(59)
    assert host.arrive("wan", "icmp 198.51.100.9 > 203.0.113.1 echo-reply id=7").startswith("lan ")


def test_rfc5508_req_2_by_default_it_is_30_seconds() -> None:
    """Not what the RFC asks for: the kernel's way."""
    host = office()
    host.arrive("lan", "icmp 192.168.10.5 > 198.51.100.9 echo-request id=7")
    host.wait(31)
    assert host.arrive("wan", "icmp 198.51.100.9 > 203.0.113.1 echo-reply id=7") == "drop not-an-opener"


def test_rfc5508_req_3a_a_wrong_icmp_checksum_drops() -> None:
    assert asked().arrive("wan", ERROR + " broken") == "drop bad-checksum"


def test_rfc5508_req_3b_options_of_the_packet_inside_are_skipped() -> None:
    raw = bytearray(packet(ERROR))
    inner = raw[28:48]
    inner[0], inner[3] = 0x46, 32
    with_options = bytes(raw[:28]) + bytes(inner) + b"\1\1\1\0" + bytes(raw[48:])
    came = asked().arrive_raw("wan", repaired(with_options))
    assert came.startswith("lan icmp 198.51.100.1 > 192.168.10.5 time-exceeded about udp 192.168.10.5:5000")


def test_rfc5508_req_3c_the_transport_checksum_inside_is_not_judged() -> None:
    raw = bytearray(packet(ERROR))
    raw[54] ^= 0x55
    assert asked().arrive_raw("wan", repaired(bytes(raw))).startswith("lan icmp")


def test_rfc5508_req_3d_a_packet_inside_that_is_cut_off_is_valid() -> None:
    raw = packet("icmp 198.51.100.1 > 203.0.113.1 time-exceeded about udp 203.0.113.1:5000 > 198.51.100.9:53")
    assert asked().arrive_raw("wan", repaired(raw[: 28 + 20 + 8])).startswith("lan icmp")


def test_rfc5508_req_4a_an_error_about_no_mapping_is_dropped() -> None:
    assert office().arrive("wan", ERROR) == "drop error-unknown-flow"


def test_rfc5508_req_4b_an_error_from_outside_is_translated_with_what_it_speaks_of() -> None:
    assert asked().arrive("wan", ERROR) == f"lan {TRANSLATED}"


def test_rfc5508_req_5_an_error_from_inside_is_translated_with_what_it_speaks_of() -> None:
    host = asked()
    host.arrive("wan", "udp 198.51.100.9:53 > 203.0.113.1:5000")
    error = "icmp 192.168.10.5 > 198.51.100.9 port-unreachable about udp 198.51.100.9:53 > 192.168.10.5:5000"
    assert host.arrive("lan", error) == (
        "wan icmp 203.0.113.1 > 198.51.100.9 port-unreachable about udp 198.51.100.9:53 > 203.0.113.1:5000"
    )
    assert host.arrive("lan", error.replace(":5000", ":5001")) == "drop error-unknown-flow"


def test_rfc5508_req_6_an_error_neither_refreshes_nor_ends_a_query() -> None:
    host = office()
    host.arrive("lan", "icmp 192.168.10.5 > 198.51.100.9 echo-request id=7")
    [connection] = host.engine.table.connections()
    before = connection.deadline
    host.wait(10)
    error = "icmp 198.51.100.1 > 203.0.113.1 time-exceeded about icmp 203.0.113.1 > 198.51.100.9 echo-request id=7"
    assert host.arrive("wan", error).startswith("lan icmp 198.51.100.1 > 192.168.10.5 time-exceeded")
    assert connection.deadline == before


def test_rfc5508_req_7_a_hairpinned_query_and_its_answer() -> None:
    host = office()
    assert host.arrive("lan", "icmp 192.168.10.5 > 203.0.113.5 echo-request id=7") == (
        "lan icmp 203.0.113.5 > 192.168.10.25 echo-request id=7"
    )
    assert host.arrive("lan", "icmp 192.168.10.25 > 203.0.113.5 echo-reply id=7") == (
        "lan icmp 203.0.113.5 > 192.168.10.5 echo-reply id=7"
    )


def test_rfc5508_req_7_a_hairpinned_error() -> None:
    host = office()
    host.arrive("lan", "udp 192.168.10.5:5000 > 203.0.113.5:53")
    error = "icmp 192.168.10.25 > 203.0.113.5 port-unreachable about udp 203.0.113.5:5000 > 192.168.10.25:53"
    assert host.arrive("lan", error) == (
        "lan icmp 203.0.113.5 > 192.168.10.5 port-unreachable about udp 192.168.10.5:5000 > 203.0.113.5:53"
    )


@pytest.mark.parametrize("limit", ["per-source: 1", "per-zone: {lan: 1}", "connections: 1"])
def test_rfc5508_req_8_over_a_limit_or_with_a_full_table_the_sender_is_told_3_13(limit: str) -> None:
    host = Host(RULES % "" + f"\nsettings: {{{limit}}}\n", LINKS)
    opened(host, "192.168.10.5:5000", "198.51.100.9:80")
    assert host.arrive("lan", "udp 192.168.10.5:5001 > 198.51.100.9:53") == "reject prohibited"
    assert len(host.engine.table) == 1


def test_rfc5508_req_8_strangers_outside_are_told_nothing() -> None:
    rules = RULES % "" + "  wan -> self: accept\nsettings: {connections: 1}\n"
    host = Host(rules, LINKS)
    opened(host, "192.168.10.5:5000", "198.51.100.9:80")
    assert host.arrive("wan", "udp 198.51.100.77:5001 > 203.0.113.1:53") == "drop table-full"


def test_rfc5508_req_8_they_are_told_at_the_rate_of_rejects() -> None:
    host = Host(RULES % "" + "\nsettings: {connections: 1, reject-rate: 2/second}\n", LINKS)
    opened(host, "192.168.10.5:5000", "198.51.100.9:80")
    fates = [host.arrive("lan", f"udp 192.168.10.5:{port} > 198.51.100.9:53") for port in range(6000, 6003)]
    assert fates == ["reject prohibited", "reject prohibited", "drop table-full"]


def test_rfc5508_req_8_out_of_ports_the_sender_is_told_3_13() -> None:
    host = office(", ports: 6000-6001")
    answers = [host.arrive("lan", f"udp 192.168.10.{last}:5000 > 198.51.100.9:53") for last in (5, 6, 7)]
    assert answers[2] == "reject prohibited"


def test_rfc5508_req_11_icmp_that_is_neither_query_nor_error_is_dropped() -> None:
    raw = bytearray(packet("icmp 198.51.100.9 > 203.0.113.1 echo-request id=7"))
    raw[20] = 9  # router advertisement
    assert office().arrive_raw("wan", repaired(bytes(raw))).startswith("drop ")


def repaired(raw: bytes) -> bytes:
    """An ICMP packet with its length and checksums made right."""
    return finished(raw[:2] + len(raw).to_bytes(2, "big") + raw[4:], serial=1)
