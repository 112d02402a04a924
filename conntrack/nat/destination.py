"""Where a destination rule sends a new connection.

Lives here: the target's address and port. May not live here: which rule applies (policy/), whether there is a
route (engine/).
"""

from __future__ import annotations

from zlib import crc32

from mypy_extensions import i64

from conntrack.packet.counterpart import counterpart
from conntrack.policy.nat_rule import FORWARD, ONE_TO_ONE, NatRule


def spread(source: bytes, members: list[bytes]) -> bytes:
    """One member, the same for the same source as long as the members stay.

    Hashing the address alone keeps a client with one server, and a host with one outside address.
    """
    return members[crc32(source) % len(members)]


def fitting(source: bytes, members: list[bytes]) -> bytes:
    """The same among the members of the source's family; b"" if there is none."""
    found = [member for member in members if len(member) == len(source)]
    return spread(source, found) if found else b""


def target(rule: NatRule, source: bytes, asked: bytes, port: i64, here: bytes) -> tuple[bytes, i64]:
    """The (address, port) that a matching connection is sent to; address b"" where the rule has none of the family.

    source: the client's address; asked, port: the original destination; here: the gateway's own address that a
    redirect goes to.
    """
    if rule.kind == FORWARD:
        return fitting(source, rule.addresses), target_port(rule, port)
    if rule.kind == ONE_TO_ONE:
        if len(rule.addresses[1]) != len(source):
            return b"", port
        return counterpart(asked, rule.addresses[0], rule.addresses[1], rule.neutral), port
    return here, target_port(rule, port)


def target_port(rule: NatRule, port: i64) -> i64:
    """A rule without a target port keeps the port; a range keeps the offset within it."""
    if rule.port_low == 0:
        return port
    if rule.port_high > rule.port_low:
        return rule.port_low + (port - rule.first_port)
    return rule.port_low
