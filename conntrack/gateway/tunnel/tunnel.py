"""The daemon's own link through reloads: there as long as a rule needs it.

Lives here: its life. May not live here: the device and its routes (device.py, links.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Network

from conntrack.gateway.tunnel import links
from conntrack.gateway.tunnel.device import Device


class Tunnel:
    """Not made before the first prefix."""

    def __init__(self) -> None:
        self._device: Device | None = None

    def lead(self, prefixes: Sequence[IPv6Network]) -> Device | None:
        """The device, with routes for these prefixes; without any it is removed. TunnelError: it cannot be made.

        Takes some milliseconds.
        """
        if not prefixes:
            self.close()
            return None
        device = self._device
        made = device is None
        if device is None:
            device = Device()
        try:
            links.set_up(prefixes)
        except BaseException:
            if made:
                device.close()
            raise
        self._device = device
        return device

    def close(self) -> None:
        """Removes the device, if it is there."""
        if self._device is not None:
            self._device.close()
            self._device = None
