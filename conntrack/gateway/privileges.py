"""Whether this process may do what a gateway does.

Lives here: the capability, and what to say where it is missing. May not live here: gaining or dropping privileges: the
daemon is started with what it needs, and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_STATUS: Final = Path("/proc/self/status")
# linux/capability.h
_CAP_NET_ADMIN: Final = 12
_CAP_SYS_ADMIN: Final = 21
_CAP_PERFMON: Final = 38
_CAP_BPF: Final = 39


class PrivilegeError(Exception):
    """A capability is missing; the text says which, what for, and how to give it."""


def require(status: Path = _STATUS) -> None:
    """PrivilegeError: this process may not work with queues, rules and links."""
    if not effective(status) >> _CAP_NET_ADMIN & 1:
        raise PrivilegeError(
            "CAP_NET_ADMIN is missing, which packet queues and hook rules take: start as root, "
            "or as a service with AmbientCapabilities=CAP_NET_ADMIN"
        )


def may_load_programs(status: Path = _STATUS) -> bool:
    """Whether this process may put eBPF programs into the kernel."""
    has = effective(status)
    return bool(has >> _CAP_SYS_ADMIN & 1 or (has >> _CAP_BPF & 1 and has >> _CAP_PERFMON & 1))


def effective(status: Path = _STATUS) -> int:
    """The effective capabilities, one bit each."""
    for line in status.read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
