"""Asking commands of the control socket without a socket.

Lives here: one question, its answer or refusal. May not live here: a gateway to ask about.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from conntrack.service.commands import Command
from conntrack.service.protocol import Item, Refused


class Asking:
    """`table`: the commands by name."""

    table: dict[str, Command]

    def ask(self, command: str, **arguments: Any) -> list[Item]:
        """The items of the answer, as they come out of JSON."""
        answer = self.table[command].run(arguments)
        assert isinstance(answer, Iterator)
        return [json.loads(json.dumps(item)) for item in answer if item is not None]

    def refused(self, command: str, **arguments: Any) -> Refused:
        """Why it is refused."""
        with pytest.raises(Refused) as refused:
            self.ask(command, **arguments)
        return refused.value
