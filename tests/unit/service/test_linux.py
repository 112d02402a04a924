"""The machine behind the daemon's interface, as far as it needs no machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from conntrack.gateway import privileges
from conntrack.service import linux
from conntrack.service.linux import LinuxHost
from tests.host import Host
from tests.unit.gateway.carrying import RULES


class Restless:
    """Links that change as soon as they have been read, and once more when a test says so."""

    def __init__(self, changed: Callable[[], None], failed: Callable[[str], None]) -> None:
        self.changed = changed

    def start(self) -> None:
        self.changed()

    def stop(self) -> None:
        pass

    def names(self) -> list[str]:
        return []


def test_what_changes_while_the_daemon_starts_is_told_when_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the rules would be asked about interfaces as they were, and flows sent by routes that are gone, for good."""
    made: list[Restless] = []

    def restless(changed: Callable[[], None], failed: Callable[[str], None]) -> Restless:
        made.append(Restless(changed, failed))
        return made[0]

    monkeypatch.setattr(linux, "Links", restless)
    monkeypatch.setattr(privileges, "require", lambda: None)
    told: list[str] = []

    async def scene() -> None:
        host = LinuxHost()
        await host.prepare(Host(RULES).engine.policy, False)
        await asyncio.sleep(0)
        host.watch(lambda: told.append("changed"))
        assert told == ["changed"]
        made[0].changed()
        await asyncio.sleep(0)
        assert told == ["changed", "changed"]
        host.close()
        made[0].changed()
        await asyncio.sleep(0)
        assert told == ["changed", "changed"]

    asyncio.run(scene())
