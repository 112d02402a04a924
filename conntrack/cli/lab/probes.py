"""Clients whose answer is one short line: what came back, or how it failed.

Lives here: HTTP by curl, ping, UDP, a probe with a small TTL. May not live here: what the answer should have been.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Final

from conntrack.cli.lab.namespace import Namespace

TIMEOUT: Final = "no answer"
REFUSED: Final = "refused"
PROHIBITED: Final = "prohibited"

#: curl's exit codes → the same words as for sockets
_CURL: Final = {7: REFUSED, 28: TIMEOUT}
#: what a socket's errno says of the ICMP error or reset that it got
_ERRNO: Final = {
    errno.ECONNREFUSED: REFUSED,
    errno.EHOSTUNREACH: PROHIBITED,
    errno.EACCES: PROHIBITED,
    errno.ENETUNREACH: "network unreachable",
}
# linux/errqueue.h, linux/in.h, linux/in6.h
_EXTENDED: Final = struct.Struct("=IBBBBII")
_ORIGIN_ICMP: Final = 2
_ORIGIN_ICMP6: Final = 3
_IP_RECVERR: Final = 11
_IPV6_RECVERR: Final = 25


def http(host: Namespace, address: str, port: int, timeout: float = 2) -> str:
    """The body of an HTTP answer, by curl."""
    shown = f"[{address}]" if ":" in address else address
    done = host.run("curl", "-sS", "--max-time", f"{timeout:g}", f"http://{shown}:{port}/")
    if done.returncode == 0:
        return done.stdout
    return _CURL.get(done.returncode, done.stdout.strip())


def ping(host: Namespace, address: str, size: int = 56, timeout: float = 2) -> str:
    """ "answered", or the line of ping's that says why not."""
    done = host.run("ping", "-n", "-c", "1", "-s", str(size), "-W", f"{timeout:g}", address)
    if done.returncode == 0:
        return "answered"
    told = [line for line in done.stdout.splitlines() if "From " in line]
    return told[0] if told else TIMEOUT


def udp(host: Namespace, address: str, port: int, data: bytes = b"?", timeout: float = 2, source_port: int = 0) -> str:
    """The answer to one datagram; source_port 0: any."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with host.socket(family, socket.SOCK_DGRAM, timeout=timeout) as client:
        try:
            client.bind(("", source_port))
            client.connect((address, port))
            client.send(data)
            return client.recv(65535).decode(errors="replace")
        except TimeoutError:
            return TIMEOUT
        except OSError as error:
            return failure(error)


def tcp(host: Namespace, address: str, port: int, timeout: float = 2) -> str:
    """ "connected", or how connecting failed."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with host.socket(family, socket.SOCK_STREAM, timeout=timeout) as client:
        try:
            client.connect((address, port))
            return "connected"
        except TimeoutError:
            return TIMEOUT
        except OSError as error:
            return failure(error)


def expiring(host: Namespace, address: str, port: int, hops: int, timeout: float = 2) -> str:
    """Which router said that a datagram with so few hops to live expired there: its address, or how it failed."""
    six = ":" in address
    level, option, limit = (
        (socket.IPPROTO_IPV6, _IPV6_RECVERR, socket.IPV6_UNICAST_HOPS)
        if six
        else (socket.IPPROTO_IP, _IP_RECVERR, socket.IP_TTL)
    )
    with host.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM, timeout=timeout) as client:
        client.setsockopt(level, option, 1)
        client.setsockopt(level, limit, hops)
        client.connect((address, port))
        client.send(b"probe")
        try:
            client.recv(1)
            return "answered"
        except TimeoutError:
            return TIMEOUT
        except OSError:
            return _sender_of_error(client)


def failure(error: OSError) -> str:
    """The word for a socket's error."""
    return _ERRNO.get(error.errno or 0, os.strerror(error.errno or 0))


def _sender_of_error(client: socket.socket) -> str:
    """Reads the socket's error queue (ip(7), IP_RECVERR): struct sock_extended_err, then the address that sent it."""
    _, ancillary, _, _ = client.recvmsg(512, 512, socket.MSG_ERRQUEUE)
    for _, _, data in ancillary:
        _, origin, kind, code, _, _, _ = _EXTENDED.unpack_from(data)
        sender = data[_EXTENDED.size :]
        if origin == _ORIGIN_ICMP and (kind, code) == (11, 0):
            return socket.inet_ntop(socket.AF_INET, sender[4:8])
        if origin == _ORIGIN_ICMP6 and (kind, code) == (3, 0):
            return socket.inet_ntop(socket.AF_INET6, sender[8:24])
        return f"ICMP type {kind} code {code}"
    return "no error queued"
