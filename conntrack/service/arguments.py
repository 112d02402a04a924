"""Arguments of control requests, as what they should be.

Lives here: one function a kind. May not live here: which command takes what.
"""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

from conntrack.service.protocol import USAGE, Item, Refused


def packed(text: str) -> bytes:
    """An address as bytes. Refused: it is none."""
    try:
        return inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except (OSError, ValueError):  # a NUL, half a surrogate pair
        raise Refused(USAGE, f"{text} is no address") from None


def whole_number(arguments: Item, name: str) -> int | None:
    """An argument that is a number, or is not there. Refused: it is something else."""
    value: Any = arguments.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise Refused(USAGE, f"`{name}` is a number")
    return value
