"""Network namespaces for the oracle: a router whose kernel tracks connections, and a box of hosts around it.

Lives here: making and removing them, and stepping inside. Sysctls are set in namespaces made here, and nowhere else.
Needs root; a name carries the process id, so that two runs do not meet.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000

#: what the router's sides are called, their addresses, and the hosts behind them
SIDES = {
    "lan": ("192.168.1.1/24", "fd00::1/64", "192.168.1.2", "fd00::2"),
    "wan": ("198.51.100.1/24", "2001:db8::1/64", "198.51.100.7", "2001:db8::7"),
}
HOST_MAC = "02:00:00:00:00:02"
ROUTER_MAC = "02:00:00:00:00:01"


def run(*command: str, words: str = "") -> str:
    """Runs a command that reads `words`; CalledProcessError with what it said if it fails."""
    done = subprocess.run(command, input=words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, " ".join(command), done.stdout, done.stderr)
    return done.stdout


@contextmanager
def inside(name: str) -> Iterator[None]:
    """The calling thread lives in the named namespace for a while; sockets opened then stay there."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        if libc.setns(there, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter namespace {name}")
        yield
    finally:
        if libc.setns(home, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "cannot return from a namespace")
        os.close(home)
        os.close(there)


@contextmanager
def routed() -> Iterator[tuple[str, str]]:
    """The names of (router, hosts), joined by one veth a side; removed at the end."""
    router, hosts = (f"oracle-{role}-{os.getpid()}" for role in ("router", "hosts"))
    run("ip", "netns", "add", router)
    try:
        run("ip", "netns", "add", hosts)
        try:
            for side in SIDES:
                join(side, router, hosts)
            yield router, hosts
        finally:
            run("ip", "netns", "del", hosts)
    finally:
        run("ip", "netns", "del", router)


def join(side: str, router: str, hosts: str) -> None:
    """One veth between router and hosts; the router knows the host's hardware address, so nothing is ever asked."""
    v4, v6, host4, host6 = SIDES[side]
    run("ip", "link", "add", side, "netns", router, "address", ROUTER_MAC, "type", "veth",
        "peer", "name", side, "netns", hosts, "address", HOST_MAC)  # fmt: skip
    set_sysctl(hosts, f"net/ipv6/conf/{side}/disable_ipv6", "1")
    set_sysctl(router, f"net/ipv6/conf/{side}/accept_dad", "0")
    set_sysctl(router, f"net/ipv6/conf/{side}/router_solicitations", "0")
    for address in (v4, v6):
        run("ip", "-n", router, "address", "add", address, "dev", side)
    for name in (router, hosts):
        run("ip", "-n", name, "link", "set", side, "up")
    for host in (host4, host6):
        run("ip", "-n", router, "neighbour", "add", host, "lladdr", HOST_MAC, "dev", side, "nud", "permanent")


def set_sysctl(name: str, path: str, value: str) -> None:
    """Writes one sysctl inside a namespace; its path is written with slashes."""
    with inside(name):
        Path("/proc/sys", path).write_text(value)
