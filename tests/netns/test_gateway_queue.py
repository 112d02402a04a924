"""Both queue backends with real packets across a router: what a handler is told, and what its answers do."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from conntrack.cli.lab import probes, servers
from conntrack.cli.lab.namespace import Namespace
from conntrack.cli.lab.network import INSIDE4, SERVER4, SERVER6, Network
from conntrack.engine.verdict import DONE, FORWARD, OUTPUT, PREROUTING, REJECT_PORT, REJECT_PROHIBITED, REJECT_RESET
from conntrack.gateway.queue import stats
from conntrack.gateway.queue.base import Options, QueueError
from conntrack.gateway.queue.choose import open_queue
from tests.netns.pump import NUMBER, Answer, Pump, Recorder, Seen, accept
from tests.netns.router import PORT, serving

UDP = 17


@pytest.fixture
def net() -> Iterator[Network]:
    with serving() as network:
        yield network


def index(host: Namespace, name: str) -> int:
    with host.entered():
        return socket.if_nametoindex(name)


def checksummed(raw: bytes, old: bytes, new: bytes) -> bytes:
    """An IPv4 UDP packet with other data: both lengths and the header's checksum made right, UDP's left out (0)."""
    header = bytearray(raw[:20])
    data = raw[28:].replace(old, new)
    header[2:4] = (28 + len(data)).to_bytes(2, "big")
    header[10:12] = bytes(2)
    total = sum(int.from_bytes(header[at : at + 2], "big") for at in range(0, 20, 2))
    header[10:12] = (0xFFFF - total % 0xFFFF).to_bytes(2, "big")
    return bytes(header) + raw[20:24] + (8 + len(data)).to_bytes(2, "big") + bytes(2) + data


def test_accepted_packets_pass_and_their_interfaces_are_told(net: Network, backend: str) -> None:
    recorder = Recorder()
    inside, outside = index(net.gateway, "eth1"), index(net.gateway, "eth0")
    with Pump(net.gateway, recorder, backend) as pump:
        assert probes.udp(net.client, SERVER4, PORT).startswith("server sees 192.168.10.5")
        assert probes.udp(net.client, SERVER6, PORT).startswith("server sees 2001:db8:10::5")
        assert pump.queue.name() == backend
    for raw_version, (there, back) in zip((4, 6), pairs(recorder.of(FORWARD, UDP)), strict=True):
        assert (there.raw[0] >> 4, there.inbound, there.outbound, there.mark) == (raw_version, inside, outside, 0)
        assert (back.raw[0] >> 4, back.inbound, back.outbound) == (raw_version, outside, inside)
        assert there.verify


def pairs(seen: list[Seen]) -> list[tuple[Seen, Seen]]:
    return list(zip(seen[::2], seen[1::2], strict=True))


def test_incoming_and_own_packets_are_told_apart_by_hook(net: Network, backend: str) -> None:
    recorder = Recorder()
    inside = index(net.gateway, "eth1")
    with Pump(net.gateway, recorder, backend):
        assert probes.ping(net.client, INSIDE4) == "answered"
    (request,), (reply,) = recorder.of(PREROUTING, 1), recorder.of(OUTPUT, 1)
    assert (request.inbound, request.outbound, request.verify) == (inside, 0, True)
    assert (reply.inbound, reply.outbound, reply.verify) == (0, inside, False)


def test_dropped_packets_stay_away_in_silence(net: Network, backend: str) -> None:
    recorder = Recorder(lambda seen: (0, None, 0))
    with Pump(net.gateway, recorder, backend) as pump:
        assert probes.udp(net.client, SERVER4, PORT, timeout=0.2) == probes.TIMEOUT
        assert len(recorder.of(FORWARD, UDP)) == 1
        assert pump.queue.tally().packets == len(recorder.seen)


@pytest.mark.parametrize("new", [b"short", b"a longer answer by far" * 40])
def test_a_rewritten_packet_arrives_with_its_new_length(net: Network, backend: str, new: bytes) -> None:
    def rewrite(seen: Seen) -> Answer:
        mine = seen.hook == FORWARD and seen.raw[9] == UDP and b"question" in seen.raw
        return (1, checksummed(seen.raw, b"question", new), 0) if mine else accept(seen)

    receiver = net.server.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=2)
    receiver.bind((SERVER4, PORT + 1))
    sender = net.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with receiver, sender, Pump(net.gateway, Recorder(rewrite), backend):
        sender.sendto(b"question", (SERVER4, PORT + 1))
        assert receiver.recv(65535) == new


def test_the_mark_stays_with_the_packet(net: Network, backend: str) -> None:
    loaded = net.gateway.run(
        "nft",
        "table inet probe { chain after { type filter hook postrouting priority 0; meta mark 0x1234567 counter; }; }",
    )
    assert loaded.returncode == 0, loaded.stdout
    recorder = Recorder(lambda seen: (1, None, 0x1234567 if seen.hook == FORWARD else 0))
    with Pump(net.gateway, recorder, backend):
        probes.udp(net.client, SERVER4, PORT)
    assert "packets 2 " in net.gateway.run("nft", "list", "table", "inet", "probe").stdout


@pytest.mark.parametrize(("server", "header"), [(SERVER4, 28), (SERVER6, 48)])
def test_fragments_arrive_as_one_whole_datagram(net: Network, backend: str, server: str, header: int) -> None:
    recorder = Recorder()
    with Pump(net.gateway, recorder, backend):
        assert probes.udp(net.client, server, PORT, b"x" * 3000).startswith("server sees")
    there = recorder.of(FORWARD, UDP)[0]
    assert len(there.raw) == header + 3000
    assert there.raw[header:] == b"x" * 3000


def test_a_datagram_of_60_kb(net: Network, backend: str) -> None:
    """The netlink backend sees it whole; the package would cut it off, so it is dropped there, and counted."""
    recorder = Recorder()
    with Pump(net.gateway, recorder, backend) as pump:
        outcome = probes.udp(net.client, SERVER4, PORT, b"x" * 60000, timeout=0.5)
        tally = pump.queue.tally()
    if backend == "netlink":
        assert outcome.startswith("server sees")
        assert (len(recorder.of(FORWARD, UDP)[0].raw), tally.truncated) == (60028, 0)
    else:
        assert outcome == probes.TIMEOUT
        assert (recorder.of(FORWARD, UDP), tally.truncated) == ([], 1)


@pytest.mark.parametrize(
    ("mark", "probe", "outcome"),
    [
        (REJECT_RESET, probes.tcp, probes.REFUSED),
        (REJECT_PORT, probes.udp, probes.REFUSED),
        (REJECT_PROHIBITED, probes.udp, probes.PROHIBITED),
        (REJECT_PROHIBITED, probes.tcp, probes.PROHIBITED),
    ],
)
@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_reject_marks_are_answered(
    net: Network, backend: str, mark: int, probe: object, outcome: str, server: str
) -> None:
    def reject(seen: Seen) -> Answer:
        return (1, None, mark) if seen.hook == FORWARD else accept(seen)

    recorder = Recorder(reject)
    assert callable(probe)
    with servers.http(net.server, server, 80), Pump(net.gateway, recorder, backend):
        assert probe(net.client, server, 80) == outcome
    assert [one for one in recorder.seen if one.hook == OUTPUT], "the gateway's own answer is queued like all it sends"


@pytest.mark.parametrize("mark", [REJECT_RESET, REJECT_PROHIBITED])
def test_what_is_addressed_to_the_gateway_is_rejected_too(net: Network, backend: str, mark: int) -> None:
    def reject(seen: Seen) -> Answer:
        return (1, None, mark | DONE) if seen.hook == PREROUTING else accept(seen)

    with servers.http(net.gateway, INSIDE4, 80), Pump(net.gateway, Recorder(reject), backend):
        assert probes.tcp(net.client, INSIDE4, 80) == (probes.REFUSED if mark == REJECT_RESET else probes.PROHIBITED)


def test_what_the_gateway_may_not_send_is_rejected_to_its_own_program(net: Network, backend: str) -> None:
    def reject(seen: Seen) -> Answer:
        return (1, None, REJECT_PORT) if seen.hook == OUTPUT else accept(seen)

    with Pump(net.gateway, Recorder(reject), backend):
        assert probes.udp(net.gateway, SERVER4, PORT) == probes.REFUSED


def test_a_fault_of_the_handler_drops_one_packet_and_is_kept(net: Network, backend: str) -> None:
    def fail(seen: Seen) -> Answer:
        if b"poison" in seen.raw:
            raise ZeroDivisionError("a fault of the engine's")
        return accept(seen)

    with Pump(net.gateway, Recorder(fail), backend) as pump:
        assert probes.udp(net.client, SERVER4, PORT, b"poison", timeout=0.2) == probes.TIMEOUT
        assert probes.udp(net.client, SERVER4, PORT).startswith("server sees")
        tally = pump.queue.tally()
    assert tally.faults == 1
    assert isinstance(tally.fault, ZeroDivisionError)


class Still:
    """A queue that is bound, and drained only by hand, until the end of the block."""

    def __init__(self, host: Namespace, backend: str, options: Options) -> None:
        self.host = host
        self.recorder = Recorder()
        with host.entered():
            self.queue = open_queue(backend, options, self.recorder)
        rule = f"-A FORWARD -i eth1 -j NFQUEUE --queue-num {options.number}"
        loaded = host.run("iptables", "-t", "mangle", *rule.split())
        assert loaded.returncode == 0, loaded.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.queue.close()

    def stats(self) -> stats.Stats:
        with self.host.entered():
            found = stats.read(NUMBER, Path("/proc/thread-self/net/netfilter/nfnetlink_queue"))
        assert found
        return found


def flood(host: Namespace, count: int) -> None:
    with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(count):
            sender.sendto(number.to_bytes(2, "big"), (SERVER4, PORT + 7))


def test_overflow_is_counted_by_the_kernel_and_the_rest_is_judged_in_order(net: Network, backend: str) -> None:
    with Still(net.gateway, backend, Options(NUMBER, length=100)) as still:
        flood(net.client, 300)
        before = still.stats()
        assert (before.depth, before.kernel_dropped, before.user_dropped) == (100, 200, 0)
        while still.queue.drain(64):
            pass
        numbers = [int.from_bytes(one.raw[28:], "big") for one in still.recorder.of(FORWARD, UDP)]
        assert numbers == list(range(100))
        assert still.stats().depth == 0


def test_a_turn_is_bounded(net: Network, backend: str) -> None:
    with Still(net.gateway, backend, Options(NUMBER, length=1000)) as still:
        flood(net.client, 500)
        assert still.queue.drain(128) == 128
        assert still.stats().depth == 500 - 128
        assert 1 <= still.queue.drain(1) <= 64, "a batch at most"
        while still.queue.drain(64):
            pass
        assert len(still.recorder.of(FORWARD, UDP)) == 500


def test_lost_messages_are_counted_and_never_fatal(net: Network) -> None:
    """With a receive buffer too small for the queue, the kernel reports ENOBUFS; the package hides it."""
    with Still(net.gateway, "netlink", Options(NUMBER, length=10000)) as still:
        with socket.socket(fileno=os.dup(still.queue.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20000)
        flood(net.client, 300)
        drained = still.queue.drain(10000)
        assert drained == len(still.recorder.seen) > 0
        assert still.queue.tally().overruns == 1
        assert still.stats().user_dropped == 300 - drained
        flood(net.client, 3)
        assert still.queue.drain(10000) == 3


def test_a_full_queue_lets_packets_pass_if_that_is_wanted(net: Network, backend: str) -> None:
    with (
        Still(net.gateway, backend, Options(NUMBER, length=10, fail_open=True)),
        net.server.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=0.5) as receiver,
    ):
        receiver.bind((SERVER4, PORT + 7))
        flood(net.client, 30)
        assert [int.from_bytes(receiver.recv(100), "big") for _ in range(20)] == list(range(10, 30))


def test_packets_wait_for_a_queue_that_is_bound_while_rules_of_an_earlier_run_stand(net: Network) -> None:
    with Still(net.gateway, "netlink", Options(NUMBER)):
        flood(net.client, 3)
    recorder = Recorder()
    with Pump(net.gateway, recorder, "netlink"):
        assert probes.udp(net.client, SERVER4, PORT).startswith("server sees")


def test_a_queue_taken_by_another_program_is_named(net: Network, backend: str) -> None:
    with net.gateway.entered():
        first = open_queue("netlink", Options(NUMBER), Recorder())
        with pytest.raises(QueueError, match=f"queue {NUMBER} "):
            open_queue(backend, Options(NUMBER), Recorder())
        first.close()
        first.close()
        open_queue(backend, Options(NUMBER), Recorder()).close()
