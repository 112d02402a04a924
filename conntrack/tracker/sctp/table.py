"""SCTP's states and transitions: the state machine as data.

Lives here: states, rows, timeouts. May not live here: verification tags (tags.py), which are what protects them.
A state is the association's, not one end's: the middle box says what was seen of it.
"""

from __future__ import annotations

from typing import Final

# Connection.state, numbered and spelled as the kernel does
NONE: Final = 0
CLOSED: Final = 1
COOKIE_WAIT: Final = 2
COOKIE_ECHOED: Final = 3
ESTABLISHED: Final = 4
SHUTDOWN_SENT: Final = 5
SHUTDOWN_RECD: Final = 6
SHUTDOWN_ACK_SENT: Final = 7
HEARTBEAT_SENT: Final = 8
INVALID: Final = 15

STATES: Final = (
    "NONE",
    "CLOSED",
    "COOKIE_WAIT",
    "COOKIE_ECHOED",
    "ESTABLISHED",
    "SHUTDOWN_SENT",
    "SHUTDOWN_RECD",
    "SHUTDOWN_ACK_SENT",
    "HEARTBEAT_SENT",
)

#: seconds in each state, by the name that a rules file uses; in the order of STATES, without NONE
TIMEOUTS: Final[dict[str, float]] = {
    "closed": 10.0,
    "cookie_wait": 3.0,
    "cookie_echoed": 3.0,
    "established": 210.0,
    "shutdown_sent": 3.0,
    "shutdown_received": 3.0,
    "shutdown_ack_sent": 3.0,
    "heartbeat_sent": 30.0,
}

_ABBREVIATED: Final = ("NO", "CL", "CW", "CE", "ES", "SS", "SR", "SA", "HS")

#   chunk type, state: NO CL CW CE ES SS SR SA HS       (--: invalid)
_ORIGINAL: Final = (
    " 1 INIT               CL CL CW CE ES CL CL SA CW",
    " 2 INIT ACK           CL CL CW CE ES SS SR SA CL",
    " 6 ABORT              CL CL CL CL CL CL CL CL CL",
    " 7 SHUTDOWN           CL CL CW CE SS SS SR SA CL",
    " 8 SHUTDOWN ACK       SA CL CW CE ES SA SA SA SA",
    " 9 ERROR              CL CL CW CE ES SS SR SA CL",
    "10 COOKIE ECHO        CL CL CE CE ES SS SR SA CL",
    "11 COOKIE ACK         CL CL CW ES ES SS SR SA CL",
    "14 SHUTDOWN COMPLETE  CL CL CW CE ES SS SR CL CL",
    " 4 HEARTBEAT          HS CL CW CE ES SS SR SA HS",
    " 5 HEARTBEAT ACK      CL CL CW CE ES SS SR SA HS",
)
_REPLY: Final = (
    " 1 INIT               -- CL CW CE ES SS SR SA --",
    " 2 INIT ACK           -- CW CW CE ES SS SR SA --",
    " 6 ABORT              -- CL CL CL CL CL CL CL --",
    " 7 SHUTDOWN           -- CL CW CE SR SS SR SA --",
    " 8 SHUTDOWN ACK       -- CL CW CE ES SA SA SA --",
    " 9 ERROR              -- CL CW CL ES SS SR SA --",
    "10 COOKIE ECHO        -- CL CE CE ES SS SR SA --",
    "11 COOKIE ACK         -- CL CW ES ES SS SR SA --",
    "14 SHUTDOWN COMPLETE  -- CL CW CE ES SS SR CL --",
    " 4 HEARTBEAT          -- CL CW CE ES SS SR SA HS",
    " 5 HEARTBEAT ACK      -- CL CW CE ES SS SR SA ES",
)

#: where the rows of packets in reply direction begin in TRANSITIONS; types from 16 on change nothing
REPLY_ROWS: Final = 256
CHUNK_TYPES: Final = 16


def _transitions() -> bytes:
    table = bytearray(range(16)) * 32
    for first, rows in ((0, _ORIGINAL), (REPLY_ROWS, _REPLY)):
        for row in rows:
            words = row.split()
            start = first + 16 * int(words[0])
            for state, cell in enumerate(words[-len(STATES) :]):
                table[start + state] = INVALID if cell == "--" else _ABBREVIATED.index(cell)
    return bytes(table)


#: REPLY_ROWS (of a reply packet) + 16 · chunk type + state → state or INVALID; data and the like keep the state
TRANSITIONS: Final = _transitions()


def step(original: bool, chunk: int, state: int) -> int:
    """The state that a chunk leads to, or INVALID."""
    if chunk >= CHUNK_TYPES:
        return state
    return TRANSITIONS[(0 if original else REPLY_ROWS) + 16 * chunk + state]
