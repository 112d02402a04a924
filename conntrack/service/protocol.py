"""The control socket's language: one JSON object a line, both ways.

Lives here: paths, bounds, encoding, the error kinds. May not live here: who answers (control.py) or asks
(cli/client.py). The client imports this module, so it imports nothing but json.

    request   {"command": "flows list", "arguments": {"filters": {"port": 443}}}
    reply     {"items": [ … ]}       any number of lines
    then      {"done": {}}           or {"error": {"kind": "denied", "message": "…"}}
"""

from __future__ import annotations

import json
from typing import Any, Final

#: where daemon and client meet unless --control says otherwise
DEFAULT_SOCKET: Final = "/run/pairwall/control.sock"

#: longest request line, in bytes
REQUEST_LIMIT: Final = 64 * 1024
#: most items in one reply line: a line stays near 100 kB
ITEMS_A_LINE: Final = 100
#: longest reply line that a client accepts, in bytes
REPLY_LIMIT: Final = 8 * 1024 * 1024

# error kinds
USAGE: Final = "usage"  # no such command, or its arguments are wrong
DENIED: Final = "denied"  # the caller may not do that
MISSING: Final = "missing"  # no such flow, rule, set
FAILED: Final = "failed"  # it was tried and did not work

Item = dict[str, Any]


class Refused(Exception):
    """The daemon's refusal of a request; `kind` is one of the error kinds."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def encode(message: Item) -> bytes:
    """One message as a line. What no UTF-8 can say (half a surrogate pair, from a request) stays JSON's escape."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


def error(kind: str, message: str) -> Item:
    """The line that ends a reply in failure."""
    return {"error": {"kind": kind, "message": message}}


def decode_request(line: bytes) -> tuple[str, Item]:
    """Takes a request line apart: (command, arguments). Refused: it is not a request."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise Refused(USAGE, "the request is not one line of JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("command"), str):
        raise Refused(USAGE, 'a request is {"command": "…", "arguments": {…}}')
    arguments = message.get("arguments", {})
    if not isinstance(arguments, dict):
        raise Refused(USAGE, "`arguments` is a JSON object")
    return message["command"], arguments
