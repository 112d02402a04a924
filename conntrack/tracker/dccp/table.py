"""DCCP's states and transitions, by the sender's role (RFC 4340 §8.4): the state machine as data.

Lives here: states, rows, timeouts. May not live here: who is client (machine.py).
What only one end knows of itself (RFC 4340's REQUEST, RESPOND, PARTOPEN, CLOSEREQ) is here what was seen to happen.
"""

from __future__ import annotations

from typing import Final

# Connection.state, numbered and spelled as the kernel did while it tracked DCCP (before 6.16)
NONE: Final = 0
REQUEST: Final = 1
RESPOND: Final = 2
PARTOPEN: Final = 3
OPEN: Final = 4
CLOSEREQ: Final = 5
CLOSING: Final = 6
TIMEWAIT: Final = 7
# what the table may say instead of a state
IGNORED: Final = 14
INVALID: Final = 15

STATES: Final = ("NONE", "REQUEST", "RESPOND", "PARTOPEN", "OPEN", "CLOSEREQ", "CLOSING", "TIMEWAIT")

#: seconds in each state; in the order of STATES, without NONE. MSL is two minutes (RFC 4340 §3.4)
TIMEOUTS: Final[dict[str, float]] = {
    "request": 240.0,
    "respond": 480.0,
    "partopen": 480.0,
    "open": 43200.0,
    "closereq": 64.0,
    "closing": 64.0,
    "timewait": 240.0,
}

_ABBREVIATED: Final[dict[str, int]] = {
    "NO": NONE,
    "RQ": REQUEST,
    "RS": RESPOND,
    "PO": PARTOPEN,
    "OP": OPEN,
    "CR": CLOSEREQ,
    "CG": CLOSING,
    "TW": TIMEWAIT,
    "IG": IGNORED,
    "IV": INVALID,
}
#  packet type  in:  NO RQ RS PO OP CR CG TW
_CLIENT: Final = (
    " 0 REQUEST       RQ RQ RS IG IG IG IG RQ",
    " 1 RESPONSE      IV IG IG IG IG IG IG IV",
    " 2 DATA          IV IV IV IV OP CR CG IV",
    " 3 ACK           IV IV PO PO OP CR CG IV",
    " 4 DATAACK       IV IV PO PO OP CR CG IV",
    " 5 CLOSEREQ      IV IV IV IV IV IV IV IV",
    " 6 CLOSE         IV IV IV CG CG CG CG IV",
    " 7 RESET         IV TW TW TW TW TW TW IG",
    " 8 SYNC          IV IG IG IG IG IG IG IG",
    " 9 SYNCACK       IV IG IG IG IG IG IG IG",
)
_SERVER: Final = (
    " 0 REQUEST       IV IG IG IG IG IG IG RQ",
    " 1 RESPONSE      IV RS RS IG IG IG IG IV",
    " 2 DATA          IV IV IV OP OP IV CG IV",
    " 3 ACK           IV IV IV OP OP IV CG IV",
    " 4 DATAACK       IV IV IV OP OP IV CG IV",
    " 5 CLOSEREQ      IV IV IV CR CR CR CR IV",
    " 6 CLOSE         IV IV IV CG CG IV CG IV",
    " 7 RESET         IV TW TW TW TW TW TW IG",
    " 8 SYNC          IV IG IG IG IG IG IG IG",
    " 9 SYNCACK       IV IG IG IG IG IG IG IG",
)

#: where the rows of a server's packets begin in TRANSITIONS
SERVER_ROWS: Final = 256


def _transitions() -> bytes:
    table = bytearray([INVALID]) * 512
    for first, rows in ((0, _CLIENT), (SERVER_ROWS, _SERVER)):
        for row in rows:
            kind, _, *cells = row.split()
            for state, cell in enumerate(cells):
                table[first + 16 * int(kind) + state] = _ABBREVIATED[cell]
    return bytes(table)


#: SERVER_ROWS (of a server's packet) + 16 · packet type (0–15) + state → state, IGNORED or INVALID
TRANSITIONS: Final = _transitions()


def step(client: bool, kind: int, state: int) -> int:
    """What a packet of this type makes of this state: a state, IGNORED or INVALID."""
    return TRANSITIONS[(0 if client else SERVER_ROWS) + 16 * kind + state]
