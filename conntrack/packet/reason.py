"""Every reason for which a packet is not passed as it came: one table of numbers, names and meanings.

Lives here: the numbers that cross the hot path, and their names for metrics, logs, `explain` and the docs.
May not live here: any decision. Numbers are stable within a release only; names are stable for good.
"""

from typing import Final

OK: Final = 0

# 1–39: the bytes are not a packet (packet/). Raised as Malformed(reason).
TRUNCATED: Final = 1
BAD_VERSION: Final = 2
BAD_HEADER_LENGTH: Final = 3
BAD_TOTAL_LENGTH: Final = 4
BAD_IP_CHECKSUM: Final = 5
BAD_CHECKSUM: Final = 6
BAD_DATA_OFFSET: Final = 7
BAD_FLAGS: Final = 8
BAD_OPTION: Final = 9
BAD_UDP_LENGTH: Final = 10
BAD_COVERAGE: Final = 11
BAD_EXTENSION: Final = 12
TOO_MANY_EXTENSIONS: Final = 13
ZERO_PORT: Final = 14
FRAGMENT: Final = 15
BAD_EMBEDDED: Final = 16
BAD_CHUNK: Final = 17
BAD_ADDRESS: Final = 18
BAD_GRE: Final = 19

# 40–79: the packet does not fit its connection, or cannot begin one (tracker/, engine/). "INVALID".
NOT_AN_OPENER: Final = 40
OUT_OF_STATE: Final = 41
SEQ_OVER_WINDOW: Final = 42
SEQ_UNDER_WINDOW: Final = 43
ACK_OVER_WINDOW: Final = 44
ACK_UNDER_WINDOW: Final = 45
RST_BEFORE_ACK: Final = 46
RST_OUT_OF_WINDOW: Final = 47
ERROR_UNKNOWN_FLOW: Final = 48
ERROR_WRONG_HOST: Final = 49
BAD_TAG: Final = 50
UNEXPECTED_TYPE: Final = 51

# 80–: we refuse it (engine/, policy/, nat/, flow/).
FIRST_REFUSAL: Final = 80
POLICY_DROP: Final = 80
POLICY_REJECT: Final = 81
NO_RULE: Final = 82
NO_ZONE: Final = 83
NO_ROUTE: Final = 84
TABLE_FULL: Final = 85
SOURCE_LIMIT: Final = 86
ZONE_LIMIT: Final = 87
NAT_EXHAUSTED: Final = 88
NAT_CLASH: Final = 89
NAT_NO_ADDRESS: Final = 90
INSERT_FAILED: Final = 91
RATE_LIMIT: Final = 92
UNTRANSLATABLE: Final = 93
SUBSCRIBER_LIMIT: Final = 94
NAT_REQUIRED: Final = 95

#: number → (name, meaning). The name is what metrics, logs and users see.
REASONS: Final[dict[int, tuple[str, str]]] = {
    OK: ("ok", "passed"),
    TRUNCATED: ("truncated", "the packet ends before its headers do"),
    BAD_VERSION: ("bad-version", "neither IPv4 nor IPv6"),
    BAD_HEADER_LENGTH: ("bad-header-length", "the IP header length is under 20 or past the end"),
    BAD_TOTAL_LENGTH: ("bad-total-length", "the IP length field disagrees with the bytes that came"),
    BAD_IP_CHECKSUM: ("bad-ip-checksum", "the IPv4 header checksum is wrong"),
    BAD_CHECKSUM: ("bad-checksum", "the transport checksum is wrong"),
    BAD_DATA_OFFSET: ("bad-data-offset", "the TCP data offset is under 5 or past the end"),
    BAD_FLAGS: ("bad-flags", "a set of TCP flags that no stack sends (null, Xmas, SYN+FIN, bare FIN)"),
    BAD_OPTION: ("bad-option", "an option's length runs past its header"),
    BAD_UDP_LENGTH: ("bad-udp-length", "the UDP length field is under 8 or past the end"),
    BAD_COVERAGE: ("bad-coverage", "the UDP-Lite checksum coverage is 1–7 or past the end"),
    BAD_EXTENSION: ("bad-extension", "an IPv6 extension header runs past the end or stands in a wrong place"),
    TOO_MANY_EXTENSIONS: ("too-many-extensions", "more IPv6 extension headers than the bound"),
    ZERO_PORT: ("zero-port", "a transport port of 0 where none may be"),
    FRAGMENT: ("fragment", "a fragment, where only whole datagrams can be judged"),
    BAD_EMBEDDED: ("bad-embedded", "the packet inside an ICMP error cannot be read"),
    BAD_CHUNK: ("bad-chunk", "an SCTP chunk is missing, runs past the end or may not stand there"),
    BAD_ADDRESS: ("bad-address", "a source address that no host may have (multicast, broadcast)"),
    BAD_GRE: ("bad-gre", "GRE with a PPTP header that carries something else than PPP"),
    NOT_AN_OPENER: ("not-an-opener", "no such connection, and this packet may not begin one"),
    OUT_OF_STATE: ("out-of-state", "the connection's state does not admit this packet"),
    SEQ_OVER_WINDOW: ("seq-over-window", "sequence number past the right edge of the window"),
    SEQ_UNDER_WINDOW: ("seq-under-window", "sequence number before the left edge of the window"),
    ACK_OVER_WINDOW: ("ack-over-window", "acknowledges data that was never sent"),
    ACK_UNDER_WINDOW: ("ack-under-window", "acknowledges data too long past"),
    RST_BEFORE_ACK: ("rst-before-ack", "an RST whose sequence number is already acknowledged"),
    RST_OUT_OF_WINDOW: ("rst-out-of-window", "an RST outside the window"),
    ERROR_UNKNOWN_FLOW: ("error-unknown-flow", "an ICMP error about a packet of no known connection"),
    ERROR_WRONG_HOST: ("error-wrong-host", "an ICMP error sent to another host than the flow's"),
    BAD_TAG: ("bad-tag", "the SCTP verification tag is not the association's"),
    UNEXPECTED_TYPE: ("unexpected-type", "a DCCP or SCTP type that the state does not admit"),
    POLICY_DROP: ("policy-drop", "a rule says drop"),
    POLICY_REJECT: ("policy-reject", "a rule says reject"),
    NO_RULE: ("no-rule", "no rule of the zone pair matches"),
    NO_ZONE: ("no-zone", "came from or leaves by an interface that no zone lists"),
    NO_ROUTE: ("no-route", "no route to the translated destination"),
    TABLE_FULL: ("table-full", "the connection table is full of live connections"),
    SOURCE_LIMIT: ("source-limit", "the source holds as many connections as it may"),
    ZONE_LIMIT: ("zone-limit", "the zone holds as many connections as it may"),
    NAT_EXHAUSTED: ("nat-exhausted", "no free port to translate to"),
    NAT_CLASH: ("nat-clash", "the translated socket pair already exists"),
    NAT_NO_ADDRESS: ("nat-no-address", "the interface to masquerade behind has no address"),
    INSERT_FAILED: ("insert-failed", "lost a race for the table against another packet"),
    RATE_LIMIT: ("rate-limit", "the rule's limit is used up"),
    UNTRANSLATABLE: ("untranslatable", "belongs to a translated connection but cannot be rewritten"),
    SUBSCRIBER_LIMIT: ("subscriber-limit", "the subscriber has used up its port blocks or its connections"),
    NAT_REQUIRED: ("nat-required", "leaves its address space, and no rule translates its source"),
}

#: past the highest number, with room for more: the length of an array of counters indexed by reason
SLOTS: Final = 112


def name(reason: int) -> str:
    """The stable name of a reason number; "reason-N" for a number not in the table."""
    entry = REASONS.get(reason)
    return entry[0] if entry is not None else f"reason-{reason}"
