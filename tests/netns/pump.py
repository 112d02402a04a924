"""A gateway made of the hooks, a queue and a few lines of Python instead of the engine."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from conntrack.cli.lab.namespace import Namespace
from conntrack.engine.verdict import DONE, PREROUTING
from conntrack.gateway.hooks.hooks import Hooks
from conntrack.gateway.hooks.plan import Wanted
from conntrack.gateway.queue.base import Handler, Options, Queue
from conntrack.gateway.queue.choose import open_queue

NUMBER = 7


class Seen(NamedTuple):
    """One queued packet."""

    raw: bytes
    hook: int
    inbound: int
    outbound: int
    mark: int
    verify: bool


Answer = tuple[int, bytes | None, int]
Judge = Callable[[Seen], Answer]


def accept(seen: Seen) -> Answer:
    """As the engine does: what PREROUTING accepted is done with."""
    return 1, None, DONE if seen.hook == PREROUTING else 0


class Recorder(Handler):
    """Keeps what it saw; `judge` may be changed between packets."""

    def __init__(self, judge: Judge = accept) -> None:
        self.judge = judge
        self.seen: list[Seen] = []

    def batch(self) -> None:
        pass

    def packet(self, raw: bytes, hook: int, inbound: int, outbound: int, mark: int, verify: bool) -> Answer:
        seen = Seen(raw, hook, inbound, outbound, mark, verify)
        self.seen.append(seen)
        return self.judge(seen)

    def of(self, hook: int, protocol: int) -> list[Seen]:
        """What a hook saw of a protocol (IPv4, or IPv6 without extension headers)."""
        return [one for one in self.seen if one.hook == hook and protocol_of(one.raw) == protocol]


def protocol_of(raw: bytes) -> int:
    return raw[9] if raw[0] >> 4 == 4 else raw[6]


class Pump:
    """Hooks and queue in a namespace, drained by a thread, until the end of the block."""

    def __init__(
        self, host: Namespace, handler: Handler, backend: str, options: Options | None = None, **wanted: object
    ) -> None:
        self._host = host
        self._wanted = Wanted(NUMBER, **wanted)  # type: ignore[arg-type]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        with host.entered():
            self.queue: Queue = open_queue(backend, options or Options(NUMBER), handler)
        self.hooks = Hooks()

    def __enter__(self) -> Self:
        with self._host.entered():
            self.hooks.install(self._wanted)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        with self._host.entered():
            self.hooks.remove()
        self.queue.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            if select.select([self.queue], [], [], 0.02)[0]:
                self.queue.drain(256)
