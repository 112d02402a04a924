"""What the control socket can be asked: every command, and what it does.

Lives here: the table and the small commands. May not live here: sockets, pace (control.py), flows (flow_commands.py),
translation (nat_commands.py).
Iterators yield None where nothing is found yet, so that control.py can pause there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import NamedTuple

from conntrack.engine.core import Engine
from conntrack.policy.explain import explain
from conntrack.policy.policy import DEFAULT
from conntrack.policy.problems import Wrong
from conntrack.service.arguments import packed
from conntrack.service.configuration import Configuration
from conntrack.service.control import Command
from conntrack.service.flow_commands import FlowCommands
from conntrack.service.nat_commands import NatCommands
from conntrack.service.policy_views import rule_view, set_view
from conntrack.service.protocol import MISSING, USAGE, Item, Refused
from conntrack.service.reload import Reloader
from conntrack.service.stats import stats
from conntrack.service.views import Flows


class Parts(NamedTuple):
    """What the commands work on."""

    engine: Engine
    flows: Flows
    configuration: Configuration
    reloader: Reloader
    status: Callable[[], Item]
    wall: Callable[[], float]
    sweep: Callable[[], Iterator[None]] = lambda: iter(())  # brings counters of carried connections up to date


class Commands:
    """The commands of one daemon."""

    def __init__(self, parts: Parts, flow_commands: FlowCommands, nat_commands: NatCommands) -> None:
        self._parts = parts
        self._flow_commands = flow_commands
        self._nat_commands = nat_commands

    def table(self) -> Mapping[str, Command]:
        """Every command by name."""
        return {
            **self._flow_commands.table(),
            **self._nat_commands.table(),
            "status": Command(self._status),
            "stats": Command(self._stats),
            "rules": Command(self._rules),
            "sets": Command(self._sets),
            "explain": Command(self._explain),
            "reload": Command(self._reload, changes=True),
        }

    def _status(self, arguments: Item) -> Iterator[Item]:
        yield self._parts.status()

    def _stats(self, arguments: Item) -> Iterator[Item | None]:
        yield from self._parts.sweep()
        flows = self._parts.flows
        yield stats(self._parts.engine, flows.state_name, flows.zone)

    def _rules(self, arguments: Item) -> Iterator[Item | None]:
        pair, unused = arguments.get("pair"), arguments.get("unused")
        for rule in self._parts.engine.policy.rules:
            silent_default = rule.name == DEFAULT and not rule.hits
            wanted = (pair is None or rule.pair == pair) and not (unused and (rule.hits or not rule.line))
            yield rule_view(rule) if wanted and not silent_default else None

    def _sets(self, arguments: Item) -> Iterator[Item]:
        text = arguments.get("holding")
        address = None if text is None else packed(str(text))
        found = [one for one in self._parts.engine.policy.sets.values() if address is None or one.contains(address)]
        if not found and address is not None:
            raise Refused(MISSING, f"no set holds {text}")
        failures = self._parts.configuration.set_failures
        for one in found:
            yield set_view(one, failures.get(one.name, 0))

    def _explain(self, arguments: Item) -> Iterator[Item]:
        engine = self._parts.engine
        try:
            yield explain(engine.policy, str(arguments.get("query", "")), self._parts.wall())
        except Wrong as wrong:
            raise Refused(USAGE, f"{wrong.message}{f' ({wrong.hint})' if wrong.hint else ''}") from None

    async def _reload(self, arguments: Item) -> AsyncIterator[Item]:
        yield await asyncio.shield(self._parts.reloader.request())
