"""The garbage collector, tamed for a process that keeps a million connections.

Lives here: when garbage is looked for. May not live here: any data.

Python's collector walks every living object of a generation; with a million connections that is most of a second
without a verdict. Connections need it not: Table.remove cuts their circles, so reference counts free them at once. What
does make circles is rare (a control client's task, a reload). So the automatic collector is off. `tidy` looks at what
is younger than the last `tidy`, if that is little, and then moves all survivors out of the collector's sight
(gc.freeze), so that nothing is ever walked twice. If it is much (new connections mostly), it is moved away unseen: a
few lost circles are the price, and bounded by what clients ask for.
"""

from __future__ import annotations

import gc
from typing import Final

#: container objects that are walked in about 5 ms
YOUNG_LIMIT: Final = 50_000
#: seconds between two looks
PERIOD: Final = 30.0


def take_over() -> None:
    """Called once, when the daemon is set up: from here on garbage is looked for by `tidy` only."""
    gc.disable()
    gc.collect()
    gc.freeze()


def tidy() -> bool:
    """Looks for garbage if that is quick; says whether it did."""
    quick = gc.get_count()[0] <= YOUNG_LIMIT
    if quick:
        gc.collect()
    gc.freeze()
    return quick


def give_back() -> None:
    """Undoes `take_over`, for processes that go on (tests)."""
    gc.unfreeze()
    gc.enable()
