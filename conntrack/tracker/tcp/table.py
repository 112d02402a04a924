"""TCP's states, flag classes and transitions: the state machine as data.

Lives here: the table that packets are judged by, the diagrams are drawn from and the fast path is fed with.
May not live here: code that decides (machine.py) or what no table of state and flags can say (around.py).

The middle box sees every packet but not which of them arrive. So a state says what was *seen*, and a packet that
contradicts it is not always wrong: where the hosts may know better, it is IGNORED, passed without being believed.
"""

from __future__ import annotations

from typing import Final

from conntrack.packet.header import ACK as ACK_FLAG
from conntrack.packet.header import FIN as FIN_FLAG
from conntrack.packet.header import RST as RST_FLAG
from conntrack.packet.header import SYN as SYN_FLAG
from conntrack.packet.header import URG as URG_FLAG

# Connection.state, numbered and spelled as the kernel does
NONE: Final = 0
SYN_SENT: Final = 1
SYN_RECV: Final = 2
ESTABLISHED: Final = 3
FIN_WAIT: Final = 4
CLOSE_WAIT: Final = 5
LAST_ACK: Final = 6
TIME_WAIT: Final = 7
CLOSE: Final = 8
SYN_SENT2: Final = 9  # a SYN from both sides: simultaneous open
# what the table may say instead of a state
IGNORED: Final = 14
INVALID: Final = 15

STATES: Final = (
    "NONE",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT2",
)

# flag classes, in the order that RST > SYN > FIN > ACK tells them apart
SYN: Final = 0
SYNACK: Final = 1
FIN: Final = 2
ACK: Final = 3
RST: Final = 4
UNUSUAL: Final = 5  # a set of flags that no stack sends: invalid in every state

CLASS_NAMES: Final = ("SYN", "SYNACK", "FIN", "ACK", "RST")

#: the only sets of flags that stacks send, PSH, ECE and CWR aside
LEGAL: Final[dict[int, int]] = {
    SYN_FLAG: SYN,
    SYN_FLAG | URG_FLAG: SYN,
    SYN_FLAG | ACK_FLAG: SYNACK,
    FIN_FLAG | ACK_FLAG: FIN,
    FIN_FLAG | ACK_FLAG | URG_FLAG: FIN,
    ACK_FLAG: ACK,
    ACK_FLAG | URG_FLAG: ACK,
    RST_FLAG: RST,
    RST_FLAG | ACK_FLAG: RST,
}

#: rows by flag class, columns by state; IG: ignored, IV: invalid
_ABBREVIATED: Final[dict[str, int]] = {
    "NO": NONE,
    "SS": SYN_SENT,
    "SR": SYN_RECV,
    "ES": ESTABLISHED,
    "FW": FIN_WAIT,
    "CW": CLOSE_WAIT,
    "LA": LAST_ACK,
    "TW": TIME_WAIT,
    "CL": CLOSE,
    "S2": SYN_SENT2,
    "IG": IGNORED,
    "IV": INVALID,
}
#          state:  NO SS SR ES FW CW LA TW CL S2
_ORIGINAL: Final = (
    "SYN     SS SS IG IG IG IG IG SS SS S2",
    "SYNACK  IV IV SR IV IV IV IV IV IV SR",
    "FIN     IV IV FW FW LA LA LA TW CL IV",
    "ACK     ES IV ES ES CW CW TW TW CL IV",
    "RST     IV CL CL CL CL CL CL CL CL CL",
)
_REPLY: Final = (
    "SYN     IV S2 IV IV IV IV IV SS IV S2",
    "SYNACK  IV SR IG IG IG IG IG IG IG SR",
    "FIN     IV IV FW FW LA LA LA TW CL IV",
    "ACK     IV IG SR ES CW CW TW TW CL IG",
    "RST     IV CL CL CL CL CL CL CL CL CL",
)

#: where the rows of packets in reply direction begin in TRANSITIONS
REPLY_ROWS: Final = 128


def _classes() -> bytes:
    ignored = 0xFF & ~(FIN_FLAG | SYN_FLAG | RST_FLAG | ACK_FLAG | URG_FLAG)
    return bytes([LEGAL.get(flags & ~ignored, UNUSUAL) for flags in range(256)])


def _transitions() -> bytes:
    table = bytearray([INVALID]) * 256
    for first, rows in ((0, _ORIGINAL), (REPLY_ROWS, _REPLY)):
        for row in rows:
            kind, *cells = row.split()
            start = first + 16 * CLASS_NAMES.index(kind)
            for state, cell in enumerate(cells):
                table[start + state] = _ABBREVIATED[cell]
    return bytes(table)


#: all eight flag bits → flag class
CLASSES: Final = _classes()
#: REPLY_ROWS (of a reply packet) + 16 · flag class + state → state, IGNORED or INVALID
TRANSITIONS: Final = _transitions()


def step(original: bool, kind: int, state: int) -> int:
    """What the table says of a packet of flag class `kind` while in `state`: a state, IGNORED or INVALID."""
    return TRANSITIONS[(0 if original else REPLY_ROWS) + 16 * kind + state]
