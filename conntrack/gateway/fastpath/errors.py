"""The one exception that leaves the fast path.

Lives here: FastPathError. May not live here: the system calls that fail.
"""

from __future__ import annotations


class FastPathError(Exception):
    """The fast path cannot be had, or a map refused. `remedy` says what to do about it; str() gives both."""

    def __init__(self, problem: str, remedy: str, number: int = 0) -> None:
        super().__init__(f"{problem}: {remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy
        self.errno = number  # of the system call, 0 where there was none
