"""Running nft and iptables.

Lives here: where the programs are, their input, their time limit, their complaints. May not live here: rules.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Final

#: seconds; a tool that waits longer for a lock or the kernel is given up
LIMIT: Final = 20
#: seconds that iptables-legacy waits for its lock
LOCK_WAIT: Final = "5"
_PATH: Final = "/usr/sbin:/sbin:/usr/bin:/bin"


class HookError(Exception):
    """The hook rules cannot be put in place or taken out; the text names the tool, its complaint and a remedy."""


class Missing(HookError):
    """The program is not installed."""


def path_of(program: str) -> str | None:
    """Where a program is; system folders are looked into even if PATH leaves them out."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_PATH}")


def run(program: str, *words: str, text: str = "") -> str:
    """Runs a program with `text` as its input; returns what it printed. HookError: it failed, with its complaint."""
    path = path_of(program)
    if path is None:
        raise Missing(f"{program} is not installed")
    try:
        done = subprocess.run(
            [path, *words], input=text, capture_output=True, text=True, timeout=LIMIT, check=False, env=_environment()
        )
    except subprocess.TimeoutExpired as error:
        raise HookError(f"{program} did not finish in {LIMIT} s") from error
    except OSError as error:
        raise HookError(f"{program} cannot be started: {error.strerror}") from error
    if done.returncode:
        raise HookError(f"{program}: {complaint(done.stderr)}")
    return done.stdout


def complaint(text: str) -> str:
    """The lines of a tool's error output that say something, as one line."""
    lines = [line.strip() for line in text.splitlines()]
    telling = [line for line in lines if line.strip("^ ") and not line.startswith(("#", "Try `"))]
    return "; ".join(telling) or "failed without saying why"


def _environment() -> dict[str, str]:
    """Messages in English, whatever the host speaks: they are compared and logged."""
    return {**os.environ, "LC_ALL": "C"}
