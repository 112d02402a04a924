"""Which helper reads a new connection: the one that its rule names.

Lives here: that choice, and the beginning of a conversation. May not live here: what is done with packets (helping.py).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.engine.conversation import Conversation
from conntrack.engine.state import State
from conntrack.flow.connection import HELPED, Connection
from conntrack.helper.base import Helper
from conntrack.helper.registry import by_name
from conntrack.policy.runtime import Rule

_HELPERS: Final[dict[str, Helper]] = by_name()


def attach(state: State, connection: Connection, rule: Rule) -> None:
    """Begins the conversation of a connection that one of its rule's helpers is to read, if any is."""
    asked = port_of(connection.original.key)
    answering = source_port_of(connection.reply.key)
    for helped in rule.helped:
        if helped.reads(connection.protocol, asked) or helped.reads(connection.protocol, answering):
            converse(state, connection, helped.helper)
            if connection.status & HELPED:
                return


def converse(state: State, connection: Connection, name: str) -> None:
    """Lets the helper of that name read a connection, if it is for that protocol."""
    helper = _HELPERS.get(name)
    if helper is not None and connection.protocol in helper.protocols():
        connection.status |= HELPED
        state.conversations[int(connection.identity)] = Conversation(helper, connection)


def port_of(key: bytes) -> i64:
    """The destination port of a key."""
    return i64(key[-2]) << 8 | i64(key[-1])


def source_port_of(key: bytes) -> i64:
    """The source port of a key."""
    return i64(key[-4]) << 8 | i64(key[-3])
