"""`pairwall nat mappings`, `map` and `unmap`: outside ports that inside sockets have, and asking for one.

Lives here: their options and columns. May not live here: granting (engine/requested.py).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from conntrack.cli.client import Client
from conntrack.cli.endpoints import endpoint
from conntrack.cli.output import Column, duration, write
from conntrack.service.exits import FAILED, OK, USAGE, Failure
from conntrack.service.protocol import Item

if TYPE_CHECKING:
    Actions = argparse._SubParsersAction[argparse.ArgumentParser]

ACTIONS: Final = ("mappings", "map", "unmap")
COLUMNS = (
    Column("PROTO", lambda mapping: mapping["protocol"]),
    Column("INSIDE", lambda mapping: endpoint(mapping["address"], mapping["port"])),
    Column("OUTSIDE", lambda mapping: endpoint(mapping["outside_address"], mapping["outside_port"])),
    Column("CONNECTIONS", lambda mapping: mapping["connections"], right=True),
    Column("OPEN TO", lambda mapping: mapping["zone"] or "peers only"),
    Column("ASKED BY", lambda mapping: mapping["owner"] or "-"),
    Column("EXPIRES", lambda mapping: "-" if mapping["expires"] is None else duration(mapping["expires"]), right=True),
)


def configure(actions: Actions) -> list[argparse.ArgumentParser]:
    """The three actions."""
    listing = actions.add_parser("mappings", help="show which inside socket has which outside port")
    ask = actions.add_parser("map", help="let anybody reach an inside socket by an outside port, for a while (root)")
    end = actions.add_parser("unmap", help="end what `map` began (root)")
    for action in (ask, end):
        action.add_argument("protocol", metavar="PROTOCOL", help="tcp, udp, udplite, sctp or dccp")
        action.add_argument("inside", metavar="ADDRESS:PORT", help="the inside socket; [2001:db8::5]:80 for IPv6")
        action.add_argument("--zone", metavar="ZONE", help="its zone, where its address is not enough to tell")
    ask.add_argument("--outside", metavar="[ADDRESS:]PORT", help="the outside port that it must be; default any")
    ask.add_argument("--lifetime", type=int, metavar="SECONDS", help="how long (default 3600, at most a day)")
    ask.add_argument("--owner", metavar="NAME", help="who asks: nobody else may extend it")
    return [listing, ask, end]


def run(options: argparse.Namespace) -> int:
    """Called by nat.py."""
    arguments: Item = {}
    if options.action != "mappings":
        address, port = socket_of(options.inside)
        arguments = {"protocol": options.protocol, "address": address, "port": port, "zone": options.zone}
    if options.action == "map":
        arguments |= {"lifetime": options.lifetime, "owner": options.owner}
        if options.outside:
            outside, outside_port = socket_of(options.outside, port_only=True)
            arguments |= {"outside_address": outside, "outside_port": outside_port}
    with Client(options.control) as client:
        return OK if write(client.items(f"nat {options.action}", **arguments), options.output, COLUMNS) else FAILED


def socket_of(text: str, port_only: bool = False) -> tuple[str, int]:
    """`192.0.2.1:80` or `[2001:db8::1]:80` taken apart; a port alone has the address "". Failure: it is neither."""
    address, colon, port = text.rpartition(":")
    bare = address.startswith("[") == address.endswith("]") and (":" not in address or address.startswith("["))
    if not port.isdigit() or not bare or not (colon or port_only):
        raise Failure(f"{text} is no socket: write 192.0.2.1:80 or [2001:db8::1]:80", USAGE)
    return address.strip("[]"), int(port)
