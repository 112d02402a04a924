"""Two histories that began as one, made one again."""

from __future__ import annotations

from conntrack.gateway.fastpath.joining import joined
from conntrack.gateway.fastpath.layout import TCP_FIELDS, TCP_STATE
from conntrack.tracker.tcp.window import ACK_KNOWN, SACK, UNACKNOWLEDGED

NAMES = [name for name, form in TCP_FIELDS if not form.endswith("x")]
END, MAXEND, MAXWIN, MAXACK, FLAGS = (NAMES.index(name) for name in [*NAMES[2:6], "flags[0]"])
OTHER = 4  # from a field of the original side to that of the reply
SEQ = NAMES.index("last_seq")


def state(**changed: int) -> bytes:
    fields = dict.fromkeys(NAMES, 0)
    fields.update({NAMES[END]: 1000, NAMES[MAXEND]: 61000, NAMES[MAXWIN]: 60000, NAMES[MAXACK]: 500})
    fields.update({NAMES[END + OTHER]: 500, NAMES[MAXEND + OTHER]: 60500, NAMES[MAXWIN + OTHER]: 60000})
    fields[NAMES[MAXACK + OTHER]] = 1000
    fields["flags[0]"] = fields["flags[1]"] = ACK_KNOWN | SACK
    for name, value in changed.items():
        fields[NAMES[globals()[name.upper()]]] = value
    return TCP_STATE.pack(*fields.values())


def field(raw: bytes, at: int) -> int:
    return int(TCP_STATE.unpack(raw)[at])


def test_one_history_alone_is_the_whole() -> None:
    begun = state()
    later = state(end=2000, flags=ACK_KNOWN | SACK | UNACKNOWLEDGED, seq=1000)
    assert joined(later, begun, begun) == later
    assert joined(begun, later, begun) == later


def test_the_greater_number_counts_also_across_the_wrap() -> None:
    begun = state(end=-1000)
    both = joined(state(end=100), state(end=-500), begun)
    assert field(both, END) == 100
    assert field(joined(state(end=-500), state(end=100), begun), END) == 100


def test_data_is_unacknowledged_as_long_as_the_ends_differ() -> None:
    begun = state()
    unacknowledged = ACK_KNOWN | SACK | UNACKNOWLEDGED
    waited = state(end=2000, flags=unacknowledged)
    assert field(joined(begun, waited, begun), FLAGS) & UNACKNOWLEDGED
    answered = list(TCP_STATE.unpack(begun))
    answered[MAXACK + OTHER] = 2000
    assert not field(joined(TCP_STATE.pack(*answered), waited, begun), FLAGS) & UNACKNOWLEDGED


def test_the_latest_packet_is_the_fast_paths_if_there_was_one() -> None:
    begun = state(seq=1)
    assert field(joined(state(seq=3), state(seq=2), begun), SEQ) == 3
    assert field(joined(begun, state(seq=2), begun), SEQ) == 2
