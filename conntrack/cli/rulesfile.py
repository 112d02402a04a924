"""A rules file for commands that work without a daemon.

Lives here: reading one, and telling what is wrong with it. May not live here: the checks themselves (policy/). Imported
only by commands that need it: it brings pydantic and yaml along.
"""

from __future__ import annotations

import time
from pathlib import Path

from conntrack.policy.compile import compile_policy
from conntrack.policy.document import Document
from conntrack.policy.load import load
from conntrack.policy.policy import Policy
from conntrack.policy.problems import PolicyError
from conntrack.service.exits import BAD_CONFIGURATION, Failure


def compiled(path: Path) -> tuple[Document, Policy]:
    """A rules file as document and policy. Failure with code 78: it has mistakes, all of which are told."""
    try:
        document = load(path)
    except PolicyError as error:
        raise Failure(mistakes(error), BAD_CONFIGURATION) from None
    return document, compile_policy(document, time.localtime)


def mistakes(error: PolicyError) -> str:
    """All problems of a file, and how many."""
    count = len(error.problems)
    listed = "\n".join(str(problem) for problem in error.problems)
    return f"the rules file has {count} mistake{'' if count == 1 else 's'}\n{listed}"
