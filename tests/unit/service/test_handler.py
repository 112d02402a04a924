from __future__ import annotations

from conntrack.engine.verdict import ACCEPT, DROP, FORWARD, PREROUTING
from conntrack.service.handler import SAMPLE_EVERY, EngineHandler
from tests.golden.notation import packet
from tests.host import Host
from tests.unit.service.fakes import LAN, WAN

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
policy:
  lan -> wan: [{accept: [dns]}]
"""
DNS = packet("udp 192.168.10.5:40000 > 1.1.1.1:53")


def test_packets_go_to_the_engine_as_they_are() -> None:
    engine = Host(RULES).engine
    handler = EngineHandler(engine)
    handler.batch()
    assert handler.packet(DNS, FORWARD, LAN, WAN, 0, True) == (ACCEPT, None, 0)
    assert handler.packet(packet("tcp 192.168.10.5:1 > 1.1.1.1:25 SYN"), FORWARD, LAN, WAN, 0, True)[0] == DROP
    assert handler.packet(packet("udp 1.1.1.1:9 > 203.0.113.1:9 broken"), PREROUTING, WAN, 0, 0, True)[0] == DROP
    assert len(engine.table) == 1
    assert engine.counters.reasons[6] == 1  # the checksum was judged, as `verify` asked


def test_one_packet_in_so_many_is_timed() -> None:
    handler = EngineHandler(Host(RULES).engine)
    handler.batch()
    for _ in range(SAMPLE_EVERY * 3):
        handler.packet(DNS, FORWARD, LAN, WAN, 0, True)
    assert handler.latency.cumulative()[-1] == ("+Inf", 3)
    assert 0 < handler.latency.sum < 1.0
