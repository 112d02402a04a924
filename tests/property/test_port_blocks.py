"""Port blocks and requested mappings under arbitrary traffic, requests and time.

Whatever happens in whatever order: no two subscribers hold a port in common, every connection's outside port lies in a
block of its own subscriber, and once all is over nothing is held any more.
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from conntrack.engine.granting import Wanted
from conntrack.nat.endpoint import outside_port
from conntrack.packet.header import UDP
from tests.host import Host, address
from tests.unit.conformance.carrier import LINKS, RULES

#: what, host or seconds, port, peer
Step = tuple[str, int, int, int]

HOSTS = st.integers(0, 9)  # of /30 subscribers: three of them, and a half
PORTS = st.sampled_from([1030, 1031, 4000])
PEERS = st.integers(1, 3)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("send"), HOSTS, PORTS, PEERS),
        st.tuples(st.just("answer"), HOSTS, PORTS, PEERS),
        st.tuples(st.just("map"), HOSTS, PORTS, PEERS),
        st.tuples(st.just("unmap"), HOSTS, PORTS, PEERS),
        st.tuples(st.just("wait"), st.integers(1, 60), PORTS, PEERS),
        st.tuples(st.just("reload"), HOSTS, PORTS, PEERS),
    ),
    max_size=20,
)
DEMAND = "{size: 4, per-subscriber: 2, subscriber: {ipv4: 30}}"
COMPUTED = "{size: 4, allocation: deterministic, subscriber: {ipv4: 30}}"
MAPPING = ", mapping: endpoint-independent"
KINDS = [(DEMAND, ""), (DEMAND, MAPPING + ", filtering: endpoint-independent"), (COMPUTED, MAPPING)]


def rules(kind: tuple[str, str], hold_down: str = "off") -> str:
    text = RULES.replace("203.0.113.10-203.0.113.13", "203.0.113.10-203.0.113.11")
    return (
        text % f", ports: 1024-1151, port-blocks: {kind[0]}{kind[1]}" + f"\nsettings: {{port-hold-down: {hold_down}}}\n"
    )


def take(host: Host, step: Step, text: str) -> None:
    what, number, port, peer = step
    inside = f"100.64.0.{number}"
    if what == "send":
        host.arrive("lan", f"udp {inside}:{port} > 198.51.100.{peer}:53")
    elif what == "answer":
        for connection in list(host.engine.table.connections())[:number]:
            reply = connection.reply.key
            target = ".".join(str(byte) for byte in reply[6:10])
            host.arrive("wan", f"udp 198.51.100.{peer}:53 > {target}:{outside_port(reply)}")
    elif what == "map":
        host.engine.requests.request(Wanted(UDP, address(inside), port, 30.0, "test"), host.now)
    elif what == "unmap":
        host.engine.requests.withdraw(bytes((UDP, 0)) + address(inside) + port.to_bytes(2, "big"), host.now)
    elif what == "reload":
        host.reload(text)
    else:
        host.wait(number)


def check(host: Host) -> None:
    blocks = host.engine.ports.blocks
    spans = sorted(
        (block.address, int(block.low), int(block.high))
        for subscriber in blocks.subscribers.values()
        for block in subscriber.blocks
    )
    for (one, _, high), (other, low, _) in pairwise(spans):
        assert one != other or high < low
    for connection in host.engine.table.connections():
        reply = connection.reply.key
        inside = connection.original.key
        if inside[2:5] == bytes((100, 64, 0)):
            block = blocks.holding(reply[6:10], int(outside_port(reply)))
            assert block is not None
            assert block.plan.prefix(inside[2:6]) == block.subscriber.prefix


@given(kind=st.sampled_from(KINDS), hold_down=st.sampled_from(["off", "120s"]), what=steps)
def test_blocks_are_never_shared_and_come_back(kind: tuple[str, str], hold_down: str, what: list[Step]) -> None:
    text = rules(kind, hold_down)
    host = Host(text, LINKS)
    for step in what:
        take(host, step, text)
        check(host)
    for _ in range(2):
        host.wait(1000)
    assert len(host.engine.table) == 0
    assert host.engine.requests.grants() == {}
    assert host.engine.ports.blocks.subscribers == {}
    assert host.engine.ports.mappings() == []
    assert sum(int(use.used) for use in host.engine.ports.uses()) == 0
