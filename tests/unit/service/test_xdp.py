"""XDP that reloads ask for and give up, while connections are carried."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from conntrack.gateway.fastpath.hops import NONE
from conntrack.gateway.links.neighbours import Changed, Neighbours
from conntrack.gateway.links.snapshot import Snapshot
from conntrack.service.fastpath import FastPath
from conntrack.service.xdp import wanting
from tests.unit.gateway.carrying import LAN, RULES, WAN, packed, snapshot
from tests.unit.service.fakestand import FakeStand
from tests.unit.service.test_fastpath import Running, Standing

BOTH = frozenset(("lan", "wan"))
NOBODY: frozenset[str] = frozenset()
MAC, OURS = bytes((2, 0, 0, 0, 0, 7)), bytes((2, 0, 0, 0, 0, 1))


class FakeNeighbours(Neighbours):
    """Nothing is ever heard from; `used` is what the kernel was to make sure of."""

    def __init__(self, changed: Changed) -> None:
        self.changed = changed
        self.used: list[tuple[int, bytes]] = []
        self._ends = socket.socketpair()

    def fileno(self) -> int:
        return self._ends[0].fileno()

    def use(self, interface: int, address: bytes) -> None:
        self.used.append((interface, address))
        self.changed(interface, address, MAC)

    def close(self) -> None:
        for end in self._ends:
            end.close()


class Cards(Standing):
    """A host whose interfaces XDP may stand at. followed: how often neighbours were begun to be followed."""

    def __init__(self) -> None:
        super().__init__()
        found = snapshot()
        self.now = found._replace(links=tuple(link._replace(hardware=OURS) for link in found.links))
        self.followed: list[FakeNeighbours] = []
        self.refuse_neighbours = False

    def neighbours(self, changed: Changed, lost: Callable[[], None]) -> Neighbours:
        if self.refuse_neighbours:
            raise OSError("no netlink in a test")
        self.followed.append(FakeNeighbours(changed))
        return self.followed[-1]

    def snapshot(self) -> Snapshot:
        return self.now


class Scene(Running):
    """A fast path at cards. `reload`: other rules, and that links are followed after them, as running.py does."""

    def __init__(self) -> None:
        self.cards = Cards()
        super().__init__(host=self.cards)

    @property
    def stand(self) -> FakeStand:
        return self.cards.stand

    @property
    def path(self) -> FastPath:
        return self.fast

    async def reload(self, by_xdp: frozenset[str]) -> None:
        await self.fast.rejudge(by_xdp)
        await self.fast.follow()

    def links(self) -> list[int]:
        """Of all entries."""
        return [flow.link for flow in self.stand.maps.flows.values()]  # type: ignore[attr-defined]


def played(scene: Callable[[Scene], Awaitable[None]]) -> Scene:
    made = Scene()
    made.run(lambda: scene(made))
    return made


def test_zones_that_want_it_are_named() -> None:
    from conntrack.policy.load import load_text

    text = RULES.replace("interfaces: [eth0]", "interfaces: [eth0], fastpath: xdp")
    assert wanting(load_text(text, "rules.yaml")) == {"wan"}


def test_a_reload_brings_it_and_what_is_carried_goes_by_it() -> None:
    async def scene(scene: Scene) -> None:
        await scene.stream()
        assert scene.links() == [NONE, NONE]
        await scene.reload(BOTH)
        assert NONE not in scene.links()
        assert set(scene.stand.maps.links) == set(scene.links())  # type: ignore[attr-defined]
        view = scene.path.view()
        assert view["xdp"]["interfaces"] == ["eth0", "eth1"]
        assert view["connections"]["count"] == 1
        assert scene.path.figures().recalled == 0
        [neighbours] = scene.cards.followed
        neighbours.used.clear()
        await scene.path.tended()
        assert set(neighbours.used) == {(WAN, packed("203.0.113.254")), (LAN, packed("192.168.10.5"))}

    steps = played(scene).stand.steps
    assert steps == ["follow eth0 eth1", "load XDP", "follow eth0 eth1", "leave"]


def test_a_reload_that_no_longer_wants_it_takes_it_off_and_tc_carries_on() -> None:
    async def scene(scene: Scene) -> None:
        await scene.reload(BOTH)
        await scene.stream()
        await scene.reload(NOBODY)
        assert scene.links() == [NONE, NONE]
        assert scene.path.figures().recalled == 0
        assert scene.path.view()["xdp"]["interfaces"] == []
        assert scene.cards.followed[0].fileno() == -1
        await scene.reload(BOTH)
        assert NONE not in scene.links()
        assert len(scene.cards.followed) == 2

    assert played(scene).stand.steps.count("without XDP") == 1


def test_only_the_interfaces_of_the_zones_that_want_it() -> None:
    async def scene(scene: Scene) -> None:
        await scene.reload(BOTH)
        await scene.reload(frozenset(("lan",)))
        assert scene.path.view()["xdp"]["interfaces"] == ["eth1"]
        await scene.stream()
        assert len(scene.stand.maps.links) == 1  # type: ignore[attr-defined]

    assert played(scene).stand.steps.count("load XDP") == 1


def test_a_program_that_cannot_be_loaded_changes_nothing_and_says_why_until_it_can() -> None:
    async def scene(scene: Scene) -> None:
        await scene.stream()
        scene.stand.no_xdp = "the verifier refuses"
        await scene.reload(frozenset(("eth0", "wan")))
        assert scene.links() == [NONE, NONE]
        assert scene.path.view()["connections"]["count"] == 1
        await scene.path.follow()  # links change: it is not tried again for that
        assert scene.stand.steps.count("load XDP") == 1
        scene.stand.no_xdp = ""
        await scene.reload(BOTH)
        assert NONE not in scene.links()

    played(scene)


def test_neighbours_that_cannot_be_followed_leave_everything_to_tc(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(scene: Scene) -> None:
        await scene.stream()
        scene.cards.refuse_neighbours = True
        await scene.reload(BOTH)
        assert scene.links() == [NONE, NONE]
        assert "neighbours cannot be followed" in scene.path.view()["xdp"]["refused"]["eth0"]

    made = played(scene)
    assert "without XDP neighbours cannot be followed: no netlink in a test" in made.stand.steps
    assert "no XDP: neighbours cannot be followed" in caplog.text


def test_nor_do_they_cost_the_fast_path_at_the_start() -> None:
    made = Scene()
    made.stand.load_xdp()
    made.cards.refuse_neighbours = True

    async def scene() -> None:
        await made.stream()
        assert made.path.view()["active"]
        assert made.links() == [NONE, NONE]

    made.run(scene)
    assert made.stand.steps[1].startswith("without XDP neighbours")


def test_reloads_that_come_while_it_goes_end_as_the_last_one_says() -> None:
    async def scene(scene: Scene) -> None:
        await scene.stream()
        for by_xdp in (BOTH, NOBODY, BOTH, NOBODY, BOTH):
            await scene.path.rejudge(by_xdp)
        await asyncio.gather(scene.path.follow(), scene.path.tended())
        assert NONE not in scene.links()

    played(scene)


def test_xdp_that_was_there_from_the_start_goes_too() -> None:
    made = Scene()
    made.stand.load_xdp()

    async def scene() -> None:
        await made.reload(BOTH)
        await made.stream()
        assert NONE not in made.links()
        await made.reload(NOBODY)
        assert made.links() == [NONE, NONE]

    made.run(scene)
    assert made.stand.steps.count("load XDP") == 1  # the test's own
