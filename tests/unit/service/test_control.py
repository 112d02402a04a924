"""The control socket, spoken to as a client would: lines in, lines out."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from conntrack.service import answering, control, peer, protocol
from conntrack.service.answering import work
from conntrack.service.control import Command, Control
from conntrack.service.exits import Failure
from conntrack.service.protocol import Item, Refused

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Control], Awaitable[Any]]


def numbers(arguments: Item) -> Iterator[Item | None]:
    for number in range(arguments.get("count", 3)):
        yield {"number": number} if number % arguments.get("every", 1) == 0 else None


def refuse(arguments: Item) -> Iterator[Item]:
    raise Refused(protocol.MISSING, "no such thing")


def fail(arguments: Item) -> Iterator[Item]:
    yield {"number": 0}
    raise RuntimeError("broken")


async def ticks(arguments: Item) -> AsyncIterator[Item]:
    for number in range(3):
        await asyncio.sleep(0)
        yield {"tick": number}


COMMANDS: Mapping[str, Command] = {
    "numbers": Command(numbers),
    "refuse": Command(refuse),
    "fail": Command(fail),
    "ticks": Command(ticks),
    "change": Command(numbers, changes=True),
}


def talk(path: Path, conversation: Talk, commands: Mapping[str, Command] = COMMANDS) -> Any:
    """Runs a server and one client of it."""

    async def both() -> Any:
        server = Control(path, commands)
        await server.start()
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 20)
        try:
            return await conversation(reader, writer, server)
        finally:
            writer.close()
            await server.close()

    return asyncio.run(both())


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: object) -> list[Item]:
    """Sends a request; the lines up to the one that ends the reply."""
    writer.write(request if isinstance(request, bytes) else protocol.encode(request))  # type: ignore[arg-type]
    lines: list[Item] = []
    while not lines or "items" in lines[-1]:
        line = await reader.readline()
        if not line:
            break
        lines.append(json.loads(line))
    return lines


def answers(path: Path, *requests: object) -> list[list[Item]]:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Control) -> list[list[Item]]:
        return [await ask(reader, writer, request) for request in requests]

    found: list[list[Item]] = talk(path, conversation)
    return found


def test_items_then_done(tmp_path: Path) -> None:
    assert answers(tmp_path / "c", {"command": "numbers", "arguments": {"count": 2}}) == [
        [{"items": [{"number": 0}, {"number": 1}]}, {"done": {}}]
    ]


def test_several_requests_on_one_connection(tmp_path: Path) -> None:
    first, second = answers(tmp_path / "c", {"command": "numbers"}, {"command": "ticks"})
    assert first[-1] == second[-1] == {"done": {}}
    assert second[:-1] == [{"items": [{"tick": 0}]}, {"items": [{"tick": 1}]}, {"items": [{"tick": 2}]}]


def test_after_an_answer_that_came_in_time_the_connection_goes_on(tmp_path: Path) -> None:
    first, second, third = answers(tmp_path / "c", {"command": "ticks"}, {"command": "ticks"}, {"command": "numbers"})
    assert first == second
    assert third[-1] == {"done": {}}


def test_nothing_found_is_done_too(tmp_path: Path) -> None:
    assert answers(tmp_path / "c", {"command": "numbers", "arguments": {"count": 0}}) == [[{"done": {}}]]


@pytest.mark.parametrize(
    ("request_line", "kind", "message"),
    [
        (b"not json\n", "usage", "not one line of JSON"),
        (b"[1]\n", "usage", "a request is"),
        (b"{}\n", "usage", "a request is"),
        (b'{"command":"numbers","arguments":3}\n', "usage", "JSON object"),
        (b'{"command":"rm -rf"}\n', "usage", "no such command: rm -rf"),
        (b"[" * 50_000 + b"\n", "usage", "not one line of JSON"),
        (b'{"command":"refuse"}\n', "missing", "no such thing"),
        (b"\xff\xfe\n", "usage", "not one line of JSON"),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_goes_on(
    request_line: bytes, kind: str, message: str, tmp_path: Path
) -> None:
    refused, after = answers(tmp_path / "c", request_line, {"command": "numbers"})
    assert refused[0]["error"]["kind"] == kind
    assert message in refused[0]["error"]["message"]
    assert after[-1] == {"done": {}}


def test_a_line_that_is_too_long_ends_the_connection(tmp_path: Path) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Control) -> list[bytes]:
        writer.write(b"x" * (protocol.REQUEST_LIMIT * 3))
        return [await reader.readline(), await reader.readline()]

    line, end = talk(tmp_path / "c", conversation)
    assert "longer than" in json.loads(line)["error"]["message"]
    assert end == b""


def test_a_fault_in_a_command_is_an_error_line(tmp_path: Path) -> None:
    (lines,) = answers(tmp_path / "c", {"command": "fail"})
    assert lines[-1] == {"error": {"kind": "failed", "message": "RuntimeError: broken"}}


def test_long_answers_come_in_bounded_lines(tmp_path: Path) -> None:
    (lines,) = answers(tmp_path / "c", {"command": "numbers", "arguments": {"count": 1000}})
    batches = [line["items"] for line in lines[:-1]]
    assert [item["number"] for batch in batches for item in batch] == list(range(1000))
    assert max(map(len, batches)) <= protocol.ITEMS_A_LINE


def test_a_turn_ends_when_its_time_is_up_even_if_nothing_was_found() -> None:
    """A filter that matches one flow in a million must not hold the loop until it finds it."""
    moments = iter(range(100))
    answer = numbers({"count": 1_000_000, "every": 1_000_000})
    batch, finished = work(answer, turn=10, clock=lambda: next(moments))
    assert (batch, finished) == ([{"number": 0}], False)
    assert next(moments) == 11


def test_others_run_while_a_long_answer_is_made(tmp_path: Path) -> None:
    """The dump of 200 000 flows, of which none matches, against a timer of 1 ms."""
    late: list[float] = []

    async def timer() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.001
            await asyncio.sleep(0.001)
            late.append(loop.time() - due)

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Control) -> list[Item]:
        ticking = asyncio.create_task(timer())
        lines = await ask(reader, writer, {"command": "numbers", "arguments": {"count": 200_000, "every": 300_000}})
        ticking.cancel()
        return lines

    begun = time.monotonic()
    lines = talk(tmp_path / "c", conversation)
    whole = time.monotonic() - begun
    assert lines == [{"items": [{"number": 0}]}, {"done": {}}]
    assert len(late) > 5
    assert sorted(late)[len(late) // 2] < whole / 5  # a share of the answer's own time: a busy machine stretches both


def test_a_client_that_stops_reading_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "PATIENCE", 0.05)

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Control) -> int:
        await ask(reader, writer, {"command": "numbers"})
        stalled = socket.socket(socket.AF_UNIX)
        stalled.connect(str(server.path))
        stalled.sendall(protocol.encode({"command": "numbers", "arguments": {"count": 10**9}}))
        before = server.clients()
        while server.clients() > 1 or before < 1:
            before = max(before, server.clients())
            await asyncio.sleep(0.01)
        stalled.close()
        return before

    assert talk(tmp_path / "c", conversation) >= 1


def test_a_watcher_that_hangs_up_is_forgotten(tmp_path: Path) -> None:
    ended: list[str] = []

    async def for_ever(arguments: Item) -> AsyncIterator[Item]:
        try:
            yield {"event": "first"}
            await asyncio.Event().wait()
        finally:
            ended.append("yes")

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Control) -> list[str]:
        await ask(reader, writer, {"command": "refuse"})
        other_reader, other = await asyncio.open_unix_connection(str(server.path))
        other.write(protocol.encode({"command": "watch"}))
        assert json.loads(await other_reader.readline()) == {"items": [{"event": "first"}]}
        other.close()
        while not ended:
            await asyncio.sleep(0.001)
        return ended

    assert talk(tmp_path / "c", conversation, {"watch": Command(for_ever), "refuse": Command(refuse)}) == ["yes"]


def test_only_so_many_clients(tmp_path: Path) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Control) -> Item:
        more = [await asyncio.open_unix_connection(str(server.path)) for _ in range(control.CLIENTS)]
        refused: Item = json.loads(await more[-1][0].readline())
        for _, other in more:
            other.close()
        return refused

    assert talk(tmp_path / "c", conversation)["error"]["message"] == "too many clients"


def test_the_socket_is_for_owner_and_group(tmp_path: Path) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Control) -> int:
        await ask(reader, writer, {"command": "numbers"})
        return stat.S_IMODE(server.path.stat().st_mode)

    assert talk(tmp_path / "c", conversation) == 0o660
    assert not (tmp_path / "c").exists()


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "c"))
    assert answers(tmp_path / "c", {"command": "numbers"})[0][-1] == {"done": {}}


def test_a_file_in_the_way_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("precious")
    with pytest.raises(Failure, match="no socket"):
        asyncio.run(Control(tmp_path / "c", COMMANDS).start())
    assert (tmp_path / "c").read_text() == "precious"


def test_a_path_that_is_too_long_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="--control"):
        asyncio.run(Control(tmp_path / ("x" * 200), COMMANDS).start())


def as_peer(monkeypatch: pytest.MonkeyPatch, user: int, *groups: int) -> None:
    monkeypatch.setattr(control, "identify", lambda _: peer.Peer(1, user, frozenset(groups)))


def test_a_member_of_the_group_may_look_but_not_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_peer(monkeypatch, 4321, os.getegid())
    looked, changed = answers(tmp_path / "c", {"command": "numbers"}, {"command": "change"})
    assert looked[-1] == {"done": {}}
    assert changed == [{"error": {"kind": "denied", "message": "`change` changes things: only root may"}}]


def test_a_stranger_may_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_peer(monkeypatch, 4321, 4321)
    (refused,) = answers(tmp_path / "c", {"command": "numbers"})
    assert refused[0]["error"]["kind"] == "denied"


def test_root_may_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_peer(monkeypatch, 0)
    assert answers(tmp_path / "c", {"command": "change"})[0][-1] == {"done": {}}


def test_the_kernel_says_who_connects() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    found = peer.identify(ours)
    assert (found.pid, found.user) == (os.getpid(), os.geteuid())
    assert found.groups >= {os.getegid(), *os.getgroups()}
    assert found.may_change()
    ours.close()
    theirs.close()
