"""Where the program stands: at the ingress of an interface, by tcx or, below Linux 6.6, by a clsact qdisc's filter.

Lives here: attaching, replacing, detaching, and finding again what an earlier process attached. May not live here:
which interfaces (stand.py). A tcx link is pinned itself; for a filter, which needs no pin to live, the program is
pinned in its place, so that the pin tells where one stands.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from pathlib import Path
from struct import Struct
from typing import Any, Final

from conntrack.gateway.fastpath import syscalls
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.program import Program

# enum bpf_attach_type
_XDP: Final = 37
_TCX_INGRESS: Final = 46
_DRIVER_MODE: Final = 4  # XDP_FLAGS_DRV_MODE: never the generic one, which is slower than tc
_LINK_INFO: Final = Struct("=I12xI")  # of struct bpf_link_info type and interface
_XDP_LINK: Final = 6  # enum bpf_link_type
_OLD_KERNEL: Final = (errno.EINVAL, errno.EOPNOTSUPP)

_XDP_REMEDIES: Final = {
    errno.EOPNOTSUPP: "its driver has no native XDP, and the generic mode is slower than tc",
    errno.EBUSY: "another XDP program stands there: take it off, or leave the interface to tc",
    errno.EINVAL: "the driver refuses; often the MTU is too large for it, or its receive queues are joined (LRO)",
}

_INGRESS: Final = 0xFFFF_FFF2  # clsact's ingress
_HANDLE: Final = 1
_PRIORITY: Final = 50
_NAME: Final = "pairwall"


class Link:
    """A tcx or XDP link, by its file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        kind, interface = _LINK_INFO.unpack(syscalls.info(descriptor, _LINK_INFO.size))
        self.kind = "xdp" if kind == _XDP_LINK else "tcx"
        self.interface = int(interface)  # 0 where the interface is gone

    def replace(self, program: Program) -> None:
        """Swaps the program without a gap. FastPathError: the interface is gone."""
        block = syscalls.block(syscalls.UPDATE, self.descriptor, program.descriptor, 0, 0)
        syscalls.checked(syscalls.LINK_UPDATE, block, "swap the program of a link", syscalls.waited)

    def detach(self) -> None:
        """Takes the program off and gives the descriptor back; no error where the interface is gone."""
        result = syscalls.waited(syscalls.LINK_DETACH, syscalls.block(_DETACH, self.descriptor))
        self.close()
        if result < 0 and result != -errno.ENOLINK:
            raise syscalls.failure("detach a link", -result)

    def close(self) -> None:
        """Gives the descriptor back; a pinned link goes on."""
        os.close(self.descriptor)


class Clsact:
    """A filter of a clsact qdisc. The qdisc stays when it goes: others may use it, and an empty one costs nothing."""

    kind = "clsact"

    def __init__(self, interface: int, pin: Path | None) -> None:
        self.interface = interface
        self._pin = pin

    def replace(self, program: Program) -> None:
        """Swaps the program without a gap. FastPathError: the interface is gone."""
        with _netlink(f"attach to interface {self.interface}") as netlink:
            netlink.tc(
                "replace-filter",
                "bpf",
                self.interface,
                _HANDLE,
                fd=program.descriptor,
                name=_NAME,
                parent=_INGRESS,
                prio=_PRIORITY,
                direct_action=True,
            )
        if self._pin is not None:
            self._pin.unlink(missing_ok=True)
            syscalls.pin(program.descriptor, self._pin)

    def detach(self) -> None:
        """Takes the program off; no error where the interface, the qdisc or the filter is gone."""
        try:
            with _netlink(f"detach from interface {self.interface}") as netlink:
                netlink.tc("del-filter", "bpf", self.interface, _HANDLE, parent=_INGRESS, prio=_PRIORITY)
        except FastPathError as error:
            if error.errno not in (errno.ENODEV, errno.ENOENT, errno.EINVAL):
                raise

    def close(self) -> None:
        """Nothing to give back."""


Attachment = Link | Clsact

_DETACH: Final = Struct("=I")


def attach(program: Program, interface: int, pin: Path | None = None) -> Attachment:
    """Attaches at the interface's ingress. With `pin`, in a bpffs, it outlives the process. FastPathError: it cannot.

    The pin's name must end with the interface's index. Replaces a filter that is there; a pinned link is for `adopt`.
    """
    try:
        attached = attach_tcx(program, interface)
    except FastPathError as error:
        if error.errno not in _OLD_KERNEL:
            raise
        return attach_clsact(program, interface, pin)
    return _kept(attached, pin)


def attach_tcx(program: Program, interface: int) -> Link:
    """By a link, behind all programs that are there already. FastPathError with EINVAL: this kernel has no tcx."""
    block = syscalls.block(syscalls.LINK, program.descriptor, interface, _TCX_INGRESS, 0)
    return Link(syscalls.checked(syscalls.LINK_CREATE, block, f"attach to interface {interface}", syscalls.waited))


def attach_xdp(program: Program, interface: int, pin: Path | None = None) -> Link:
    """At the driver, besides tc. FastPathError: the driver has no native XDP, or another program is there.

    Every interface that packets are sent on to must be able to transmit them (ndo_xdp_xmit), or they are lost.
    """
    block = syscalls.block(syscalls.LINK, program.descriptor, interface, _XDP, _DRIVER_MODE)
    result = syscalls.waited(syscalls.LINK_CREATE, block)
    if result < 0:
        error = syscalls.failure(f"attach by XDP to interface {interface}", -result)
        raise FastPathError(error.problem, _XDP_REMEDIES.get(-result, error.remedy), -result)
    return _kept(Link(result), pin)


def _kept(attached: Link, pin: Path | None) -> Link:
    """The link, pinned; taken off again where it cannot be: nobody would find it."""
    if pin is not None:
        pin.unlink(missing_ok=True)
        try:
            syscalls.pin(attached.descriptor, pin)
        except FastPathError:
            attached.detach()
            raise
    return attached


def attach_clsact(program: Program, interface: int, pin: Path | None = None) -> Clsact:
    """By a filter; it is taken off again where it cannot be pinned, as a link is."""
    with _netlink(f"attach to interface {interface}", errno.EEXIST) as netlink:
        netlink.tc("add", "clsact", interface)
    attached = Clsact(interface, pin)
    try:
        attached.replace(program)
    except FastPathError:
        attached.detach()
        raise
    return attached


def adopt(pin: Path) -> Attachment:
    """The attachment behind a pin, left by an earlier process. FileNotFoundError: no such pin."""
    descriptor = syscalls.pinned(pin)
    if "link" in os.readlink(f"/proc/self/fd/{descriptor}"):
        return Link(descriptor)
    os.close(descriptor)
    number = re.search(r"\d+$", pin.name)
    return Clsact(int(number[0]) if number else 0, pin)


@contextlib.contextmanager
def _netlink(what: str, harmless: int = 0) -> Any:
    """pyroute2's IPRoute; its errors become ours, but for a harmless one."""
    from pyroute2 import IPRoute, NetlinkError

    try:
        with IPRoute() as netlink:
            yield netlink
    except NetlinkError as error:
        if error.code != harmless:
            raise syscalls.failure(what, int(error.code)) from error
