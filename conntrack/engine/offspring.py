"""What became of what a helper foresaw: it waits, it came, it is over.

Lives here: carrying out what a helper says about groups of its mentions, and keeping its conversation alive. May not
live here: the making of expectations (announce.py), protocols (helper/).
"""

from __future__ import annotations

from typing import Final

from conntrack.engine.conversation import Conversation, Offspring
from conntrack.engine.state import State
from conntrack.flow.connection import Connection
from conntrack.flow.ending import OVER
from conntrack.flow.expectation import Expectation
from conntrack.packet.header import TCP

#: connections of one conversation that are remembered by group; of more, the oldest run until they fall silent
MOST: Final = 1024


def came(state: State, expectation: Expectation, connection: Connection) -> None:
    """Notes an expected connection that came, if its group may end."""
    conversation = state.conversations.get(int(expectation.master.identity))
    if conversation is None or not expectation.group:
        return
    offspring = conversation.offspring
    if len(offspring) >= MOST:
        offspring[:] = [child for child in offspring if alive(state, child) is not None]
        del offspring[: max(0, len(offspring) - MOST + 1)]
    offspring.append(Offspring(expectation.group, connection.original.key, int(connection.identity)))


def heed(state: State, conversation: Conversation, master: Connection, now: float) -> None:
    """Does what the helper said in this packet about what waits and what came."""
    speech = conversation.speech
    if speech.renews:
        for group, seconds in speech.renews:
            for expectation in state.expectations.of(master):
                if expectation.group == group:
                    state.expectations.renew(expectation, now + seconds)
    if speech.forgets:
        for expectation in state.expectations.of(master):
            if expectation.group in speech.forgets:
                state.unexpect(expectation, now)
    if speech.ends:
        over = [child for child in conversation.offspring if child.group in speech.ends]
        conversation.offspring = [child for child in conversation.offspring if child.group not in speech.ends]
        for child in over:
            connection = alive(state, child)
            if connection is not None:
                state.end(connection, OVER, now)


def keep(conversation: Conversation, master: Connection, now: float) -> None:
    """A conversation without a handshake lives as long as its helper says; TCP knows by itself."""
    until = now + conversation.speech.memory.lasting
    if master.deadline < until and master.protocol != TCP:
        master.deadline = until


def alive(state: State, child: Offspring) -> Connection | None:
    """The connection, if it still is the one that came."""
    direction = state.table.directions.get(child.key)
    if direction is None or direction.connection.identity != child.identity:
        return None
    return direction.connection
