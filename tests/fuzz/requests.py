"""Requests on the control socket as a fuzz target.

Lives here: the target. May not live here: the commands' scene (tests/unit/service/test_commands.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache

from conntrack.service.protocol import Refused, decode_request, encode
from tests.unit.service.test_commands import Scene

#: answers that end; the others wait for what happens
COMMANDS = ("flows list", "flows get", "flows delete", "nat", "nat blocks", "nat whose", "nat mappings", "nat map",
            "nat unmap", "rules", "sets", "explain", "stats")  # fmt: skip
ASKED: list[tuple[str, dict[str, object]]] = [
    ("flows list", {"filters": {"address": "192.168.10.0/24", "port": 443, "state": "syn_sent"}, "limit": 5}),
    ("flows list", {"filters": {"protocol": "udp", "mark": "0x10", "family": "ipv4", "status": "assured"}}),
    ("flows get", {"id": 1}),
    ("flows delete", {"ids": [1, 2], "filters": {"rule": "outbound"}, "all": True}),
    ("nat whose", {"address": "203.0.113.1", "port": 40000, "time": 1.7e9}),
    ("nat map", {"protocol": "tcp", "address": "192.168.10.5", "port": 80, "lifetime": 60, "outside_port": 8080}),
    ("nat unmap", {"protocol": "tcp", "address": "192.168.10.5", "port": 80, "zone": "lan"}),
    ("rules", {"pair": "lan -> wan", "unused": True}),
    ("sets", {"holding": "198.51.100.9"}),
    ("explain", {"query": "wan 198.51.100.9 -> self tcp/22"}),
]
#: items of one answer that are looked at
MOST = 50


def request(data: bytes) -> None:
    """Whatever a client sends, each line is answered with items that can be told, or refused with a reason."""
    for line in data.split(b"\n")[:8]:
        try:
            name, arguments = decode_request(line)
            if name not in COMMANDS:
                continue
            answer = scene().table[name].run(arguments)
            assert isinstance(answer, Iterator)
            for _, item in zip(range(MOST), answer, strict=False):
                if item is not None:
                    encode(item)
        except Refused as refused:
            assert str(refused)
            encode({"error": {"kind": refused.kind, "message": str(refused)}})


@cache
def scene() -> Scene:
    """A gateway with flows, made once."""
    return Scene()


def lines() -> list[bytes]:
    """What a client really sends."""
    return [json.dumps({"command": name, "arguments": arguments}).encode() for name, arguments in ASKED]
