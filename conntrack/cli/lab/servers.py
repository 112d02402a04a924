"""Servers that answer with what they see, in threads of this process on sockets of a namespace.

Lives here: HTTP and UDP. May not live here: clients (probes.py).
An answer is `NAME sees ADDRESS port PORT`: who answered, and the address that the request came from, so that a test can
tell a translated flow from an untranslated one.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from conntrack.cli.lab.namespace import Namespace

#: (datagram, (address, port) of its sender) → what it is answered with
Answer = Callable[[bytes, tuple[str, int]], bytes]


def sighting(name: str, peer: tuple[str, int]) -> str:
    """What a server called `name` answers to a request that came from `peer`."""
    return f"{name} sees {peer[0].removeprefix('::ffff:')} port {peer[1]}"


@contextlib.contextmanager
def http(host: Namespace, address: str, port: int) -> Iterator[None]:
    """Answers HTTP requests on a TCP port meanwhile."""

    class Sighting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = sighting(host.label, self.client_address[:2]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer((address, port), Sighting, bind_and_activate=False)
    server.socket.close()
    server.socket = _listener(host, address, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def udp(host: Namespace, address: str, port: int, answer: Answer | None = None) -> Iterator[None]:
    """Answers every datagram meanwhile, with what `answer` makes of it if that is given."""
    server = host.socket(_family(address), socket.SOCK_DGRAM, timeout=0.05)
    server.bind((address, port))
    ended = threading.Event()
    chosen = answer or (lambda _data, peer: sighting(host.label, peer).encode())
    thread = threading.Thread(target=_answer_datagrams, args=(server, chosen, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        server.close()


def _answer_datagrams(server: socket.socket, answer: Answer, ended: threading.Event) -> None:
    while not ended.is_set():
        with contextlib.suppress(TimeoutError):
            data, peer = server.recvfrom(65535)
            server.sendto(answer(data, peer[:2]), peer)


def _listener(host: Namespace, address: str, port: int) -> socket.socket:
    listener = host.socket(_family(address), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(128)
    listener.settimeout(None)
    return listener


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
