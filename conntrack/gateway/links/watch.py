"""Follows links, addresses, routes and IPsec's policies in a thread of its own.

Lives here: the thread, when it reads, whom it tells. May not live here: what a message means (read.py).

Notifications are not parsed: any of them means that something may have changed, so all is read again, and compared.
That cannot drift, and a lost notification (ENOBUFS) is one like any other. Reading takes long with many routes, so
changes are collected first, and reading never takes more than a tenth of the time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from pyroute2 import IPRoute

from conntrack.gateway.links import ipsec
from conntrack.gateway.links.read import LinksError, read
from conntrack.gateway.links.snapshot import Snapshot

# RTMGRP_*: links, IPv4 addresses, routes and rules, IPv6 addresses, routes and rules, sysctls of interfaces (NETCONF)
_GROUPS: Final = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 0x40000 | 0x800000 | 0x1000000
#: seconds in which further changes join the first
SETTLE: Final = 0.05
#: reading rests at least so many times as long as it took
_REST: Final = 9
#: seconds that `start` waits for the first snapshot
_PATIENCE: Final = 10


class Watch:
    """Tells of every change. The thread works in the network namespace that `start` is called in."""

    def __init__(self, changed: Callable[[Snapshot], None], failed: Callable[[str], None]) -> None:
        """changed, failed: called in the thread, with what there is now, or with why it cannot be read."""
        self._changed = changed
        self._failed = failed
        self._snapshot = Snapshot()
        self._trouble: LinksError | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="links", daemon=True)
        self._ended, self._end = os.pipe()

    def start(self) -> Snapshot:
        """Starts following; returns what there is. LinksError: it cannot be read."""
        self._thread.start()
        self._ready.wait(_PATIENCE)
        if self._trouble is not None:
            raise self._trouble
        if not self._ready.is_set():
            raise LinksError(f"rtnetlink did not answer in {_PATIENCE} s")
        return self._snapshot

    def stop(self) -> None:
        """Ends the thread. A second call does nothing."""
        if self._end >= 0:
            os.close(self._end)
            self._end = -1
            if self._thread.is_alive():
                self._thread.join()
            os.close(self._ended)

    def _run(self) -> None:
        try:
            with _subscribed() as events, IPRoute() as netlink:  # subscribed before the first reading: no gap
                self._snapshot = read(netlink)
                self._ready.set()
                self._follow(events, netlink)
        except (LinksError, OSError) as error:
            if self._ready.is_set():
                self._failed(f"links are no longer followed: {error}")
            else:
                self._trouble = LinksError(f"links cannot be read: {error}")
                self._ready.set()

    def _follow(self, events: list[socket.socket], netlink: IPRoute) -> None:
        rest = 0.0
        current = True
        while not current or self._wait(events):
            if self._over(max(SETTLE, rest)):
                return
            for one in events:
                _empty(one)
            began = time.monotonic()
            current = self._read_again(netlink)
            rest = (time.monotonic() - began) * _REST

    def _read_again(self, netlink: IPRoute) -> bool:
        """Tells of what changed; False if it has to be tried again."""
        try:
            fresh = read(netlink)
        except LinksError as error:
            self._failed(str(error))
            return False
        if fresh != self._snapshot:
            self._snapshot = fresh
            self._changed(fresh)
        return True

    def _wait(self, events: list[socket.socket]) -> bool:
        """Waits for a notification; False: it is over."""
        select.select([*(one.fileno() for one in events), self._ended], [], [])
        return not self._over(0)

    def _over(self, seconds: float) -> bool:
        """Lets time pass; whether it is over."""
        return bool(select.select([self._ended], [], [], seconds)[0])


@contextlib.contextmanager
def _subscribed() -> Iterator[list[socket.socket]]:
    """Sockets that get every notification."""
    with contextlib.ExitStack() as opened:
        events = opened.enter_context(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE))
        events.bind((0, _GROUPS))
        events.setblocking(False)
        policies = ipsec.subscribed()
        yield [events] if policies is None else [events, opened.enter_context(policies)]


def _empty(events: socket.socket) -> None:
    """Reads off all notifications, and the word that some were lost."""
    while True:
        try:
            events.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
