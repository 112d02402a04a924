"""The daemon's own link, as far as it goes without root: its file, its refusals, its life."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from ipaddress import IPv6Network
from pathlib import Path

import pytest

from conntrack.gateway.tunnel import links, tunnel
from conntrack.gateway.tunnel.device import NAME, Device, refusal
from conntrack.gateway.tunnel.errors import TunnelError
from conntrack.gateway.tunnel.tunnel import Tunnel

PREFIX = IPv6Network("64:ff9b::/96")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOENT, "load the module tun"),
        (errno.ENODEV, "load the module tun"),
        (errno.EPERM, "CAP_NET_ADMIN is missing"),
        (errno.EACCES, "may not be opened"),
        (errno.EBUSY, "another pairwall"),
        (errno.EINVAL, "cannot be made: Invalid argument"),
    ],
)
def test_a_refusal_says_what_to_do(number: int, remedy: str) -> None:
    said = refusal(OSError(number, os.strerror(number)))
    assert said.startswith(f"nat64 needs the device {NAME}")
    assert remedy in said


def test_without_the_device_s_file_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(TunnelError, match="is not there"):
        Device(tmp_path / "tun")


def test_another_file_is_no_such_device_and_is_closed_again(tmp_path: Path) -> None:
    (tmp_path / "tun").touch()
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(TunnelError):
        Device(tmp_path / "tun")
    assert len(os.listdir("/proc/self/fd")) == before


class FakeDevice:
    """Stands for a device that could be made."""

    made: list[FakeDevice] = []  # noqa: RUF012 - every one that was made

    def __init__(self) -> None:
        self.closed = False
        self.made.append(self)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def routed(monkeypatch: pytest.MonkeyPatch) -> list[list[IPv6Network]]:
    """Without a kernel: what would have been routed."""
    calls: list[list[IPv6Network]] = []
    FakeDevice.made.clear()
    monkeypatch.setattr(tunnel, "Device", FakeDevice)

    def set_up(prefixes: Sequence[IPv6Network]) -> None:
        calls.append(list(prefixes))
        if len(prefixes) > 2:
            raise TunnelError("too many")

    monkeypatch.setattr(links, "set_up", set_up)
    return calls


def test_it_is_there_as_long_as_there_are_prefixes(routed: list[list[IPv6Network]]) -> None:
    life = Tunnel()
    assert life.lead([]) is None
    assert FakeDevice.made == []
    first = life.lead([PREFIX])
    assert life.lead([PREFIX, IPv6Network("2001:db8:64::/96")]) is first
    assert [len(call) for call in routed] == [1, 2]
    assert life.lead([]) is None
    assert [device.closed for device in FakeDevice.made] == [True]
    assert life.lead([PREFIX]) is not first
    life.close()
    life.close()


def test_one_that_cannot_be_set_up_is_not_left_behind(routed: list[list[IPv6Network]]) -> None:
    life = Tunnel()
    with pytest.raises(TunnelError, match="too many"):
        life.lead([PREFIX] * 3)
    assert [device.closed for device in FakeDevice.made] == [True]
    kept = life.lead([PREFIX])
    with pytest.raises(TunnelError):
        life.lead([PREFIX] * 3)
    assert life.lead([PREFIX]) is kept  # what worked before goes on
