"""Addresses, networks and ranges, and what is made of them: selections, targets, listening sockets.

Lives here: their parsers; all raise Wrong. Packed by inet_pton, which takes one strict spelling only and is fast enough
for files of 100 000 lines. May not live here: reading such files (setfile.py), names of sets and whether they exist.
"""

from __future__ import annotations

import re
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any, Final

from conntrack.policy.lists import each
from conntrack.policy.problems import Wrong
from conntrack.policy.raw import Row
from conntrack.policy.units import port, text
from conntrack.policy.values import Addresses, Listen, Span, Target

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}", re.ASCII)
#: prefix length → the bits of the host part; a length is spelled in one way only, so it is looked up as a word
HOST4: Final = {str(bits): (1 << (32 - bits)) - 1 for bits in range(33)}
HOST6: Final = {str(bits): (1 << (128 - bits)) - 1 for bits in range(129)}


def parse(word: str) -> Span:
    """`192.0.2.1`, `192.0.2.0/24`, `192.0.2.10-192.0.2.20`, and the same in IPv6."""
    host, slash, bits = word.partition("/")
    six = ":" in host
    try:
        low = inet_pton(AF_INET6 if six else AF_INET, host)
    except (OSError, ValueError):
        return _range(word)
    if not slash:
        return Span(low, low)
    spare = (HOST6 if six else HOST4).get(bits)
    if spare is None:
        raise Wrong(f'"/{bits}" is not a prefix length', f"it is from /0 to /{128 if six else 32}")
    value = int.from_bytes(low, "big")
    if value & spare:
        network = show((value & ~spare).to_bytes(len(low), "big"))
        raise Wrong(
            f"{word} has bits set behind its prefix", f"the network is {network}/{bits}, the address alone is {host}"
        )
    return Span(low, (value | spare).to_bytes(len(low), "big"))


def _range(word: str) -> Span:
    """`a-b`; also the end of everything that is no address."""
    first, dash, last = (part.strip() for part in word.partition("-"))
    if not dash or "/" in word:
        raise _no_address(word)
    low, high = _packed(first), _packed(last)
    if low is None or high is None:
        raise _no_address(first if low is None else last)
    if len(low) != len(high):
        raise Wrong(f"{word} begins in one IP version and ends in the other", "write both ends in the same version")
    if low > high:
        raise Wrong(f"the range {word} is empty", f"write the lower address first: {last}-{first}")
    return Span(low, high)


def _packed(word: str) -> bytes | None:
    try:
        return inet_pton(AF_INET6 if ":" in word else AF_INET, word)
    except (OSError, ValueError):
        return None


def _no_address(word: str) -> Wrong:
    hint = "write an address (192.0.2.1), a network (192.0.2.0/24) or a range (192.0.2.1-192.0.2.9)"
    octets = word.partition("/")[0].split(".")
    if len(octets) == 4 and all(octet.isdigit() for octet in octets):
        padded = any(len(octet) > 1 and octet[0] == "0" for octet in octets)
        hint = "leave out leading zeros" if padded else "each of the four numbers is from 0 to 255"
    elif "%" in word:
        hint = "leave out the %interface"
    elif NAME.fullmatch(word):
        hint = "names are not looked up; write the address"
    return Wrong(f'"{word}" is not an address', hint)


def show(packed: bytes) -> str:
    """A packed address as it is usually written."""
    return inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed)


def show_span(span: Span) -> str:
    """A span as it would be written: address, network or range."""
    if span.low == span.high:
        return show(span.low)
    value, width = int.from_bytes(span.low, "big"), 8 * len(span.low)
    spare = value ^ int.from_bytes(span.high, "big")
    if spare & (spare + 1) == 0 and value & spare == 0:
        return f"{show(span.low)}/{width - spare.bit_length()}"
    return f"{show(span.low)}-{show(span.high)}"


def span(raw: Any) -> Span:
    """One address, network or range."""
    return parse(text(raw, "an address"))


def address(raw: Any) -> Span:
    """A single address."""
    found = span(raw)
    if found.low != found.high:
        raise Wrong(f"{raw} is more than one address", "a single address is wanted here")
    return found


def selection(raw: Any) -> Addresses:
    """`source:` and the like: a word or a list; `!` excepts; a word without digits and colons first is a set."""
    alone = not isinstance(raw, Row | tuple) or len(raw) == 1
    if isinstance(raw, Row) and not raw:
        raise Wrong("an empty list matches nothing", "leave the key out to match every address")
    words = each(raw, lambda item: _chosen(text(item, "an address or a set"), alone))
    return Addresses(
        spans=tuple(found for excepted, found in words if isinstance(found, Span) and not excepted),
        sets=tuple(found for excepted, found in words if isinstance(found, str) and not excepted),
        except_spans=tuple(found for excepted, found in words if isinstance(found, Span) and excepted),
        except_sets=tuple(found for excepted, found in words if isinstance(found, str) and excepted),
    )


def _chosen(word: str, alone: bool) -> tuple[bool, Span | str | None]:
    """One word of a selection: whether it excepts, and a span or the name of a set; None is everything."""
    excepted = word.startswith("!")
    word = word.removeprefix("!").strip()
    if word == "any":
        if excepted or not alone:
            raise Wrong('"any" stands alone', "leave the key out to match every address")
        return False, None
    return excepted, word if ":" not in word and NAME.fullmatch(word) else parse(word)


def target(raw: Any) -> Target:
    """Where a forward leads: `192.168.0.20`, `192.168.0.20:8443`, `[fd00::20]:8443`, a range of addresses."""
    word = text(raw, "an address")
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(.*))?", word)
    if bracketed:
        return Target(address(bracketed[1]), port(bracketed[2]) if bracketed[2] is not None else 0)
    host, colon, after = word.partition(":")
    if colon and ":" not in after:
        return Target(parse(host), port(after))
    found = parse(word)
    if "/" in word:
        raise Wrong(f"{word} is a network", "name the inside host, or a range of hosts (a-b)")
    return Target(found)


def listen(raw: Any) -> Listen:
    """`address:port`, `[address]:port`, `off`."""
    word = text(raw, "address:port")
    if word == "off":
        return Listen("", 0)
    if not re.fullmatch(r"\[.*\]:.*|[^:]*:[^:]*", word):
        raise Wrong(f'"{word}" is not address:port', "write 127.0.0.1:9469, [::1]:9469 or off")
    found = target(word)
    if found.span.low != found.span.high:
        raise Wrong(f'"{word}" is more than one address', "a single address is wanted here")
    return Listen(show(found.span.low), found.port)
