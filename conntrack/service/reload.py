"""Putting other rules in force while packets run.

Lives here: the order of a reload, and that only one runs at a time. May not live here: compiling (policy/), what has to
follow new rules (daemon.py gives it as `apply`).

The rules are compiled in a thread, with the interpreter's switch interval turned down: the packet loop waits a fraction
of a millisecond for its turn instead of five. Everything that may fail comes before the swap, which cannot.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from conntrack.gateway.hooks.tools import HookError
from conntrack.service.configuration import Configuration
from conntrack.service.loading import Rules, Unfit, fit_rules
from conntrack.service.notify import Notifier
from conntrack.service.protocol import Item

SWITCH_INTERVAL: Final = 0.0002

logger = logging.getLogger("pairwall.reload")


class Reloader:
    """Asked by SIGHUP and by the control socket."""

    def __init__(
        self,
        configuration: Configuration,
        apply: Callable[[Rules], Awaitable[None]],
        notifier: Notifier,
        status: Callable[[], str],
        read: Callable[[Path], Rules] = fit_rules,
    ) -> None:
        """apply: puts rules in force, or raises HookError and leaves all as it was; status: one line for systemd."""
        self._configuration = configuration
        self._apply = apply
        self._notifier = notifier
        self._status = status
        self._read = read
        self._turn = asyncio.Lock()
        self._waiting: asyncio.Task[Item] | None = None

    def request(self) -> asyncio.Task[Item]:
        """A reload that begins from now on; requests that come while one waits for its turn share it."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._reload(), name="reload")
        return self._waiting

    async def _reload(self) -> Item:
        async with self._turn:
            self._waiting = None
            self._notifier.reloading()
            begun = time.monotonic()
            problems = await self._attempt()
            self._tell(problems, time.monotonic() - begun)
            self._notifier.ready(self._status())
            return self._outcome(problems)

    async def _attempt(self) -> list[str]:
        """Tries; returns why it failed, nothing if it did not."""
        try:
            with switching_fast():
                rules = await asyncio.to_thread(self._read, self._configuration.path)
            await self._apply(rules)
        except Unfit as unfit:
            return unfit.problems
        except (HookError, OSError) as error:
            return [str(error)]
        except Exception as error:
            logger.exception("reload failed")
            return [f"{type(error).__name__}: {error}"]
        warnings = [str(warning) for warning in rules.document.warnings]
        self._configuration.worked(rules.policy.digest, time.time(), warnings)
        return []

    def _tell(self, problems: list[str], seconds: float) -> None:
        configuration = self._configuration
        if problems:
            configuration.failed(problems)
            logger.error("rules not reloaded, the old ones stay in force:\n%s", "\n".join(problems))
        else:
            fields = {
                "generation": configuration.generation,
                "hash": configuration.digest,
                "seconds": round(seconds, 3),
            }
            logger.info("rules reloaded", extra={"fields": fields})

    def _outcome(self, problems: list[str]) -> Item:
        configuration = self._configuration
        return {
            "ok": not problems,
            "file": str(configuration.path),
            "generation": configuration.generation,
            "problems": problems or configuration.problems,
        }


@contextlib.contextmanager
def switching_fast() -> Iterator[None]:
    """Lets the packet loop in often while another thread computes."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
