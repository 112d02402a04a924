"""The control socket's commands about translation: rules, port blocks, whose a port is.

Lives here: these commands. May not live here: their items' shapes (policy_views.py, port_blocks.py),
mappings (mapping_commands.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from conntrack.engine.core import Engine
from conntrack.service.arguments import packed, whole_number
from conntrack.service.control import Command
from conntrack.service.mapping_commands import MappingCommands
from conntrack.service.policy_views import nat_view
from conntrack.service.pools import held, outside
from conntrack.service.port_blocks import PortBlocks
from conntrack.service.protocol import USAGE, Item, Refused
from conntrack.service.views import Flows


class NatCommands:
    """The commands of one daemon."""

    def __init__(self, engine: Engine, flows: Flows, blocks: PortBlocks, mappings: MappingCommands) -> None:
        self._engine = engine
        self._flows = flows
        self._blocks = blocks
        self._mappings = mappings

    def table(self) -> Mapping[str, Command]:
        """Every command by name."""
        own = {"nat": Command(self._nat), "nat blocks": Command(self._list), "nat whose": Command(self._whose)}
        return {**own, **self._mappings.table()}

    def _nat(self, arguments: Item) -> Iterator[Item]:
        engine = self._engine
        for rule in engine.policy.nat_rules:
            addresses = outside(engine, rule)
            zone = self._flows.zone(int(rule.zone))
            yield nat_view(rule, zone, addresses or rule.addresses, held(engine, addresses))

    def _list(self, arguments: Item) -> Iterator[Item]:
        return self._blocks.blocks()

    def _whose(self, arguments: Item) -> Iterator[Item | None]:
        port = whole_number(arguments, "port")
        moment = arguments.get("time")
        if port is None or (moment is not None and not isinstance(moment, int | float)):
            raise Refused(USAGE, "`port` is a number, and `time` Unix seconds")
        return self._blocks.whose(packed(str(arguments.get("address"))), port, moment)
