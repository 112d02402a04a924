"""The control socket: accepts clients, checks who they are, answers their requests in small pieces.

Lives here: the socket and the connections. May not live here: the pace (answering.py), the commands (commands.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from conntrack.service import protocol
from conntrack.service.answering import Answer, send, stream
from conntrack.service.exits import Failure
from conntrack.service.peer import Peer, identify
from conntrack.service.protocol import Item, Refused

CLIENTS: Final = 32

logger = logging.getLogger("pairwall.control")


class Command(NamedTuple):
    """One command: what it does with its arguments, and whether it changes anything."""

    run: Callable[[Item], Answer]
    changes: bool = False


class Control:
    """The server. Create, `start`, and `close` at the end."""

    def __init__(self, path: Path, commands: Mapping[str, Command], group: int | None = None) -> None:
        self.path = path
        self.requests = 0
        self.refused = 0
        self._commands = commands
        self._group = os.getegid() if group is None else group
        self._server: asyncio.AbstractServer | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begins to listen; the caller holds the instance lock. Failure: the socket cannot be made."""
        try:
            listener = self._bind()
        except OSError as error:
            raise Failure(
                f"control socket {self.path}: {error.strerror or error}. Choose another with --control"
            ) from None
        self._server = await asyncio.start_unix_server(self._accepted, sock=listener, limit=protocol.REQUEST_LIMIT)

    def clients(self) -> int:
        """How many are connected."""
        return len(self._clients)

    async def close(self) -> None:
        """Stops listening, ends every client, removes the socket."""
        if self._server is not None:
            self._server.close()
            self._server = None
            with contextlib.suppress(OSError):
                self.path.unlink()
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _bind(self) -> socket.socket:
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(os.lstat(self.path).st_mode):
                raise OSError(0, "there is a file in its place that is no socket")
            self.path.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        before = os.umask(0o117)  # 0660 from the first moment on
        try:
            listener.bind(str(self.path))
            os.chown(self.path, -1, self._group)
        except OSError:
            listener.close()
            raise
        finally:
            os.umask(before)
        return listener

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._clients.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = identify(writer.get_extra_info("socket"))
        busy = len(self._clients) > CLIENTS
        if busy or not peer.may_read(self._group):
            self.refused += 1
            message = (
                "too many clients"
                if busy
                else f"user {peer.user} may not talk to pairwall: use root or the socket's group"
            )
            writer.write(protocol.encode(protocol.error(protocol.FAILED if busy else protocol.DENIED, message)))
            await send(writer)
            return
        while (line := await self._request(reader, writer)) is not None:
            await self._answer(line, peer, reader, writer)

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
        try:
            return (await reader.readuntil(b"\n")) or None
        except asyncio.IncompleteReadError:
            return None
        except asyncio.LimitOverrunError:
            message = f"the request is longer than {protocol.REQUEST_LIMIT} bytes"
            writer.write(protocol.encode(protocol.error(protocol.USAGE, message)))
            await send(writer)
            return None

    async def _answer(
        self, line: bytes, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.requests += 1
        try:
            name, arguments = protocol.decode_request(line)
            command = self._commands.get(name)
            if command is None:
                raise Refused(protocol.USAGE, f"no such command: {name}")
            if command.changes and not peer.may_change():
                raise Refused(protocol.DENIED, f"`{name}` changes things: only root may")
            if command.changes:
                logger.info(
                    "%s", name, extra={"fields": {"user": peer.user, "pid": peer.pid, "arguments": str(arguments)}}
                )
            await stream(command.run(arguments), reader, writer)
            ending: Item = {"done": {}}
        except Refused as refusal:
            self.refused += 1
            ending = protocol.error(refusal.kind, str(refusal))
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:
            logger.exception("control request failed")
            ending = protocol.error(protocol.FAILED, f"{type(error).__name__}: {error}")
        writer.write(protocol.encode(ending))
        await send(writer)
