"""The client's end of the control socket.

Lives here: connecting, asking, reading the reply line by line. May not live here: what is asked (one file a command).
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import BinaryIO

from conntrack.service.exits import FAILED, UNREACHABLE, USAGE, Failure
from conntrack.service.protocol import REPLY_LIMIT, Item, encode
from conntrack.service.protocol import USAGE as USAGE_KIND


class Client:
    """One connection to the daemon. Failure with code 69: nobody answers there."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise Failure(unreachable(path, error), UNREACHABLE) from None
        self._file: BinaryIO = self._socket.makefile("rb")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_what: object) -> None:
        self.close()

    def close(self) -> None:
        """Hangs up."""
        self._file.close()
        self._socket.close()

    def items(self, command: str, **arguments: object) -> Iterator[Item]:
        """Asks, and yields the items of the reply as they come. Failure: the daemon refuses or goes away."""
        try:
            self._socket.sendall(encode({"command": command, "arguments": arguments}))
            while True:
                message = self._line()
                if "items" in message:
                    yield from message["items"]
                elif "error" in message:
                    raise refusal(message["error"])
                else:
                    return
        except ConnectionError:
            raise Failure(f"the daemon at {self._path} hung up", UNREACHABLE) from None

    def one(self, command: str, **arguments: object) -> Item:
        """Asks for what has exactly one item."""
        found = list(self.items(command, **arguments))  # to the end: the next request's reply comes after it
        if not found:
            raise Failure(f"the daemon answered nothing to `{command}`")
        return found[0]

    def _line(self) -> Item:
        line = self._file.readline(REPLY_LIMIT)
        if not line.endswith(b"\n"):
            raise ConnectionResetError
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise Failure(f"what answers at {self._path} does not speak pairwall's language")
        return message


def refusal(error: Item) -> Failure:
    """The daemon's `error` as a Failure."""
    code = USAGE if error.get("kind") == USAGE_KIND else FAILED
    return Failure(str(error.get("message", "the daemon refused")), code)


def unreachable(path: str, error: OSError) -> str:
    """Why the daemon cannot be reached, and what to do."""
    if isinstance(error, PermissionError):
        return f"{path}: permission denied. Use root, or join the group that the socket belongs to"
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return f"no daemon answers at {path}. Start it with `pairwall run`, or name its socket with --control"
    return f"{path}: {error.strerror or error}"
