from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from conntrack.gateway.hooks.tools import HookError
from conntrack.service.configuration import Configuration
from conntrack.service.loading import Rules, Unfit, fit_rules, read_rules
from conntrack.service.notify import Notifier
from conntrack.service.reload import SWITCH_INTERVAL, Reloader, switching_fast

GOOD = """\
version: 1
zones:
  wan: {interfaces: [eth0]}
policy:
  wan -> self: [{accept: [ping]}]
tests:
  - wan 198.51.100.9 -> self ping = accept
"""


class Told(Notifier):
    """What systemd would have heard."""

    def __init__(self) -> None:
        super().__init__({})
        self.said: list[str] = []

    def ready(self, status: str) -> None:
        self.said.append(f"ready: {status}")

    def reloading(self) -> None:
        self.said.append("reloading")


class Scene:
    def __init__(self, path: Path, read: Callable[[Path], Rules] = fit_rules) -> None:
        self.configuration = Configuration(path)
        self.configuration.worked("first", 1.0, [])
        self.notifier = Told()
        self.applied: list[Rules] = []
        self.refuse: Exception | None = None
        self.read = read

    async def apply(self, rules: Rules) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.applied.append(rules)

    def play(self, act: Callable[[Reloader], Awaitable[Any]]) -> Any:
        async def all_of_it() -> Any:
            status = lambda: f"generation {self.configuration.generation}"  # noqa: E731
            return await act(Reloader(self.configuration, self.apply, self.notifier, status, self.read))

        return asyncio.run(all_of_it())

    def once(self) -> Any:
        return self.play(lambda reloader: reloader.request())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(GOOD)
    return tmp_path / "rules.yaml"


def test_good_rules_are_put_in_force(path: Path) -> None:
    scene = Scene(path)
    outcome = scene.once()
    assert outcome == {"ok": True, "file": str(path), "generation": 2, "problems": []}
    assert scene.configuration.digest == scene.applied[0].policy.digest
    assert scene.notifier.said == ["reloading", "ready: generation 2"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GOOD.replace("wan -> self", "wam -> self"), "wam"),
        (GOOD.replace("= accept", "= drop"), "expected drop, got accept"),
        ("version: [", "rules.yaml:1:11"),
    ],
)
def test_a_mistake_keeps_the_old_rules(text: str, problem: str, path: Path) -> None:
    path.write_text(text)
    scene = Scene(path)
    outcome = scene.once()
    assert not outcome["ok"]
    assert any(problem in line for line in outcome["problems"])
    assert scene.applied == []
    configuration = scene.configuration
    assert (configuration.generation, configuration.failures, configuration.last_worked) == (1, 1, False)
    assert configuration.digest == "first"
    assert scene.notifier.said == ["reloading", "ready: generation 1"]


def test_a_file_that_is_gone_keeps_the_old_rules(path: Path) -> None:
    path.unlink()
    outcome = Scene(path).once()
    assert "cannot be read" in outcome["problems"][0]


def test_hooks_that_cannot_be_changed_keep_the_old_rules(path: Path) -> None:
    scene = Scene(path)
    scene.refuse = HookError("nft: table is locked")
    assert scene.once()["problems"] == ["nft: table is locked"]
    assert scene.configuration.generation == 1


def test_a_fault_of_ours_keeps_the_old_rules(path: Path) -> None:
    def broken(path: Path) -> Rules:
        raise ZeroDivisionError("a bug")

    outcome = Scene(path, broken).once()
    assert outcome["problems"] == ["ZeroDivisionError: a bug"]


def test_after_a_mistake_the_next_reload_may_work(path: Path) -> None:
    scene = Scene(path)

    async def act(reloader: Reloader) -> list[bool]:
        path.write_text("nonsense")
        first = await reloader.request()
        path.write_text(GOOD)
        second = await reloader.request()
        return [first["ok"], second["ok"]]

    assert scene.play(act) == [False, True]
    assert (scene.configuration.generation, scene.configuration.failures) == (2, 1)
    assert scene.configuration.problems == []


def test_reloads_take_turns_and_share_the_one_that_waits(path: Path) -> None:
    """Five requests while one runs: it ends, then one more runs for all five of them."""
    running = threading.Event()
    go_on = threading.Event()
    reads: list[int] = []

    def slow(where: Path) -> Rules:
        reads.append(len(reads))
        running.set()
        go_on.wait(5)
        return fit_rules(where)

    async def act(reloader: Reloader) -> int:
        first = reloader.request()
        await asyncio.to_thread(running.wait, 5)
        later = [reloader.request() for _ in range(5)]
        go_on.set()
        await asyncio.gather(first, *later)
        return len({id(task) for task in later})

    assert Scene(path, slow).play(act) == 1
    assert reads == [0, 1]


def test_the_packet_loop_runs_while_rules_are_compiled(path: Path) -> None:
    """A turn is taken a hundred times before the reader in the other thread may finish."""
    turns = threading.Semaphore(0)

    def slow(where: Path) -> Rules:
        assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL)
        for _ in range(100):
            assert turns.acquire(timeout=5)
        return fit_rules(where)

    async def act(reloader: Reloader) -> bool:
        task = reloader.request()
        while not task.done():
            turns.release()
            await asyncio.sleep(0)
        return bool(task.result()["ok"])

    before = sys.getswitchinterval()
    assert Scene(path, slow).play(act)
    assert sys.getswitchinterval() == before


def test_the_switch_interval_comes_back_after_an_error() -> None:
    before = sys.getswitchinterval()
    with pytest.raises(KeyError), switching_fast():
        raise KeyError
    assert sys.getswitchinterval() == before


def test_failing_tests_are_told_but_a_check_goes_on(path: Path) -> None:
    path.write_text(GOOD.replace("= accept", "= drop"))
    rules = read_rules(path)
    assert [failed.got for failed in rules.failed] == ["accept"]
    with pytest.raises(Unfit, match="expected drop"):
        fit_rules(path)
