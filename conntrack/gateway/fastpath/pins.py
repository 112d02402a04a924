"""Where maps and links outlive the daemon: a folder for each network namespace in a BPF file system of our own.

Lives here: mounting it, finding and removing folders. May not live here: what is pinned.
/sys/fs/bpf would not do: `ip netns exec` hides it. A mount that is made inside the mount namespace of such a command,
or of a hardened service, ends with it, so it is made where process 1 is, from where the others get it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from conntrack.gateway.fastpath.errors import FastPathError

ROOT: Final = Path("/run/pairwall/bpf")
#: what pins of attachments begin with, by hook; a map may be called something like it
TC: Final = "link"
XDP: Final = "xdp"
HOOKS: Final = (TC, XDP)
_SO_NETNS_COOKIE: Final = 71
_MS_NOSUID_NODEV_NOEXEC: Final = 2 | 4 | 8
_REMEDY: Final = f"mount it before the daemon starts: mount -t bpf bpf {ROOT}"
_libc: Final = ctypes.CDLL(None, use_errno=True)


def folder(root: Path = ROOT) -> Path:
    """This network namespace's folder; it need not be there. FastPathError: there is no BPF file system."""
    ready(root)
    return root / f"net{namespace()}"


def made(root: Path = ROOT) -> Path:
    """The same, and it is there. FastPathError: it cannot be made."""
    here = folder(root)
    try:
        here.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        remedy = f"the daemon's user must own {root}, as systemd/pairwall.service.d/fastpath.conf has it"
        raise FastPathError(f"cannot make {here} ({error.strerror})", remedy, error.errno or 0) from error
    return here


def claimed(here: Path) -> int:
    """A descriptor that holds the folder for this process until it is closed. FastPathError: another process has it."""
    held = os.open(here, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        remedy = "stop the one, or set `fastpath: off` for the other"
        raise FastPathError(
            "another daemon has the fast path of this network namespace", remedy, error.errno or 0
        ) from error
    return held


def is_claimed(here: Path) -> bool:
    """Whether a process works with the folder."""
    try:
        os.close(claimed(here))
    except FastPathError:
        return True
    return False


def ready(root: Path = ROOT) -> None:
    """Makes sure that there is a BPF file system. FastPathError: there is none, and it cannot be mounted."""
    if mounted(root):
        return
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o750)
        _mount(root)
    except OSError as error:
        raise FastPathError(f"no BPF file system at {root} ({error.strerror})", _REMEDY, error.errno or 0) from error
    if not mounted(root):
        raise FastPathError(f"no BPF file system at {root}", _REMEDY)


def mounted(root: Path = ROOT) -> bool:
    """Whether the folder is a BPF file system already."""
    return any(line.split(" ")[4] == str(root) and " - bpf " in line for line in _mounts())


def folders(root: Path = ROOT) -> list[Path]:
    """The folders of all network namespaces. PermissionError: they are somebody else's."""
    return sorted(path for path in root.iterdir() if path.name.startswith("net")) if mounted(root) else []


def links(here: Path, hook: str = TC) -> Iterator[tuple[int, Path]]:
    """(interface index, pin) of the attachments in a folder."""
    if here.exists():
        for path in sorted(here.iterdir()):
            number = path.name.removeprefix(hook)
            if number.isdigit():
                yield int(number), path


def link(here: Path, interface: int, hook: str = TC) -> Path:
    """The pin of an attachment."""
    return here / f"{hook}{interface}"


def remove(here: Path) -> None:
    """Removes a folder with its pins; what nobody else holds is gone with them."""
    with contextlib.suppress(FileNotFoundError):
        for path in here.iterdir():
            path.unlink()
        here.rmdir()


def namespace() -> int:
    """A number of this network namespace that is never used again until the next boot."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            return int.from_bytes(probe.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8), "little")
        except OSError:  # below Linux 5.14
            return Path("/proc/self/ns/net").stat().st_ino


def _mounts() -> list[str]:
    return Path("/proc/self/mountinfo").read_text().splitlines()


def _mount(root: Path) -> None:
    if _apart():
        words = ["nsenter", "--target", "1", "--mount", "mount", "-t", "bpf", "bpf", str(root)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(done.returncode, done.stderr.strip() or "nsenter failed")
        return
    if _libc.mount(b"bpf", os.fsencode(root), b"bpf", _MS_NOSUID_NODEV_NOEXEC, b"mode=0700"):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _apart() -> bool:
    """Whether this process has a mount namespace other than process 1's."""
    try:
        return Path("/proc/self/ns/mnt").stat().st_ino != Path("/proc/1/ns/mnt").stat().st_ino
    except OSError:
        return False
