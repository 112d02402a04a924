"""Why a connection left the table: numbers for the hot path, names for metrics and events.

Lives here: the table of endings. May not live here: who ends a connection.
"""

from typing import Final

TIMEOUT: Final = 0
CLOSED: Final = 1
REOPENED: Final = 2
EVICTED: Final = 3
DELETED: Final = 4
ADDRESS_GONE: Final = 5
POLICY: Final = 6
OVER: Final = 7

#: number → (name, meaning)
ENDINGS: Final[list[tuple[str, str]]] = [
    ("timeout", "nothing came for as long as its state allows"),
    ("closed", "its protocol ended it at once (an RST before any reply)"),
    ("reopened", "the same socket pair began anew"),
    ("evicted", "made room in a full table"),
    ("deleted", "an administrator deleted it"),
    ("address-gone", "the address or the route it was masqueraded by went away"),
    ("policy", "new rules forbid it"),
    ("over", "the call or session that it belonged to ended"),
]
