"""SCTP: every cell of the table, verification tags, heartbeats on a new path, handshakes that collide."""

from __future__ import annotations

import pytest

from conntrack.tracker.sctp import table
from conntrack.tracker.sctp.machine import SctpTracker
from conntrack.tracker.sctp.tags import Tags
from tests.traces import Trace

OPEN = """
    lan > init                      | CLOSED 10 unreplied
    wan < init-ack                  | COOKIE_WAIT 3 replied
    lan > cookie-echo               | COOKIE_ECHOED 3 unassured
    wan < cookie-ack                | ESTABLISHED 210 assured
"""
WAYS = {
    "CLOSED": "lan > init",
    "COOKIE_WAIT": "lan > init \n wan < init-ack",
    "COOKIE_ECHOED": "lan > init \n wan < init-ack \n lan > cookie-echo",
    "ESTABLISHED": OPEN,
    "SHUTDOWN_SENT": OPEN + "lan > shutdown",
    "SHUTDOWN_RECD": OPEN + "wan < shutdown",
    "SHUTDOWN_ACK_SENT": OPEN + "lan > shutdown \n wan < shutdown-ack",
}
#: states by their initials; where a repeated INIT does not refresh, in lower case
EXPECTED = """
                         CL CW CE ES SS SR SA
lan init                 cl CW CE ES CL CL SA
lan init-ack             CL CW CE ES SS SR SA
lan abort                CL CL CL CL CL CL CL
lan shutdown             CL CW CE SS SS SR SA
lan shutdown-ack         CL CW CE ES SA SA SA
lan error                CL CW CE ES SS SR SA
lan cookie-echo          CL CE CE ES SS SR SA
lan cookie-ack           CL CW ES ES SS SR SA
lan shutdown-complete    CL CW CE ES SS SR CL
lan heartbeat            CL CW CE ES SS SR SA
lan heartbeat-ack        CL CW CE ES SS SR SA
lan sack                 CL CW CE ES SS SR SA
wan init                 cl CW CE ES SS SR SA
wan init-ack             CW CW CE ES SS SR SA
wan abort                CL CL CL CL CL CL CL
wan shutdown             CL CW CE SR SS SR SA
wan shutdown-ack         CL CW CE ES SA SA SA
wan error                CL CW CL ES SS SR SA
wan cookie-echo          CL CE CE ES SS SR SA
wan cookie-ack           CL CW ES ES SS SR SA
wan shutdown-complete    CL CW CE ES SS SR CL
wan heartbeat            CL CW CE ES SS SR SA
wan heartbeat-ack        CL CW CE ES SS SR SA
wan sack                 CL CW CE ES SS SR SA
"""
INITIALS = dict(zip("CL CW CE ES SS SR SA HS".split(), table.STATES[1:], strict=True))


def cells() -> list[tuple[str, str, str, str]]:
    head, *rows = EXPECTED.strip().splitlines()
    found = []
    for row in rows:
        side, kind, *outcomes = row.split()
        found += [(side, kind, INITIALS[state], outcome) for state, outcome in zip(head.split(), outcomes, strict=True)]
    return found


@pytest.mark.parametrize(("side", "kind", "state", "outcome"), cells())
def test_every_cell(side: str, kind: str, state: str, outcome: str) -> None:
    trace = Trace()
    trace.play(WAYS[state])
    assert trace.state() == state
    assert trace.connection is not None
    tags = trace.connection.tracking
    assert isinstance(tags, Tags)
    tag = 0 if kind == "init" else tags.of(side == "lan")
    expected = INITIALS[outcome.upper()] + (" ignored" if outcome.islower() else "")
    trace.play(f"+1 {side} {'>' if side == 'lan' else '<'} {kind} tag={tag} | {expected}")
    refreshed = outcome.isupper()
    assert (trace.connection.deadline == trace.now + trace.connection.nominal) == refreshed


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("init", "CLOSED 10"),
        ("init tag=5", "bad-tag"),
        ("init-ack", "bad-tag"),
        ("abort", "none"),
        ("shutdown", "bad-tag"),
        ("shutdown-ack", "SHUTDOWN_ACK_SENT 3"),
        ("error", "bad-tag"),
        ("cookie-echo", "bad-tag"),
        ("cookie-ack", "none"),
        ("shutdown-complete", "none"),
        ("heartbeat", "HEARTBEAT_SENT 30"),
        ("heartbeat-ack", "CLOSED 10"),
        ("sack", "none"),
        ("heartbeat+data", "none"),
        ("data+sack", "none"),
        ("error+abort", "none"),
        ("data+init", "bad-chunk"),
    ],
)
def test_what_may_begin(trace: Trace, kind: str, outcome: str) -> None:
    trace.play(f"lan > {kind} | {outcome}")


def test_an_association_from_init_to_shutdown(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        lan > data+sack                 | ESTABLISHED 210 alive
        +200 wan < sack                 | ESTABLISHED 210
        lan > shutdown                  | SHUTDOWN_SENT 3 closing
        wan < shutdown-ack              | SHUTDOWN_ACK_SENT 3 closing
        lan > shutdown-complete         | CLOSED 10 alive
        lan > init itag=4444            | ignored CLOSED
        wan < init-ack                  | COOKIE_WAIT
        lan > cookie-echo+data          | COOKIE_ECHOED
        wan < cookie-ack+sack           | ESTABLISHED
    """
    )


# tags


@pytest.mark.parametrize("kind", ["data+sack", "sack", "shutdown", "error", "cookie-echo", "cookie-ack", "init-ack"])
def test_a_wrong_tag_is_refused(trace: Trace, kind: str) -> None:
    trace.play(OPEN + f"+5 wan < {kind} tag=666 | bad-tag ESTABLISHED 205 \n lan > {kind} tag=666 | bad-tag 205")


@pytest.mark.parametrize("kind", ["abort", "shutdown-complete"])
def test_a_reflected_tag_needs_the_t_bit(trace: Trace, kind: str) -> None:
    trace.play(
        OPEN
        + f"""
        wan < {kind} tag=90000          | bad-tag
        wan < {kind} tag=7000 t         | bad-tag
        wan < {kind} tag=90000 t        | accepted
    """
    )


def test_an_init_carries_no_tag(trace: Trace) -> None:
    trace.play(OPEN + "lan > init tag=90000 | bad-tag ESTABLISHED")


def test_an_invalid_bundle_changes_nothing(trace: Trace) -> None:
    trace.play("lan > init \n wan < init-ack \n lan > cookie-echo | COOKIE_ECHOED")
    trace.play("+1 wan < error+abort tag=666 | bad-tag COOKIE_ECHOED 2")


def test_a_rebooted_host_learns_the_answer_to_its_shutdown_ack(trace: Trace) -> None:
    trace.play("lan > shutdown-ack tag=55 | SHUTDOWN_ACK_SENT \n wan < shutdown-complete tag=55 t | bad-tag")
    trace.play("wan < shutdown-complete tag=55 | CLOSED")


# another path of the same association


def test_a_path_that_begins_with_a_heartbeat(trace: Trace) -> None:
    trace.play("""
        lan > heartbeat                 | HEARTBEAT_SENT 30
        +1 lan > heartbeat              | HEARTBEAT_SENT 30
        wan < heartbeat-ack             | ESTABLISHED 210 assured
        lan > data+sack                 | ESTABLISHED
        wan < data+sack                 | ESTABLISHED
    """)


def test_other_chunks_cannot_answer_a_heartbeat(trace: Trace) -> None:
    trace.play("lan > heartbeat | HEARTBEAT_SENT \n wan < abort tag=0 | unexpected-type HEARTBEAT_SENT 30")


def test_a_heartbeat_with_a_new_tag_is_believed_when_it_is_answered(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        +5 lan > heartbeat tag=1234     | ignored ESTABLISHED 205
        lan > data+sack tag=1234        | bad-tag
        wan < heartbeat-ack tag=5678    | ESTABLISHED 210
        wan < sack tag=5678             | ESTABLISHED
        lan > heartbeat tag=1234        | ESTABLISHED
        lan > sack tag=1234             | ESTABLISHED
    """
    )


def test_a_heartbeat_cannot_answer_itself(trace: Trace) -> None:
    trace.play(OPEN + "lan > heartbeat tag=1234 | ignored \n lan > heartbeat-ack tag=1234 | bad-tag")


def test_a_heartbeat_ack_without_a_question_is_refused(trace: Trace) -> None:
    trace.play(OPEN + "wan < heartbeat-ack tag=5678 | bad-tag")


def test_a_good_heartbeat_ends_the_search(trace: Trace) -> None:
    trace.play(
        OPEN + "lan > heartbeat tag=1 | ignored \n lan > heartbeat | accepted \n wan < heartbeat-ack tag=2 | bad-tag"
    )


def test_data_cannot_ride_on_a_strange_heartbeat(trace: Trace) -> None:
    trace.play(OPEN + "lan > heartbeat+data tag=1234 | bad-tag \n lan > heartbeat+heartbeat tag=1234 | bad-tag")


# handshakes that collide (both sides send INIT at once)


def test_an_init_ack_of_a_finished_collision_is_refused(trace: Trace) -> None:
    trace.play("""
        lan > init itag=100             | CLOSED
        wan < init itag=200             | ignored CLOSED
        lan > init-ack itag=100         | CLOSED
        wan < init-ack itag=300         | bad-tag
        wan < init-ack itag=200         | COOKIE_WAIT
        lan > cookie-echo tag=200       | COOKIE_ECHOED
        wan < cookie-echo tag=100       | COOKIE_ECHOED
        lan > cookie-ack tag=200        | ESTABLISHED assured
    """)


def test_an_init_ack_that_nobody_asked_for_keeps_the_tag(trace: Trace) -> None:
    trace.play(OPEN + "wan < data+sack \n lan > init-ack itag=31337 | bad-tag \n wan < sack tag=7000 | ESTABLISHED")


def test_a_restart_of_an_open_association(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        lan > init itag=5000            | ESTABLISHED
        wan < init-ack itag=6000        | ESTABLISHED
        lan > cookie-echo               | ESTABLISHED
        wan < cookie-ack                | ESTABLISHED
        wan < sack tag=5000             | ESTABLISHED
        lan > sack tag=90000            | bad-tag
    """
    )


# settings


@pytest.mark.parametrize(("name", "state"), list(zip(table.TIMEOUTS, table.STATES[1:], strict=True)))
def test_every_timeout_can_be_set(name: str, state: str) -> None:
    tracker = SctpTracker()
    tracker.set_timeouts({name: 77.0})
    assert tracker.timeouts() == {**table.TIMEOUTS, name: 77.0}
    trace = Trace(tracker)
    way = WAYS.get(state, "lan > heartbeat")
    trace.play("\n".join(line.split("|")[0] for line in way.splitlines()))
    assert trace.connection is not None
    assert (trace.state(), trace.connection.nominal) == (state, 77.0)


def test_an_unknown_timeout_is_an_error() -> None:
    with pytest.raises(KeyError, match="cookie"):
        SctpTracker().set_timeouts({"cookie": 1.0})
