"""Long work in the packet loop's thread, a little at a time.

Lives here: the pace. May not live here: any work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator


async def paced(steps: Iterator[None]) -> None:
    """Takes the steps with a turn of packets after each."""
    for _ in steps:
        await asyncio.sleep(0)
