"""One map in the kernel: bytes in, bytes out.

Lives here: the operations of bpf(2) on maps, singly and in batches. May not live here: what keys and values mean.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple

from conntrack.gateway.fastpath import syscalls

_SINGLE: Final = Struct("=QQQQ")  # descriptor, key, value, flags
_BATCH: Final = Struct("=QQQQIIQQ")  # in, out, keys, values, count, descriptor, element flags, flags
_COUNT_AT: Final = 32
_INFO: Final = Struct("=IIIIII16s")  # type, id, key size, value size, capacity, flags, name


class Shape(NamedTuple):
    """What a map is, apart from its contents."""

    name: str
    key_size: int
    value_size: int
    capacity: int


class KernelMap:
    """A map by its file descriptor, which this object owns. Not to be used by two threads at once."""

    def __init__(self, descriptor: int, copies: int = 1) -> None:
        """copies: of each value that a look-up returns, for a per-CPU map the number of CPUs."""
        _, _, key_size, value_size, capacity, _, name = _INFO.unpack(syscalls.info(descriptor, _INFO.size))
        self.shape = Shape(name.rstrip(b"\0").decode(), key_size, value_size, capacity)
        self.descriptor = descriptor
        self._key = ctypes.create_string_buffer(key_size)
        self._value = ctypes.create_string_buffer(value_size * copies)
        where = ctypes.addressof(self._key), ctypes.addressof(self._value)
        self._plain = syscalls.block(_SINGLE, descriptor, *where, 0)
        self._locked = syscalls.block(_SINGLE, descriptor, *where, syscalls.LOCK)
        self._keyed = syscalls.block(_SINGLE, descriptor, where[0], 0, 0)  # removing takes no value

    def look(self, key: bytes, locked: bool = False) -> bytes | None:
        """The value of a key. locked: as one piece, in a map whose values have a lock."""
        self._key.raw = key
        return self._answer(syscalls.MAP_LOOKUP, self._locked if locked else self._plain)

    def put(self, key: bytes, value: bytes, locked: bool = False) -> None:
        """Sets the value of a key. FastPathError: full, or no memory. locked: as `look` has it."""
        self._key.raw = key
        self._value.raw = value
        result = syscalls.call(syscalls.MAP_UPDATE, self._locked if locked else self._plain)
        if result < 0:
            raise syscalls.failure(f"write to the map {self.shape.name}", -result)

    def remove(self, key: bytes) -> bool:
        """Removes a key; whether it was there."""
        self._key.raw = key
        result = syscalls.call(syscalls.MAP_DELETE, self._keyed)
        if result < 0 and result != -errno.ENOENT:
            raise syscalls.failure(f"remove from the map {self.shape.name}", -result)
        return result == 0

    def put_many(self, keys: bytes, values: bytes, locked: bool = False) -> int:
        """Sets many, given one after the other; returns how many were set before the map refused one."""
        count = len(keys) // self.shape.key_size
        if not count:
            return 0
        how = syscalls.LOCK if locked else 0
        batch = syscalls.block(_BATCH, 0, 0, _address(keys), _address(values), count, self.descriptor, how, 0)
        result = syscalls.call(syscalls.MAP_UPDATE_BATCH, batch)
        return count if result == 0 else _count(batch)

    def batches(self, chunk: int) -> Iterator[tuple[bytes, bytes]]:
        """All keys and values, about `chunk` at a system call; more where one bucket of the hash table holds more.

        What comes or goes meanwhile may be in or not.
        """
        cursor = ctypes.create_string_buffer(max(self.shape.key_size, 4))
        room = 0
        begun = False
        over = False
        while not over:
            if room < chunk:
                room = chunk
                keys = ctypes.create_string_buffer(room * self.shape.key_size)
                values = ctypes.create_string_buffer(room * self.shape.value_size)
                where = ctypes.addressof(cursor), ctypes.addressof(keys), ctypes.addressof(values)
            batch = syscalls.block(_BATCH, where[0] if begun else 0, *where, chunk, self.descriptor, 0, 0)
            result = syscalls.call(syscalls.MAP_LOOKUP_BATCH, batch)
            if result == -errno.ENOSPC:
                chunk *= 2
                continue
            if result < 0 and result != -errno.ENOENT:
                raise syscalls.failure(f"read the map {self.shape.name}", -result)
            begun = True
            over = result == -errno.ENOENT
            count = _count(batch)
            if count:
                yield (
                    ctypes.string_at(where[1], count * self.shape.key_size),
                    ctypes.string_at(where[2], count * self.shape.value_size),
                )

    def pin(self, path: Path) -> None:
        """Names it in a bpffs."""
        syscalls.pin(self.descriptor, path)

    def close(self) -> None:
        """Gives the descriptor back; a pinned map stays."""
        os.close(self.descriptor)

    def _answer(self, command: int, block: ctypes.Array[ctypes.c_char]) -> bytes | None:
        result = syscalls.call(command, block)
        if result == 0:
            return self._value.raw
        if result == -errno.ENOENT:
            return None
        raise syscalls.failure(f"read the map {self.shape.name}", -result)


def _address(data: bytes) -> int:
    """Where the bytes of an object are, for as long as it lives."""
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0


def _count(batch: ctypes.Array[ctypes.c_char]) -> int:
    """How many entries a batch command says it has done."""
    return int.from_bytes(batch.raw[_COUNT_AT : _COUNT_AT + 4], sys.byteorder)
