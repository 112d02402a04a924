"""What the table makes of deadlines that trackers move."""

from tests.host import Host

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
policy:
  lan -> wan: accept
"""
LAN, WAN = "192.168.10.5:40000", "198.51.100.9:80"


def opened() -> Host:
    """A host with one established connection."""
    host = Host(RULES)
    host.arrive("lan", f"tcp {LAN} > {WAN} SYN seq=100")
    host.arrive("wan", f"tcp {WAN} > {LAN} SYN+ACK seq=500 ack=101")
    host.arrive("lan", f"tcp {LAN} > {WAN} ACK seq=101 ack=501")
    host.arrive("wan", f"tcp {WAN} > {LAN} ACK seq=501 ack=101")
    return host


def test_an_idle_established_connection_stays_for_five_days() -> None:
    host = opened()
    host.wait(431_000)
    assert len(host.engine.table) == 1
    host.wait(1_100)
    assert len(host.engine.table) == 0


def test_a_reset_ends_it_after_ten_seconds_though_it_was_filed_for_days() -> None:
    host = opened()
    host.wait(300)  # by now it is filed under its five days
    host.arrive("lan", f"tcp {LAN} > {WAN} RST seq=101")
    host.wait(9)
    assert len(host.engine.table) == 1
    host.wait(2)
    assert len(host.engine.table) == 0


def test_two_refused_fins_of_opposite_directions_bring_the_end_nearer() -> None:
    host = opened()
    host.wait(300)
    assert host.arrive("lan", f"tcp {LAN} > {WAN} FIN+ACK seq=900000 ack=501") == "drop seq-over-window"
    assert host.arrive("wan", f"tcp {WAN} > {LAN} FIN+ACK seq=900000 ack=101") == "drop seq-over-window"
    host.wait(299)
    assert len(host.engine.table) == 1
    host.wait(3)
    assert len(host.engine.table) == 0
