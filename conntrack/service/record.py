"""The record of the rules in force, kept in the state folder for whoever looks when no daemon answers.

Lives here: writing it whole or not at all. May not live here: connections (they do not outlive the daemon).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from pathlib import Path

from conntrack.service.protocol import Item

FILE = "state.json"

logger = logging.getLogger("pairwall.state")


def keep(folder: Path | None, state: Item) -> bool:
    """Writes the record; False, and a line in the log, if it cannot (a full disk must not stop a gateway)."""
    if folder is None:
        return True
    fresh = folder / (FILE + ".new")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with fresh.open("w") as file:
            json.dump(state, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / FILE)
    except OSError as error:
        logger.error("%s: cannot keep the record of the rules in force: %s", folder / FILE, error.strerror or error)
        with contextlib.suppress(OSError):
            fresh.unlink()
        return False
    return True
