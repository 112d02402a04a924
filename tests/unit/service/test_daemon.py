"""The daemon's whole life, on a host that only remembers what was asked of it."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conntrack.cli.main import main
from conntrack.engine.verdict import ACCEPT, DROP
from conntrack.gateway.queue.base import QueueError
from conntrack.service import daemon as daemons
from conntrack.service.daemon import Daemon, Options, group_number, rules_or_failure
from conntrack.service.exits import BAD_CONFIGURATION, DROPPED, FAILED, OK, Failure
from conntrack.service.lock import InstanceLock
from conntrack.service.protocol import Item, encode
from tests.golden.notation import packet
from tests.unit.service.fakes import FakeHost, FakeQueue

RULES = """\
version: 1
settings:
  metrics: {listen: off}
  queue: {number: 3, length: 999}
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {name: internet, masquerade: wan, from: [lan]}
policy:
  lan -> wan: [{name: outbound, accept: [dns]}]
tests:
  - lan 192.168.10.5 -> 1.1.1.1 dns = accept
"""
SYN = "tcp 192.168.10.5:40000 > 1.1.1.1:443 SYN seq=1"


class Scene:
    """A daemon, its files, and the service manager that listens to it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.host = FakeHost()
        self.rules = folder / "rules.yaml"
        self.rules.write_text(RULES)
        self.options = Options(rules=self.rules, control=folder / "control.sock", state_dir=folder / "state")
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(folder / "notify"))
        self.said: list[str] = []

    def live(self, act: Callable[[], Awaitable[Any]] | None = None) -> int:
        """Runs the daemon, acts once it is ready, then ends it by SIGTERM; returns its exit code."""

        async def all_of_it() -> int:
            rules = rules_or_failure(self.rules)
            running = asyncio.ensure_future(Daemon(self.options, rules, self.host, lambda: 0).run())
            await self.heard("READY=1", running)
            if act is not None:
                await act()
            if not running.done():
                os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(5):
                return await running

        return asyncio.run(all_of_it())

    async def heard(self, notice: str, running: asyncio.Future[int] | None = None) -> None:
        """Waits until the daemon has said it."""
        async with asyncio.timeout(5):
            while True:
                await asyncio.sleep(0.001)
                self.listen()
                if any(notice in said for said in self.said):
                    return
                if running is not None and running.done():
                    running.result()

    def listen(self) -> None:
        while True:
            try:
                self.said.append(self.manager.recv(4096).decode())
            except BlockingIOError:
                return

    async def ask(self, command: str, **arguments: Any) -> list[Item]:
        reader, writer = await asyncio.open_unix_connection(str(self.options.control))
        writer.write(encode({"command": command, "arguments": arguments}))
        items: list[Item] = []
        while "items" in (line := json.loads(await reader.readline())):
            items += line["items"]
        writer.close()
        await writer.wait_closed()
        return [*items, line]

    @property
    def queue(self) -> FakeQueue:
        assert self.host.queue is not None
        return self.host.queue


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    made = Scene(tmp_path, monkeypatch)
    yield made
    made.manager.close()
    assert gc.isenabled()


def test_without_a_fast_path_what_an_earlier_daemon_left_is_taken_away(scene: Scene) -> None:
    scene.rules.write_text(RULES.replace("settings:\n", "settings:\n  fastpath: off\n"))
    assert scene.live() == OK
    assert "unload" in scene.host.steps
    assert "fast path" not in scene.host.steps


def test_a_life(scene: Scene) -> None:
    assert scene.live() == OK
    assert scene.host.steps == [
        "prepare False",
        "topology",
        "queue auto",
        "fast path",  # there is none in a test: all goes on without
        "watch",
        "install",
        "remove",  # hooks go first, so that no packet is sent to nobody
        "close",
    ]
    assert scene.queue.closed
    assert not scene.options.control.exists()
    scene.listen()
    assert scene.said[0].startswith("READY=1\nSTATUS=1 rules, 2 zones, generation 1, queue 3 by fake, 0 connections")
    assert scene.said[-1] == "STOPPING=1"


def test_the_queue_is_opened_as_the_rules_file_says(scene: Scene) -> None:
    scene.live()
    options = scene.host.options
    assert options is not None
    assert (options.number, options.length, options.fail_open) == (3, 999, False)
    assert (scene.host.installed[0].queue, scene.host.installed[0].bypass) == (3, False)


def test_bypass_reaches_queue_and_hooks(scene: Scene) -> None:
    scene.rules.write_text(RULES.replace("settings:", "settings:\n  on-failure: bypass"))
    scene.live()
    assert scene.host.options is not None
    assert scene.host.options.fail_open
    assert scene.host.installed[0].bypass


def test_the_command_line_chooses_the_backend(scene: Scene) -> None:
    scene.options = scene.options._replace(backend="netlink", set_sysctls=True)
    scene.live()
    assert scene.host.steps[:3] == ["prepare True", "topology", "queue netlink"]


def test_packets_get_verdicts(scene: Scene) -> None:
    async def act() -> None:
        scene.queue.put(packet("udp 192.168.10.5:40000 > 1.1.1.1:53"))
        scene.queue.put(packet(SYN))
        while len(scene.queue.verdicts) < 2:
            await asyncio.sleep(0)
        (flow, _) = await scene.ask("flows list")
        assert (flow["protocol"], flow["rule"].split(" ")[0], flow["nat"]) == ("udp", "outbound", ["source"])

    scene.live(act)
    assert [verdict for verdict, _, _ in scene.queue.verdicts] == [ACCEPT, DROP]


def test_status(scene: Scene) -> None:
    async def act() -> None:
        status, done = await scene.ask("status")
        assert done == {"done": {}}
        assert status["pid"] == os.getpid()
        assert status["queue"] == {"backend": "fake", "number": 3}
        assert status["configuration"]["generation"] == 1
        assert status["configuration"]["last_load_ok"]
        assert status["on_failure"] == "drop"

    scene.live(act)


def test_reload_by_signal(scene: Scene) -> None:
    async def act() -> None:
        scene.queue.put(packet("udp 192.168.10.5:40000 > 1.1.1.1:53"))
        scene.rules.write_text(RULES.replace("[dns]", "[dns, https]"))
        scene.said.clear()
        os.kill(os.getpid(), signal.SIGHUP)
        await scene.heard("READY=1")
        scene.queue.put(packet(SYN))
        while len(scene.queue.verdicts) < 2:
            await asyncio.sleep(0)
        assert len((await scene.ask("flows list"))[:-1]) == 2  # the old flow goes on

    scene.live(act)
    assert [verdict for verdict, _, _ in scene.queue.verdicts] == [ACCEPT, ACCEPT]
    assert len(scene.host.installed) == 2
    assert any(said.startswith("RELOADING=1\nMONOTONIC_USEC=") for said in scene.said)


def test_nat64_gets_its_link_before_packets_come_and_loses_it_after_they_are_gone(scene: Scene) -> None:
    entry = '  - {name: to-ipv4, nat64: "%s", at: wan, from: [lan]}\npolicy:'

    async def act() -> None:
        for text in (RULES.replace("policy:", entry % "2001:db8:64::/96"), RULES):
            scene.rules.write_text(text)
            scene.said.clear()
            os.kill(os.getpid(), signal.SIGHUP)
            await scene.heard("READY=1")

    scene.rules.write_text(RULES.replace("policy:", entry % "64:ff9b::/96"))
    scene.live(act)
    assert scene.host.led == [
        ["64:ff9b::/96"],
        ["64:ff9b::/96", "2001:db8:64::/96"],  # both, until the new rules are in force
        ["2001:db8:64::/96"],
        ["2001:db8:64::/96"],
        [],
    ]
    assert [wanted.tunnel for wanted in scene.host.installed] == ["pairwall64", "pairwall64", ""]
    assert scene.queue.segmented == 1  # the reload that has an entry


def test_without_nat64_no_link_is_asked_for(scene: Scene) -> None:
    scene.live()
    assert scene.host.led == [[]]


def test_a_reload_with_a_mistake_changes_nothing(scene: Scene) -> None:
    async def act() -> None:
        scene.rules.write_text(RULES.replace("= accept", "= drop"))
        outcome, _ = await scene.ask("reload")
        assert not outcome["ok"]
        assert "expected drop, got accept" in outcome["problems"][0]
        status, _ = await scene.ask("status")
        assert not status["configuration"]["last_load_ok"]
        assert status["configuration"]["generation"] == 1
        await scene.heard("the last reload FAILED")

    scene.live(act)
    assert len(scene.host.installed) == 1


def test_links_that_change_move_the_engine(scene: Scene) -> None:
    """The address that a flow is masqueraded behind goes away: the flow ends."""

    async def act() -> None:
        scene.queue.put(packet("udp 192.168.10.5:40000 > 1.1.1.1:53"))
        while not scene.queue.verdicts:
            await asyncio.sleep(0)
        scene.host.links["wan"] = ("eth0", ["203.0.113.99/24"])
        scene.host.steps.clear()
        for _ in range(12):
            scene.host.changed()
        async with asyncio.timeout(5):
            while len(await scene.ask("flows list")) > 1:
                await asyncio.sleep(0.01)
        assert len(scene.host.steps) <= 2  # twelve changes, but not twelve moves
        stats, _ = await scene.ask("stats")
        assert stats["ended"] == {"address-gone": 1}

    scene.live(act)


def test_the_gateways_own_ports_are_held_back(scene: Scene) -> None:
    scene.host.ports = {17 << 16 | 40000}

    async def act() -> None:
        scene.queue.put(packet("udp 192.168.10.5:40000 > 1.1.1.1:53"))
        while not scene.queue.verdicts:
            await asyncio.sleep(0)
        flow, _ = await scene.ask("flows list")
        assert flow["reply"]["destination_port"] != 40000

    scene.live(act)


async def get(address: tuple[str, int]) -> str:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_under_a_flood_clients_and_prometheus_are_answered(scene: Scene) -> None:
    """The queue never empties, 3000 flows are listed, the page is scraped, the rules are loaded again."""
    port = free_port()
    scene.rules.write_text(RULES.replace("listen: off", f"listen: 127.0.0.1:{port}"))

    async def act() -> None:
        for number in range(3000):
            scene.queue.put(packet(f"udp 192.168.10.5:{1024 + number} > 1.1.1.1:53"))
        while len(scene.queue.verdicts) < 3000:
            await asyncio.sleep(0)
        scene.queue.flood()
        async with asyncio.timeout(20):
            listed, page, reloaded = await asyncio.gather(
                scene.ask("flows list", filters={"source": "192.168.10.0/24"}),
                get(("127.0.0.1", port)),
                scene.ask("reload"),
            )
        assert len(listed) == 3001
        assert 'pairwall_connections{protocol="udp",state="unreplied"} 3000.0' in page
        assert reloaded[0]["ok"]
        assert scene.queue.tally().packets > 5000  # and packets went on all the while

    assert scene.live(act) == OK


def test_the_metrics_page_moves_with_the_rules(scene: Scene) -> None:
    first, second = free_port(), free_port()
    scene.rules.write_text(RULES.replace("listen: off", f"listen: 127.0.0.1:{first}"))

    async def act() -> None:
        assert "200 OK" in await get(("127.0.0.1", first))
        scene.rules.write_text(RULES.replace("listen: off", f"listen: 127.0.0.1:{second}"))
        await scene.ask("reload")
        assert "pairwall_configuration_generation 2.0" in await get(("127.0.0.1", second))
        with pytest.raises(ConnectionRefusedError):
            await get(("127.0.0.1", first))

    scene.live(act)


def test_a_metrics_page_that_cannot_move_does_not_undo_the_rules(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        async def act() -> None:
            scene.rules.write_text(RULES.replace("listen: off", f"listen: 127.0.0.1:{taken.getsockname()[1]}"))
            outcome, _ = await scene.ask("reload")
            assert outcome["ok"]

        scene.live(act)
    assert "metrics page: cannot listen" in caplog.text


def test_the_real_client(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """`pairwall …` as users type it, against the daemon."""

    def pairwall(*words: str) -> int:
        return main([*words, "--control", str(scene.options.control)])

    async def act() -> None:
        scene.queue.put(packet("udp 192.168.10.5:40000 > 1.1.1.1:53"))
        while not scene.queue.verdicts:
            await asyncio.sleep(0)
        words = ["flows list -o conntrack", "flows get 1 -o jsonl", "status", "stats", "rules", "nat", "reload"]
        codes = [await asyncio.to_thread(pairwall, *line.split()) for line in words]
        assert codes == [OK] * len(words)
        question = "lan 192.168.10.5 -> 1.1.1.1 tcp/443"
        assert await asyncio.to_thread(pairwall, "explain", question) == DROPPED
        assert await asyncio.to_thread(pairwall, "flows", "delete", "--protocol", "udp") == OK
        assert await asyncio.to_thread(pairwall, "flows", "list") == FAILED

    scene.live(act)
    out = capsys.readouterr().out
    assert "udp      17 30 src=192.168.10.5 dst=1.1.1.1 sport=40000 dport=53 packets=1 bytes=28 [UNREPLIED]" in out
    assert "1 flow deleted" in out
    assert f"{scene.rules}: loaded, generation 2" in out


def test_a_reload_while_links_change_ends_with_the_links_as_they_are(scene: Scene) -> None:
    async def act() -> None:
        scene.rules.write_text(RULES.replace("zones:\n", "zones:\n  dmz: {interfaces: [eth9]}\n"))
        scene.host.changed()
        await scene.ask("reload")
        scene.queue.put(packet("udp 192.168.10.5:40000 > 1.1.1.1:53"))
        while not scene.queue.verdicts:
            await asyncio.sleep(0)
        flow, _ = await scene.ask("flows list")
        assert (flow["zone_in"], flow["zone_out"]) == ("lan", "wan")  # though their numbers are others now

    scene.live(act)
    assert [verdict for verdict, _, _ in scene.queue.verdicts] == [ACCEPT]


def test_a_lost_queue_ends_the_daemon_with_a_failure(scene: Scene) -> None:
    async def act() -> None:
        scene.queue.lost = QueueError("queue 3 is lost")
        scene.queue.put(b"")
        while "remove" not in scene.host.steps:
            await asyncio.sleep(0)

    assert scene.live(act) == FAILED


def test_the_record_of_the_rules_in_force(scene: Scene) -> None:
    scene.live()
    state = json.loads((scene.rules.parent / "state" / "state.json").read_text())
    assert (state["file"], state["pid"]) == (str(scene.rules), os.getpid())
    assert len(state["hash"]) == 64


def test_a_state_folder_that_cannot_be_written_stops_nobody(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.options = scene.options._replace(state_dir=scene.rules)
    assert scene.live() == OK
    assert "cannot keep the record" in caplog.text


def test_complaints_about_the_host_are_logged(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.host.complaints = ["net.ipv4.ip_forward is 0: nothing is forwarded; --set-sysctls sets it"]
    scene.live()
    assert "net.ipv4.ip_forward is 0" in caplog.text


@pytest.mark.parametrize("cause", ["queue", "hooks", "lock", "metrics"])
def test_what_cannot_start_is_told_and_undone(cause: str, scene: Scene) -> None:
    other = InstanceLock(scene.options.control)
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    message = {
        "queue": "CAP_NET_ADMIN is missing",
        "hooks": "nft: no",
        "lock": "already runs here",
        "metrics": "in use",
    }
    if cause == "queue":
        scene.host.refuse_queue = message[cause]
    elif cause == "hooks":
        scene.host.refuse_hooks = message[cause]
    elif cause == "lock":
        other.acquire()
    else:
        listen = f"listen: 127.0.0.1:{taken.getsockname()[1]}"
        scene.rules.write_text(RULES.replace("listen: off", listen))
    with pytest.raises(Failure, match=message[cause]) as failed:
        scene.live()
    assert failed.value.code == FAILED
    other.release()
    taken.close()
    assert not scene.options.control.exists()
    if cause != "lock":
        assert scene.host.steps[-1] == "close"
        after = InstanceLock(scene.options.control)
        after.acquire()  # the lock was given back
        after.release()
    if scene.host.queue is not None:
        assert scene.host.queue.closed


def test_rules_with_mistakes_are_a_bad_configuration(scene: Scene) -> None:
    scene.rules.write_text(RULES.replace("[dns]", "[dnss]"))
    with pytest.raises(Failure, match=r"rules\.yaml:11:.*dnss") as failed:
        scene.live()
    assert failed.value.code == BAD_CONFIGURATION


def test_rules_with_a_failing_test_are_a_bad_configuration(scene: Scene) -> None:
    scene.rules.write_text(RULES.replace("= accept", "= reject"))
    with pytest.raises(Failure, match="expected reject, got accept") as failed:
        scene.live()
    assert failed.value.code == BAD_CONFIGURATION


def test_the_sockets_group(monkeypatch: pytest.MonkeyPatch) -> None:
    assert group_number("root") == 0
    with pytest.raises(Failure, match="no-such-group"):
        group_number("no-such-group")
    monkeypatch.setattr(daemons, "DEFAULT_GROUP", "no-such-group")
    assert group_number(None) is None
