"""The netlink backend: a plain netlink socket, 64 packets a system call.

Lives here: the socket, its options, the order of receive, judge and send. May not live here: message formats
(nfnetlink.py), the loop over packets (judge.py).
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Final

from conntrack.gateway.queue import nfnetlink
from conntrack.gateway.queue.base import Handler, Options, Queue, QueueError, Tally
from conntrack.gateway.queue.exchange import STRIDE, Exchange
from conntrack.gateway.queue.judge import Judge

_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33
#: what a waiting packet of common size costs the receive buffer (sk_buff and data, as the kernel counts it)
_COST: Final = 4096
#: verdicts of one send; rewritten packets of 64 kB must fit
_SEND_BUFFER: Final = 1 << 20


class NetlinkQueue(Queue):
    """NFQUEUE over our own socket."""

    def __init__(self, options: Options, handler: Handler) -> None:
        """Opens and binds. QueueError: not permitted, the number is taken, or the kernel has no NFQUEUE."""
        self._number = options.number
        self._fail_open = nfnetlink.FLAG_FAIL_OPEN if options.fail_open else 0
        self._tally = Tally()
        self._judge = Judge(options.number, handler, self._tally)
        self._early: list[bytes] = []  # packets that came while the queue was being set up
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, nfnetlink.NETLINK_NETFILTER)
        except OSError as error:
            raise QueueError(f"no netfilter socket: {error.strerror}") from error
        try:
            self._prepare(options)
        except BaseException:
            self._socket.close()
            raise
        self._exchange = Exchange(self._socket)

    def name(self) -> str:
        """ "netlink"."""
        return "netlink"

    def tally(self) -> Tally:
        """The counters, live."""
        return self._tally

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._socket.fileno()

    def drain(self, limit: int) -> int:
        """Judges up to `limit` waiting packets, rounded up to 64; returns how many messages were read."""
        done = self._catch_up() if self._early else 0
        if self._judge.waiting and self._socket.fileno() >= 0:
            self._send(self._judge.release())
        while done < limit and self._socket.fileno() >= 0:
            try:
                lengths = self._exchange.receive()
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise QueueError(f"queue {self._number} is lost: {error.strerror}") from error
                self._tally.overruns += 1
                continue
            if not lengths:
                break
            for piece in self._judge.judge(self._exchange.buffer, STRIDE, lengths):
                self._send(piece)
            done += len(lengths)
        return done

    def segment(self) -> None:
        """See Queue. Those that wait already come as they are."""
        self._socket.send(nfnetlink.configure_flags(self._number, self._fail_open))

    def close(self) -> None:
        """Unbinds and closes."""
        if self._socket.fileno() >= 0:
            self._socket.close()  # the kernel destroys the queues of a closed socket

    def _catch_up(self) -> int:
        early, self._early = self._early, []
        for message in early:
            for piece in self._judge.judge(memoryview(message), 0, [len(message)]):
                self._send(piece)
        return len(early)

    def _send(self, piece: bytes) -> None:
        if not piece:
            return
        try:
            self._exchange.send(piece)
        except OSError as error:
            if error.errno not in (errno.ENOBUFS, errno.ENOMEM, errno.EINTR):
                raise QueueError(f"queue {self._number}: verdicts are not taken: {error.strerror}") from error
            self._tally.refused += 1

    def _prepare(self, options: Options) -> None:
        flags = self._fail_open | (nfnetlink.FLAG_GSO if options.gso else 0)
        self._socket.bind((0, 0))
        _buffer(self._socket, _SO_RCVBUFFORCE, socket.SO_RCVBUF, max(options.length * _COST, 4 << 20))
        _buffer(self._socket, _SO_SNDBUFFORCE, socket.SO_SNDBUF, _SEND_BUFFER)
        self._ask(nfnetlink.bind(options.number))
        self._ask(nfnetlink.configure(options.number, options.length, flags))

    def _ask(self, message: bytes) -> None:
        """Sends a configuration message and awaits the kernel's answer, which is there when send returns."""
        self._socket.send(message)
        while True:
            answer = self._socket.recv(STRIDE, socket.MSG_DONTWAIT)
            number = nfnetlink.error_of(answer)
            if number >= 0:
                break
            self._early.append(answer)  # a packet already: the rules of an earlier run are in place
        if number:
            raise QueueError(refusal(self._number, number))


def refusal(queue: int, number: int) -> str:
    """Why the kernel refuses to bind or configure a queue, and what to do."""
    if number in (errno.EBUSY, errno.EEXIST):
        return f"queue {queue} is in use by another program: set `settings: queue: number:` to a free one"
    if number == errno.EPERM:
        return f"queue {queue} cannot be bound: CAP_NET_ADMIN is missing, or another program owns it"
    if number in (errno.EINVAL, errno.EOPNOTSUPP):
        return "this kernel has no NFQUEUE: load the module nfnetlink_queue"
    return f"queue {queue} cannot be bound: {os.strerror(number)}"


def _buffer(target: socket.socket, forced: int, plain: int, size: int) -> None:
    """Sets a buffer size past the host's limit, or up to it where that is not permitted."""
    try:
        target.setsockopt(socket.SOL_SOCKET, forced, size)
    except PermissionError:
        target.setsockopt(socket.SOL_SOCKET, plain, size)
