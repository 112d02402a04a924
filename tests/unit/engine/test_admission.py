"""What stands between a packet and a new connection: room, limits, rates, marks, and who is told."""

from conntrack.engine.events import Observer
from conntrack.engine.verdict import DONE, FORWARD, PREROUTING, REJECT_RESET
from conntrack.flow.connection import Connection
from conntrack.flow.ending import ENDINGS, EVICTED
from conntrack.packet.header import Packet
from conntrack.policy.runtime import Rule
from tests.golden.notation import packet
from tests.host import Host

ZONES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
  guest: {interfaces: [eth2], networks: [192.168.20.0/24]}
"""


def host(policy: str, settings: str = "", nat: str = "") -> Host:
    rules = ZONES
    if settings:
        rules += f"settings: {settings}\n"
    if nat:
        rules += f"nat:\n  - {nat}\n"
    return Host(f"{rules}policy:\n  {policy}\n")


def udp(port: int, source: str = "192.168.10.5", target: str = "198.51.100.9:53") -> str:
    return f"udp {source}:{port} > {target}"


class Witness(Observer):
    """Writes down what the engine tells."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def created(self, connection: Connection, now: float) -> None:
        self.heard.append(f"created {connection.identity}")

    def ended(self, connection: Connection, ending: int, now: float) -> None:
        self.heard.append(f"ended {connection.identity} {ENDINGS[ending][0]}")

    def logged(self, rule: Rule, packet: Packet, verdict: str, now: float) -> None:
        self.heard.append(f"logged {rule.name} {verdict}")


def test_a_full_table_gives_up_its_oldest_unassured_connection() -> None:
    gateway = host("lan -> wan: accept", "{connections: 2}")
    for port in (1001, 1002, 1003):
        assert gateway.arrive("lan", udp(port)).startswith("wan ")
    ports = [int.from_bytes(one.original.key[10:12], "big") for one in gateway.engine.table.connections()]
    assert ports == [1002, 1003]
    assert gateway.engine.counters.ended[EVICTED] == 1


def test_a_table_full_of_live_connections_refuses_and_counts() -> None:
    gateway = host("lan -> wan: accept", "{connections: 1}")
    gateway.arrive("lan", udp(1001))
    gateway.arrive("wan", "udp 198.51.100.9:53 > 192.168.10.5:1001")
    gateway.wait(3)
    gateway.arrive("lan", udp(1001))  # still active after two seconds: assured
    assert gateway.arrive("lan", udp(1002)) == "drop table-full"
    assert len(gateway.engine.table) == 1


def test_one_source_may_hold_so_many_and_the_next_source_still_may() -> None:
    gateway = host("lan -> wan: accept", "{per-source: 2}")
    assert [gateway.arrive("lan", udp(port)).split()[0] for port in (1, 2, 3)] == ["wan", "wan", "drop"]
    assert gateway.arrive("lan", udp(1, "192.168.10.6")).startswith("wan ")


def test_a_zone_may_begin_so_many_and_another_zone_still_may() -> None:
    gateway = host("any -> wan: accept", "{per-zone: {guest: 1}}")
    assert gateway.arrive("guest", udp(1, "192.168.20.5")).startswith("wan ")
    assert gateway.arrive("guest", udp(2, "192.168.20.6")) == "drop zone-limit"
    assert gateway.arrive("lan", udp(1)).startswith("wan ")
    gateway.wait(40)
    assert gateway.arrive("guest", udp(2, "192.168.20.6")).startswith("wan ")


def test_out_of_ports_the_sender_is_told_and_it_is_counted() -> None:
    gateway = host("lan -> wan: accept", nat="{name: internet, masquerade: wan, from: [lan], ports: 5000-5001}")
    came = [gateway.arrive("lan", udp(port)) for port in (1, 2, 3)]
    assert [one.split()[0] for one in came] == ["wan", "wan", "reject"]
    assert came[2] == "reject prohibited"
    assert gateway.engine.policy.nat_rules[0].failures == 1


def test_a_rejected_tcp_connection_gets_a_reset_and_anything_else_an_icmp_error() -> None:
    gateway = host("lan -> wan: [{name: no, reject: any}]")
    assert gateway.arrive("lan", "tcp 192.168.10.5:1 > 198.51.100.9:80 SYN") == "reject tcp-reset"
    assert gateway.arrive("lan", udp(1)) == "reject port-unreachable"
    assert len(gateway.engine.table) == 0


def test_rejects_over_their_rate_are_silent() -> None:
    gateway = host("lan -> wan: [{name: no, reject: any}]", "{reject-rate: 2/second burst 2}")
    assert [gateway.arrive("lan", udp(1)).split()[0] for _ in range(3)] == ["reject", "reject", "drop"]
    gateway.wait(1)
    assert gateway.arrive("lan", udp(1)) == "reject port-unreachable"


def test_a_reject_of_what_is_addressed_to_the_gateway_is_marked_in_prerouting() -> None:
    gateway = host("lan -> self: [{name: no, reject: any}]")
    raw = packet("tcp 192.168.10.5:1 > 192.168.10.1:22 SYN")
    assert gateway.engine.packet(raw, PREROUTING, 2, 0, 0, gateway.now) == (1, None, REJECT_RESET | DONE)


def test_the_kernels_own_reset_and_errors_leave_though_no_connection_knows_them() -> None:
    gateway = host("lan -> wan: accept")
    reset = "tcp 198.51.100.9:80 > 192.168.10.5:1 RST"
    assert gateway.send(reset) == "lan tcp 198.51.100.9:80 > 192.168.10.5:1 RST"
    error = "icmp 192.168.10.1 > 192.168.10.5 port-unreachable about udp 192.168.10.5:1 > 198.51.100.9:53"
    assert gateway.send(error).startswith("lan icmp ")
    assert gateway.send("tcp 192.168.10.1:80 > 192.168.10.5:1 SYN+ACK seq=1 ack=1") == "drop not-an-opener"


def test_mark_and_dscp_stay_with_the_connection_both_ways() -> None:
    gateway = host("lan -> wan: [{name: voice, accept: any, mark: 9, dscp: ef}]")
    raw = packet(udp(1))
    verdict, new, mark = gateway.engine.packet(raw, FORWARD, 2, 1, 0, gateway.now)
    assert (verdict, mark) == (1, 9)
    assert new is not None
    assert new[1] == 46 << 2
    back = packet("udp 198.51.100.9:53 > 192.168.10.5:1")
    verdict, new, mark = gateway.engine.packet(back, FORWARD, 1, 2, 0, gateway.now)
    assert (verdict, mark) == (1, 9)
    assert new is not None
    assert new[1] == 46 << 2


def test_another_tools_mark_stays_where_no_rule_sets_one() -> None:
    gateway = host("lan -> wan: [{name: voice, accept: udp/53, mark: 9}, {accept: any}]")
    unmarked, marked = packet("tcp 192.168.10.5:1 > 198.51.100.9:80 SYN"), packet(udp(1))
    assert gateway.engine.packet(unmarked, FORWARD, 2, 1, 0xCA6C, gateway.now)[2] == 0xCA6C
    assert gateway.engine.packet(marked, FORWARD, 2, 1, 0xCA6C, gateway.now)[2] == 9


def test_an_answer_to_a_broadcast_query_is_related_and_nothing_else_is() -> None:
    gateway = host("lan -> self: [{name: leases, accept: dhcp}]")
    assert gateway.arrive("lan", "udp 0.0.0.0:68 > 255.255.255.255:67").startswith("self ")
    assert gateway.send("udp 192.168.10.1:67 > 192.168.10.77:68").startswith("lan ")
    assert gateway.send("udp 192.168.10.1:67 > 192.168.10.77:69") == "drop no-rule"
    assert gateway.send("udp 192.168.20.1:67 > 192.168.20.77:68") == "drop no-rule"
    gateway.wait(700)
    assert gateway.send("udp 192.168.10.1:67 > 192.168.10.78:68") == "drop no-rule"


def test_the_observer_hears_of_beginnings_ends_and_what_a_rule_logs() -> None:
    gateway = host("lan -> wan: [{name: mail, drop: smtp, log: new}, {name: rest, accept: any, log: new}]")
    witness = Witness()
    gateway.engine.observe(witness)
    gateway.arrive("lan", udp(1))
    gateway.arrive("lan", udp(1))
    gateway.arrive("lan", "tcp 192.168.10.5:1 > 198.51.100.9:25 SYN")
    gateway.wait(31)
    assert witness.heard == ["created 1", "logged rest accept", "logged mail drop", "ended 1 timeout"]


def test_log_all_tells_of_every_packet() -> None:
    gateway = host("lan -> wan: [{name: watched, accept: any, log: all}]")
    witness = Witness()
    gateway.engine.observe(witness)
    for _ in range(3):
        gateway.arrive("lan", udp(1))
    assert witness.heard == ["created 1"] + ["logged watched accept"] * 3


def test_new_rules_keep_connections_by_zone_name_and_forbid_new_ones() -> None:
    gateway = host("lan -> wan: accept")
    gateway.arrive("lan", udp(1))
    swapped = ZONES.replace("  wan:", "  dmz: {interfaces: [eth9]}\n  wan:")
    gateway.reload(swapped + "policy:\n  lan -> wan: drop\n")
    [connection] = gateway.engine.table.connections()
    names = [zone.name for zone in gateway.engine.policy.zones]
    assert (names[connection.zone_in], names[connection.zone_out]) == ("lan", "wan")
    assert gateway.arrive("wan", "udp 198.51.100.9:53 > 192.168.10.5:1").startswith("lan ")
