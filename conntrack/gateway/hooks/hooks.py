"""The hook rules of a running gateway: put in place, kept in place, taken out.

Lives here: their life. May not live here: which rules there are (plan.py), how a tool writes and loads them.
"""

from __future__ import annotations

import contextlib
import logging

from conntrack.gateway.hooks.backend import Backend, sweep
from conntrack.gateway.hooks.plan import Plan, Wanted, plan
from conntrack.gateway.hooks.probe import choose, tracking_present
from conntrack.gateway.hooks.tools import HookError

_LOG = logging.getLogger(__name__)


class Hooks:
    """One set of rules in the network namespace of this process. Its methods run programs: some 10 to 100 ms each."""

    def __init__(self, prefer: str = "auto") -> None:
        """prefer: auto, nft, iptables-nft or iptables-legacy."""
        self._prefer = prefer
        self._backend: Backend | None = None
        self._plan: Plan | None = None

    @property
    def tool(self) -> str:
        """The tool that holds the rules; "" before they are installed."""
        return self._backend.name if self._backend else ""

    def install(self, wanted: Wanted) -> bool:
        """Puts the rules in place, in place of an earlier run's or of this one's; False if they are there already.

        Connection tracking is kept off our packets where it is present. HookError: no tool takes the rules; then
        what was installed before still stands.
        """
        fresh = plan(wanted._replace(untrack=wanted.untrack or tracking_present()))
        if self._backend is None:
            backend = choose(fresh, self._prefer)
            self._put(backend, fresh)
            self._backend = backend
            for complaint in sweep(keep=backend):
                _LOG.warning("cannot look for rules of an earlier run: %s", complaint)
        elif fresh == self._plan:
            return False
        else:
            self._put(self._backend, fresh)
        self._plan = fresh
        return True

    def intact(self) -> bool:
        """Whether every chain is still there and reached: another tool may have flushed all rules of the host."""
        return self._backend is not None and self._plan is not None and self._backend.intact(self._plan)

    def repair(self) -> bool:
        """Installs again what `intact` misses; returns whether anything was missing. HookError: it cannot."""
        if self._backend is None or self._plan is None or self._backend.intact(self._plan):
            return False
        self._backend.install(self._plan)
        return True

    def remove(self) -> None:
        """Takes everything of ours out. HookError: it cannot. A second call does nothing."""
        backend, self._backend, self._plan = self._backend, None, None
        if backend is not None:
            backend.remove()

    def _put(self, backend: Backend, fresh: Plan) -> None:
        try:
            backend.install(fresh)
        except HookError:
            with contextlib.suppress(HookError):  # the first complaint is the one to report
                if self._plan is None:
                    backend.remove()
                else:
                    backend.install(self._plan)
            raise


def remove_all() -> None:
    """Takes out whatever any run has left, with any tool. HookError: a tool failed."""
    complaints = sweep()
    if complaints:
        raise HookError("; ".join(complaints))
