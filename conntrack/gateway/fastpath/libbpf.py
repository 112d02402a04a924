"""libbpf by ctypes: from an ELF object to loaded programs and maps.

Lives here: the library's functions and the text of its complaints. May not live here: what our object
holds (loader.py).
"""

from __future__ import annotations

import ctypes
import os
from errno import E2BIG, EINVAL
from pathlib import Path
from typing import Any, Final

from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.syscalls import failure

_LIBRARY: Final = "libbpf.so.1"
_TOO_OLD: Final = "this kernel is too old for it: Linux 6.1 or later is needed"
ENOTSUPP: Final = 524  # the kernel's own, of no libc
_WARNING: Final = 0  # enum libbpf_print_level
_LINES: Final = 12  # of a complaint, as much as helps
_PRINT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


class Library:
    """libbpf, opened; `said` is what it complained of since the last open_object."""

    def __init__(self) -> None:
        """FastPathError: it is not installed."""
        try:
            self._bpf = ctypes.CDLL(_LIBRARY, use_errno=True)
        except OSError:
            raise FastPathError(f"{_LIBRARY} is not installed", "install libbpf1 (Debian) or libbpf (others)") from None
        self._libc = ctypes.CDLL(None)
        self.said: list[str] = []
        self._print = _PRINT(self._hear)  # must live as long as libbpf may call it
        self._bpf.libbpf_set_print.restype = ctypes.c_void_p
        self._bpf.libbpf_set_print(self._print)

    def open_object(self, path: Path) -> Object:
        """Reads an ELF object. FastPathError: it cannot be read."""
        self.said.clear()
        handle = self.pointer("bpf_object__open_file", os.fsencode(path), None)
        if not handle:
            raise self.complaint(f"read {path}", ctypes.get_errno())
        return Object(self, handle, path)

    def pointer(self, name: str, *arguments: Any) -> int:
        """Calls a function that returns a pointer."""
        function = self._bpf[name]
        function.restype = ctypes.c_void_p
        return function(*map(_passed, arguments)) or 0

    def number(self, name: str, *arguments: Any) -> int:
        """Calls a function that returns an int."""
        function = self._bpf[name]
        function.restype = ctypes.c_int
        return int(function(*map(_passed, arguments)))

    def complaint(self, what: str, number: int) -> FastPathError:
        """The error to raise, with what libbpf and the verifier said."""
        error = failure(what, number)
        remedy = _TOO_OLD if number in (EINVAL, E2BIG, ENOTSUPP) else error.remedy
        text = "\n".join("".join(self.said).splitlines()[-_LINES:])
        return FastPathError(error.problem, "\n".join(part for part in (remedy, text) if part), number)

    def _hear(self, level: int, text: int, arguments: int) -> int:
        """Called by libbpf with a format and a va_list."""
        if level == _WARNING:
            line = ctypes.create_string_buffer(4096)
            self._libc.vsnprintf(line, ctypes.c_size_t(len(line)), ctypes.c_void_p(text), ctypes.c_void_p(arguments))
            self.said.append(line.value.decode(errors="replace"))
        return 0


class Object:
    """An object file in libbpf's hands: set sizes, load, take descriptors, close."""

    def __init__(self, library: Library, handle: int, path: Path) -> None:
        self._library = library
        self._handle = ctypes.c_void_p(handle)
        self._path = path

    def resize(self, name: str, capacity: int) -> None:
        """Sets how many entries a map is to have room for."""
        self._checked(self._library.number("bpf_map__set_max_entries", self._map(name), capacity), f"size {name}")

    def reuse(self, name: str, descriptor: int) -> None:
        """Makes the object use a map that is there instead of a new one. The caller has looked at its shape."""
        self._checked(self._library.number("bpf_map__reuse_fd", self._map(name), descriptor), f"take over {name}")

    def leave_out(self, program: str) -> None:
        """Does not load this program."""
        self._checked(
            self._library.number("bpf_program__set_autoload", self._program(program), False), f"leave {program} out"
        )

    def load(self) -> None:
        """Makes maps, loads programs. FastPathError: the kernel refuses."""
        result = self._library.number("bpf_object__load", self._handle)
        if result < 0:
            raise self._library.complaint(f"load {self._path.name}", -result)

    def map(self, name: str) -> int:
        """A descriptor of a map, the caller's own."""
        return os.dup(self._library.number("bpf_map__fd", self._map(name)))

    def program(self, name: str) -> int:
        """A descriptor of a loaded program, the caller's own."""
        return os.dup(self._library.number("bpf_program__fd", self._program(name)))

    def close(self) -> None:
        """Lets go of everything whose descriptor nobody took."""
        self._library.pointer("bpf_object__close", self._handle)

    def _map(self, name: str) -> ctypes.c_void_p:
        found = self._library.pointer("bpf_object__find_map_by_name", self._handle, name.encode())
        if not found:
            raise FastPathError(f"{self._path} has no map {name}", "it is of another version: build it again")
        return ctypes.c_void_p(found)

    def _program(self, name: str) -> ctypes.c_void_p:
        found = self._library.pointer("bpf_object__find_program_by_name", self._handle, name.encode())
        if not found:
            raise FastPathError(f"{self._path} has no program {name}", "it is of another version: build it again")
        return ctypes.c_void_p(found)

    def _checked(self, result: int, what: str) -> None:
        if result < 0:
            raise self._library.complaint(what, -result)


def _passed(argument: Any) -> Any:
    """ctypes takes pointers, bytes and None as they are; plain integers as C ints."""
    return ctypes.c_uint(argument) if isinstance(argument, int) else argument
