"""Telling systemd how the daemon fares (sd_notify(3)), in datagrams of our own.

Lives here: the socket and the messages. May not live here: when to say what (daemon.py, loop.py).
Without $NOTIFY_SOCKET every call does nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping


class Notifier:
    """One datagram socket to the service manager. Sending never blocks and never fails the daemon."""

    def __init__(self, environment: MutableMapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._address = environment.pop("NOTIFY_SOCKET", "")
        self._watchdog = watchdog_period(environment)
        self._socket: socket.socket | None = None
        if self._address.startswith(("/", "@")):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)

    @property
    def watchdog_seconds(self) -> float:
        """How often systemd wants to hear WATCHDOG=1 at least; 0: not at all."""
        return self._watchdog

    def ready(self, status: str) -> None:
        """Start-up or a reload is over."""
        self._send(f"READY=1\nSTATUS={one_line(status)}\nMAINPID={os.getpid()}")

    def reloading(self) -> None:
        """A reload begins; Type=notify-reload needs the time as well, in microseconds of CLOCK_MONOTONIC."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={one_line(text)}")

    def alive(self) -> None:
        """The packet loop turns. Called from nowhere else: a daemon that judges no packets is dead."""
        if self._watchdog:
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Clean-up begins."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Gives the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> None:
        if self._socket is None:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError):
            self._socket.sendto(message.encode(), address)


def watchdog_period(environment: MutableMapping[str, str]) -> float:
    """The watchdog's time-out in seconds, taken out of the environment; 0: none, or meant for another process."""
    period = environment.pop("WATCHDOG_USEC", "")
    owner = environment.pop("WATCHDOG_PID", "")
    if not period.isdigit() or (owner and owner != str(os.getpid())):
        return 0.0
    return int(period) / 1e6


def one_line(text: str) -> str:
    """Newlines separate the variables of a message, so a value has none."""
    return " ".join(text.split())
