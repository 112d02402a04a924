"""The hook rules' life, with a tool that only remembers."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from conntrack.gateway.hooks import hooks as module
from conntrack.gateway.hooks.hooks import Hooks, remove_all
from conntrack.gateway.hooks.plan import UNTRACK, Plan, Wanted
from conntrack.gateway.hooks.tools import HookError

POOL = [ip_network("203.0.113.8/29")]


class Memory:
    """A tool whose kernel is a list."""

    name = "memory"

    def __init__(self) -> None:
        self.installed: Plan | None = None
        self.calls: list[str] = []
        self.refuses: Plan | None = None

    def install(self, wanted: Plan) -> None:
        self.calls.append("install")
        if self.refuses is not None and wanted == self.refuses:
            self.installed = None  # half of it is in place, which is worth nothing
            raise HookError("memory: no")
        self.installed = wanted

    def remove(self) -> None:
        self.calls.append("remove")
        self.installed = None

    def intact(self, wanted: Plan) -> bool:
        return self.installed == wanted


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Memory:
    memory = Memory()
    monkeypatch.setattr(module, "choose", lambda plan, prefer: memory)
    monkeypatch.setattr(module, "sweep", lambda keep=None: memory.calls.append("sweep") or [])
    monkeypatch.setattr(module, "tracking_present", lambda: False)
    return memory


def test_a_plan_is_installed_once_and_leftovers_of_other_tools_are_swept(tool: Memory) -> None:
    hooks = Hooks()
    assert hooks.tool == ""
    assert hooks.install(Wanted(3)) is True
    assert hooks.install(Wanted(3)) is False
    assert tool.calls == ["install", "sweep"]
    assert hooks.tool == "memory"


def test_another_plan_takes_its_place(tool: Memory) -> None:
    hooks = Hooks()
    hooks.install(Wanted(3))
    assert hooks.install(Wanted(3, pool=POOL)) is True
    assert tool.installed is not None
    assert [rule.network for rule in tool.installed.rules if rule.version == 4 and rule.network] == ["203.0.113.8/29"]


def test_connection_tracking_is_kept_off_where_it_is_present(tool: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = Hooks()
    hooks.install(Wanted(3))
    assert tool.installed is not None
    assert UNTRACK not in [rule.action for rule in tool.installed.rules]
    monkeypatch.setattr(module, "tracking_present", lambda: True)
    assert hooks.install(Wanted(3)) is True, "it was loaded meanwhile"
    assert UNTRACK in [rule.action for rule in tool.installed.rules]


def test_a_refused_plan_brings_the_last_one_back(tool: Memory) -> None:
    hooks = Hooks()
    hooks.install(Wanted(3))
    before = tool.installed
    tool.refuses = module.plan(Wanted(3, pool=POOL))
    with pytest.raises(HookError, match="memory: no"):
        hooks.install(Wanted(3, pool=POOL))
    assert tool.installed == before
    assert hooks.intact()


def test_a_first_plan_that_is_refused_leaves_nothing(tool: Memory) -> None:
    hooks = Hooks()
    tool.refuses = module.plan(Wanted(3))
    with pytest.raises(HookError):
        hooks.install(Wanted(3))
    assert tool.calls == ["install", "remove"]
    assert not hooks.intact()


def test_flushed_rules_are_repaired(tool: Memory) -> None:
    hooks = Hooks()
    assert hooks.repair() is False, "nothing is to be there yet"
    hooks.install(Wanted(3))
    assert hooks.repair() is False
    tool.installed = None
    assert not hooks.intact()
    assert hooks.repair() is True
    assert hooks.intact()


def test_removal(tool: Memory) -> None:
    hooks = Hooks()
    hooks.install(Wanted(3))
    hooks.remove()
    hooks.remove()
    assert tool.calls.count("remove") == 1
    assert tool.installed is None
    assert not hooks.intact()
    assert hooks.repair() is False


def test_sweeping_everything_tells_of_tools_that_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "sweep", lambda: ["nft: no", "iptables-nft: no"])
    with pytest.raises(HookError, match="nft: no; iptables-nft: no"):
        remove_all()
