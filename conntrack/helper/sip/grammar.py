"""SIP's headers that a translator reads, with their compact forms (RFC 3261 §7.3.3, §20).

Lives here: the list. May not live here: what stands in them (values.py).
"""

from __future__ import annotations

from typing import Final

from conntrack.helper.message import Grammar

SIP: Final = Grammar(
    b"SIP/2.0",
    {
        b"via": b"via",
        b"v": b"via",
        b"contact": b"contact",
        b"m": b"contact",
        b"content-length": b"content-length",
        b"l": b"content-length",
        b"content-type": b"content-type",
        b"c": b"content-type",
        b"content-encoding": b"content-encoding",
        b"e": b"content-encoding",
        b"call-id": b"call-id",
        b"i": b"call-id",
        b"cseq": b"cseq",
        b"expires": b"expires",
    },
    frozenset((b"content-length", b"content-type", b"content-encoding", b"call-id", b"cseq", b"expires")),
    True,
)
