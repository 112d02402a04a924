"""What stands in SIP headers: a URI's host, the Via on top, Contacts (RFC 3261 §19.1, §20.10, §20.42).

Lives here: finding addresses in them. May not live here: whether they are to be translated (engine). A host that is a
name is found as well, with an empty address; it is nobody's we know.
"""

from __future__ import annotations

from typing import Final

from conntrack.helper.words import HostPort, Unreadable, host_port, number, skip_blanks, trim

#: Contacts of one header line
MOST_CONTACTS: Final = 16
MOST_PARAMETERS: Final = 32
#: seconds that a registration may last at most, whatever is asked for (2³²−1 is the protocol's own limit)
LONGEST_EXPIRES: Final = 2**32 - 1


class Via:
    """The topmost Via: who sent it, and what the receiver added about it (RFC 3261 §18.2.1, RFC 3581)."""

    __slots__ = ("received", "rport", "sent_by", "transport")

    def __init__(self, transport: bytes, sent_by: HostPort) -> None:
        self.transport = transport  # upper case: UDP, TCP, TLS, …
        self.sent_by = sent_by
        self.received: HostPort | None = None
        self.rport: HostPort | None = None  # with an empty address; None if there is none, or one without a value


class Contact:
    """One value of a Contact header. expires: its own parameter in seconds, -1 if it has none."""

    __slots__ = ("expires", "host")

    def __init__(self, host: HostPort, expires: int) -> None:
        self.host = host
        self.expires = expires


def uri_host(data: bytes, start: int, end: int) -> HostPort | None:
    """Where the `host:port` of a sip: or sips: URI stands; None for a URI of another kind. Raises Unreadable."""
    scheme = data[start : start + 5].lower()
    if scheme.startswith(b"sip:"):
        start += 4
    elif scheme == b"sips:":
        start += 5
    else:
        return None
    if data.count(b"@", start, end) > 1:
        raise Unreadable("two hosts in a URI")
    start = data.find(b"@", start, end) + 1 or start
    return host_port(data, start, _first_of(data, b";?", start, end))


def read_via(data: bytes, start: int, end: int) -> Via:
    """The first value of a Via header: `SIP/2.0/UDP host:port;parameters`. Raises Unreadable."""
    end = _first_of(data, b",", start, end)
    if data[start : start + 8].upper() != b"SIP/2.0/":
        raise Unreadable("not a SIP Via")
    blank = _first_of(data, b" \t", start, end)
    transport = data[start + 8 : blank].upper()
    host_start = skip_blanks(data, blank, end)
    parameters = _first_of(data, b";", host_start, end)
    host_start, host_end = trim(data, host_start, parameters)
    if not transport.isalpha():
        raise Unreadable("no transport in a Via")
    via = Via(transport, host_port(data, host_start, host_end))
    for name, value_start, value_end in _parameters(data, parameters, end):
        if value_start == value_end:
            continue
        if name == b"received":
            via.received = _received(data, value_start, value_end)
        elif name == b"rport":
            via.rport = HostPort(b"", number(data, value_start, value_end, 65535), value_start, value_end)
    return via


def read_contacts(data: bytes, start: int, end: int) -> list[Contact]:
    """The values of one Contact header; none for `*`. Raises Unreadable."""
    found: list[Contact] = []
    at = start
    for _ in range(MOST_CONTACTS):
        at = skip_blanks(data, at, end)
        if at >= end:
            return found
        if data[at] == 0x2A:  # *
            return found
        uri_start, uri_end, after = _address_of(data, at, end)
        stop = _outside_quotes(data, b",", after, end)
        host = uri_host(data, uri_start, uri_end)
        expires = -1
        for name, value_start, value_end in _parameters(data, after, stop):
            if name == b"expires" and value_start < value_end:
                expires = number(data, value_start, value_end, LONGEST_EXPIRES)
        if host is not None:
            found.append(Contact(host, expires))
        at = stop + 1
    raise Unreadable("too many Contacts")


def _address_of(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """A name-addr or addr-spec: where its URI begins and ends, and where what follows begins."""
    opening = _outside_quotes(data, b"<", at, _outside_quotes(data, b",", at, end))
    if opening < end and data[opening] == 0x3C:  # <
        closing = data.find(b">", opening, end)
        if closing < 0:
            raise Unreadable("a bracket that does not close")
        return opening + 1, closing, closing + 1
    stop = _first_of(data, b";, \t", at, end)  # without brackets, parameters are the header's (RFC 3261 §20)
    return at, stop, stop


def _parameters(data: bytes, at: int, end: int) -> list[tuple[bytes, int, int]]:
    """`;name=value;name…`: names in lower case, and where the values stand (an empty place where there is none)."""
    found: list[tuple[bytes, int, int]] = []
    at = skip_blanks(data, at, end)
    while at < end:
        if data[at] != 0x3B or len(found) >= MOST_PARAMETERS:  # ;
            raise Unreadable("not a parameter, or too many")
        stop = _outside_quotes(data, b";", at + 1, end)
        equals = data.find(b"=", at + 1, stop)
        name_end = equals if equals >= 0 else stop
        name_start, name_end = trim(data, at + 1, name_end)
        start, value_end = trim(data, equals + 1, stop) if equals >= 0 else (stop, stop)
        found.append((data[name_start:name_end].lower(), start, value_end))
        at = stop
    return found


def _received(data: bytes, start: int, end: int) -> HostPort:
    """An address; IPv6 with brackets or without (the RFC's own grammar has none, its examples do)."""
    if data[start] != 0x5B and data.find(b":", start, end) >= 0:
        found = host_port(b"[" + data[start:end] + b"]", 0, end - start + 2)
        return HostPort(found.address, 0, start, end)
    return host_port(data, start, end)


def _first_of(data: bytes, stops: bytes, start: int, end: int) -> int:
    """The first place of one of these bytes, or the end."""
    at = start
    while at < end and data[at] not in stops:
        at += 1
    return at


def _outside_quotes(data: bytes, stops: bytes, start: int, end: int) -> int:
    """The first place of one of these bytes outside "…" and <…>, or the end. Raises Unreadable: quotes stay open."""
    at = start
    while at < end:
        byte = data[at]
        if byte in stops:
            return at
        if byte == 0x22:
            at = _past_quotes(data, at, end)
        elif byte == 0x3C:
            at = data.find(b">", at, end)
            if at < 0:
                raise Unreadable("a bracket that does not close")
            at += 1
        else:
            at += 1
    return end


def _past_quotes(data: bytes, at: int, end: int) -> int:
    """Behind the quoted string that begins at `at`; a backslash takes the next byte along."""
    at += 1
    while at < end:
        if data[at] == 0x5C:
            at += 2
        elif data[at] == 0x22:
            return at + 1
        else:
            at += 1
    raise Unreadable("quotes that do not close")
