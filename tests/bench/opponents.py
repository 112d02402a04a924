"""What the daemon is compared with, each in the gateway's namespace and gone afterwards.

Lives here: netfilterqueue accepting everything, and nftables with the kernel's conntrack. May not live here: the
daemon (gateway.py).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

from conntrack.cli.lab.namespace import Namespace
from tests.bench.figure import BenchError

_QUEUE: Final = 77
_NFTABLES: Final = """
table ip bench {
  chain forward {
    type filter hook forward priority filter; policy drop
    ct state established,related accept
    ct state invalid drop
    iifname "eth1" oifname "eth0" accept
  }
  chain outside {
    type nat hook postrouting priority srcnat
    oifname "eth0" masquerade
  }
}
"""
_NETLINK_NETFILTER: Final = 12
#: NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, and without a tuple: all entries
_DELETE: Final = 0x0102
_REQUEST_ACK: Final = 5


@contextlib.contextmanager
def accept_all(gateway: Namespace) -> Iterator[int]:
    """netfilterqueue accepts everything that is forwarded; gives the number of the process that does."""
    rule = ("FORWARD", "-j", "NFQUEUE", "--queue-num", str(_QUEUE))
    with gateway.entered():
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.accept_all", str(_QUEUE)], stdout=subprocess.PIPE, text=True
        )
    try:
        assert child.stdout is not None
        if child.stdout.readline() != "bound\n":
            raise BenchError("netfilterqueue cannot bind its queue (is the package installed?)")
        _succeed(gateway, "iptables", "-I", *rule)
        yield child.pid
    finally:
        gateway.run("iptables", "-D", *rule)
        child.terminate()
        child.communicate()


@contextlib.contextmanager
def nftables(gateway: Namespace) -> Iterator[None]:
    """The kernel tracks, filters and masquerades, with rules to the same effect as the daemon's."""
    done = gateway.run("nft", "-f", "-", text=_NFTABLES)
    if done.returncode:
        raise BenchError(f"nft: {done.stdout.strip()}")
    try:
        yield
    finally:
        gateway.run("nft", "delete", "table", "ip", "bench")
        forget(gateway)


def forget(gateway: Namespace) -> None:
    """Deletes all of the kernel's own connections in the namespace. BenchError: the kernel refuses."""
    message = struct.pack("=IHHIIBBH", 20, _DELETE, _REQUEST_ACK, 0, 0, socket.AF_UNSPEC, 0, 0)
    with gateway.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as netlink:
        netlink.send(message)
        answer = netlink.recv(4096)
    code = -struct.unpack_from("=i", answer, 16)[0]
    if code:
        raise BenchError(f"the kernel's connections cannot be deleted: errno {code}")


def _succeed(host: Namespace, *words: str) -> None:
    done = host.run(*words)
    if done.returncode:
        raise BenchError(f"{' '.join(words)}: {done.stdout.strip()}")
