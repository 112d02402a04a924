"""Exit codes and the exception that carries one.

Lives here: the stable numbers (the last two are those of sysexits.h). May not live here: anything heavy, for the
client imports it.
"""

from __future__ import annotations

from typing import Final

OK: Final = 0
FAILED: Final = 1  # no match, or it did not work
USAGE: Final = 2  # argparse's own
UNREACHABLE: Final = 69  # EX_UNAVAILABLE: no daemon answers
BAD_CONFIGURATION: Final = 78  # EX_CONFIG: systemd's RestartPreventExitStatus= knows it

#: `explain` only
DROPPED: Final = 3
REJECTED: Final = 4


class Failure(Exception):
    """Ends a command with a message for the user (with the remedy in it) and an exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code
