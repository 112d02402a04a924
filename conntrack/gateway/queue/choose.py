"""Which backend serves: the one that the rules file names, or the best that works.

Lives here: the order of preference. May not live here: what the backends do.
"""

from __future__ import annotations

from conntrack.gateway.queue.base import Handler, Options, Queue, QueueError
from conntrack.gateway.queue.netfilterqueue import PackageQueue
from conntrack.gateway.queue.netlink import NetlinkQueue


def open_queue(backend: str, options: Options, handler: Handler) -> Queue:
    """Opens the queue; backend: "auto", "netlink" or "netfilterqueue". QueueError: it, or neither, can be opened.

    The netlink backend is preferred: it takes whole packets of any length, and tells of lost messages.
    """
    if backend == "netlink":
        return NetlinkQueue(options, handler)
    if backend == "netfilterqueue":
        return PackageQueue(options, handler)
    if backend != "auto":
        raise QueueError(f"no queue backend is named {backend!r}: use auto, netlink or netfilterqueue")
    try:
        return NetlinkQueue(options, handler)
    except QueueError as first:
        try:
            return PackageQueue(options, handler)
        except QueueError:
            raise first from None  # the package failed for the same cause, and can tell less of it
