"""The metrics page over a real socket, asked as curl and Prometheus would."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from conntrack.service.exits import FAILED, Failure
from conntrack.service.metrics import page
from conntrack.service.metrics.page import MetricsPage, parse_head


class Numbers(Collector):
    def __init__(self, count: int = 2) -> None:
        self.count = count

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("pairwall_number", "A number.", labels=("n",))
        for number in range(self.count):
            family.add_metric((str(number),), number)
        yield family


def serve(scene: Callable[[MetricsPage], Awaitable[Any]], collector: Collector | None = None) -> Any:
    async def all_of_it() -> Any:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(collector or Numbers())
        server = MetricsPage(registry)
        await server.start("127.0.0.1", 0)
        try:
            return await scene(server)
        finally:
            await server.close()

    return asyncio.run(all_of_it())


async def hang_up(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def get(server: MetricsPage, request: bytes) -> tuple[str, dict[str, str], str]:
    reader, writer = await asyncio.open_connection(*server.address)
    writer.write(request)
    answer = await reader.read()
    await hang_up(writer)
    head, _, body = answer.decode().partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return status, headers, body


def ask(request: bytes, collector: Collector | None = None) -> tuple[str, dict[str, str], str]:
    found: tuple[str, dict[str, str], str] = serve(lambda server: get(server, request), collector)
    return found


def test_the_page() -> None:
    status, headers, body = ask(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status == "HTTP/1.1 200 OK"
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert int(headers["Content-Length"]) == len(body)
    assert body.splitlines() == [
        "# HELP pairwall_number A number.",
        "# TYPE pairwall_number gauge",
        'pairwall_number{n="0"} 0.0',
        'pairwall_number{n="1"} 1.0',
    ]


def test_openmetrics_if_it_is_asked_for() -> None:
    accept = b"Accept: application/openmetrics-text; version=1.0.0\r\n"
    status, headers, body = ask(b"GET /metrics HTTP/1.1\r\n" + accept + b"\r\n", Numbers(450))
    assert status == "HTTP/1.1 200 OK"
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith('pairwall_number{n="449"} 449.0\n# EOF\n')
    assert body.count("# EOF") == body.count("# TYPE") == 1


def test_head_has_no_body() -> None:
    status, headers, body = ask(b"HEAD /metrics HTTP/1.1\r\n\r\n")
    assert (status, body) == ("HTTP/1.1 200 OK", "")
    assert int(headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
        (b"GET /metrics?x=1 HTTP/1.1\r\n\r\n", "200 OK"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
        (b"nonsense\r\n\r\n", "405 Method Not Allowed"),
        (b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n", "400 Bad Request"),
    ],
)
def test_other_requests(request_bytes: bytes, status: str) -> None:
    assert ask(request_bytes)[0] == f"HTTP/1.1 {status}"


def test_a_client_that_says_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PATIENCE", 0.05)

    async def scene(server: MetricsPage) -> bytes:
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(b"GET /metrics")
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            await hang_up(writer)

    assert serve(scene) == b""


def test_only_so_many_scrapes_at_once() -> None:
    async def scene(server: MetricsPage) -> str:
        waiting = [await asyncio.open_connection(*server.address) for _ in range(page.CLIENTS)]
        await asyncio.sleep(0.05)
        status = (await get(server, b"GET /metrics HTTP/1.1\r\n\r\n"))[0]
        await hang_up(*(writer for _, writer in waiting))
        return status

    assert serve(scene) == "HTTP/1.1 503 Service Unavailable"


def test_a_flood_of_connections_is_closed_unread() -> None:
    async def scene(server: MetricsPage) -> str:
        waiting = [await asyncio.open_connection(*server.address) for _ in range(page.CONNECTIONS)]
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection(*server.address)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        await hang_up(writer, *(writer for _, writer in waiting))
        await asyncio.sleep(0.05)
        return (await get(server, b"GET /metrics HTTP/1.1\r\n\r\n"))[0]

    assert serve(scene) == "HTTP/1.1 200 OK"


def test_a_long_page_lets_others_run() -> None:
    """20 000 samples are a tenth of a second's work; a timer of 1 ms must not wait for all of it."""

    async def scene(server: MetricsPage) -> tuple[int, float, float]:
        late: list[float] = []
        begun = time.monotonic()

        async def timer() -> None:
            loop = asyncio.get_running_loop()
            while True:
                due = loop.time() + 0.001
                await asyncio.sleep(0.001)
                late.append(loop.time() - due)

        ticking = asyncio.create_task(timer())
        await asyncio.sleep(0)
        body = (await get(server, b"GET /metrics HTTP/1.1\r\n\r\n"))[2]
        ticking.cancel()
        return body.count("\n"), sorted(late)[len(late) // 2], time.monotonic() - begun

    lines, late, whole = serve(scene, Numbers(20_000))
    assert lines == 20_002
    assert late < whole / 5  # a share of the page's own time: a busy machine stretches both


def test_a_port_in_use_is_told_with_the_remedy() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Failure, match=f"127.0.0.1:{port}.*in use.*settings: metrics: listen") as refused:
            asyncio.run(MetricsPage(CollectorRegistry()).start("127.0.0.1", port))
    assert refused.value.code == FAILED


def test_an_address_of_another_host_is_told() -> None:
    with pytest.raises(Failure, match=r"192\.0\.2\.1:9469"):
        asyncio.run(MetricsPage(CollectorRegistry()).start("192.0.2.1", 9469))


def test_request_heads() -> None:
    assert parse_head(b"GET /metrics?a=b HTTP/1.1\r\nACCEPT:  x\r\nY:\r\n\r\n") == (
        "GET",
        "/metrics",
        {"accept": "x", "y": "", "": ""},
    )
    assert parse_head(b"\x16\x03\x01 \r\n\r\n") == ("", "", {})
