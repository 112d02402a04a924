"""The metrics page: GET /metrics over HTTP/1.1, rendered between packets.

Lives here: a server just big enough, and rendering in pieces. May not live here: any metric.

Why not prometheus_client's own server: it renders in a thread, and a page of some thousand samples holds the
interpreter for tens of milliseconds, of which the packet loop would get its share only every switch interval, and that
anew at each system call. Here the page is rendered on the loop itself, SAMPLES at a time, with a turn of packets in
between.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from conntrack.service.exits import Failure

SAMPLES: Final = 200
HEAD_LIMIT: Final = 8192
PATIENCE: Final = 10.0
CLIENTS: Final = 8
#: connections at once; whatever comes on top of them is closed unread, so that a flood costs no file descriptors
CONNECTIONS: Final = 32
_EOF: Final = b"# EOF\n"

Encoder = Callable[[Collector], bytes]


class MetricsPage:
    """The server. `port` 0 is for tests: the system chooses, and `address` tells."""

    def __init__(self, registry: CollectorRegistry, before: Callable[[], Awaitable[None]] | None = None) -> None:
        """before: awaited before each rendering, to bring figures up to date."""
        self.scrapes = 0
        self._registry = registry
        self._before = before
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self, address: str, port: int) -> None:
        """Begins to listen. Failure: the port is taken or the address is not ours."""
        try:
            self._server = await asyncio.start_server(self._accepted, address, port, limit=HEAD_LIMIT)
        except OSError as error:
            why = error.strerror or str(error)
            raise Failure(
                f"metrics page: cannot listen on {address}:{port}: {why}. "
                "Set `settings: metrics: listen:` to a free ADDRESS:PORT, or to `off`"
            ) from None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        assert self._server is not None
        name = self._server.sockets[0].getsockname()
        return name[0], name[1]

    async def close(self) -> None:
        """Stops listening and ends every client."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._clients) >= CONNECTIONS:
            writer.transport.abort()
            return
        self._clients.add(task)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._serve(reader, writer)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._clients.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        busy = len(self._clients) > CLIENTS
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return await reply(writer, "400 Bad Request", b"not an HTTP request\n")
        if busy:
            return await reply(writer, "503 Service Unavailable", b"too many scrapes at once\n")
        method, path, headers = parse_head(head)
        if method not in ("GET", "HEAD"):
            return await reply(writer, "405 Method Not Allowed", b"GET or HEAD\n", extra="Allow: GET, HEAD\r\n")
        if path != "/metrics":
            return await reply(writer, "404 Not Found", b"the metrics are at /metrics\n")
        self.scrapes += 1
        encoder, content_type = choose_encoder(headers.get("accept", ""))
        if self._before is not None:
            await self._before()
        body = await render(self._registry, encoder)
        return await reply(writer, "200 OK", body, content_type, head_only=method == "HEAD")


class _One:
    """A registry of one family, which is all that an encoder asks of one."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        """The family."""
        return [self._metric]


async def render(registry: CollectorRegistry, encoder: Encoder) -> bytes:
    """The whole page; the loop gets to run between the pieces."""
    page: list[bytes] = []
    ends = False
    for metric in registry.collect():
        for piece in pieces(metric, encoder):
            ends = ends or piece.endswith(_EOF)
            page.append(piece.removesuffix(_EOF))
            await asyncio.sleep(0)
    return b"".join(page) + (_EOF if ends else b"")


def pieces(metric: Metric, encoder: Encoder) -> Iterator[bytes]:
    """One family's text, SAMPLES at a time; only the first piece has HELP and TYPE."""
    samples = metric.samples
    for start in range(0, max(1, len(samples)), SAMPLES):
        part = Metric(metric.name, metric.documentation, metric.type, metric.unit)
        part.samples = samples[start : start + SAMPLES]
        text = encoder(_One(part))
        yield text if start == 0 else without_comments(text)


def without_comments(text: bytes) -> bytes:
    """The samples alone, and what ends the page."""
    lines = text.split(b"\n")
    return b"\n".join(line for line in lines if not line.startswith(b"# ") or line + b"\n" == _EOF)


def parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    """(method, path without its query, headers by lower-case name) of an HTTP request; ("", "", {}) if it is none."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return "", "", {}
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return words[0], words[1].partition("?")[0], headers


async def reply(
    writer: asyncio.StreamWriter,
    status: str,
    body: bytes,
    content_type: str = "text/plain; charset=utf-8",
    *,
    extra: str = "",
    head_only: bool = False,
) -> None:
    """Answers and ends the connection."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + (b"" if head_only else body))
    with contextlib.suppress(ConnectionError):
        await writer.drain()
