"""Requests and replies as lines, for any bytes and any names."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntrack.flow.connection import Connection
from conntrack.service.filters import NAMES, Filter
from conntrack.service.metrics.page import parse_head
from conntrack.service.names import NUMBERS, PROTOCOLS, protocol_name, protocol_number
from conntrack.service.protocol import USAGE, Refused, decode_request, encode, error
from conntrack.service.views import Flows

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.text(), st.dictionaries(st.text(), JSON, max_size=4))
def test_what_is_encoded_is_one_line_and_comes_back(command: str, arguments: dict[str, Any]) -> None:
    line = encode({"command": command, "arguments": arguments})
    assert line.count(b"\n") == 1
    assert decode_request(line) == (command, arguments)


@given(st.binary())
def test_any_line_is_a_request_or_refused(line: bytes) -> None:
    try:
        command, arguments = decode_request(line)
    except Refused as refused:
        assert refused.kind == USAGE
    else:
        assert isinstance(command, str)
        assert isinstance(arguments, dict)


@given(JSON)
def test_any_json_is_a_request_or_refused(value: Any) -> None:
    try:
        decode_request(json.dumps(value).encode())
    except Refused as refused:
        assert refused.kind == USAGE
    else:
        assert isinstance(value["command"], str)


def test_arguments_may_be_left_out() -> None:
    assert decode_request(b'{"command": "status"}') == ("status", {})


def test_the_line_of_an_error() -> None:
    assert error("denied", "no") == {"error": {"kind": "denied", "message": "no"}}


@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), JSON, max_size=3))
def test_any_filters_are_filters_or_refused(filters: dict[str, Any]) -> None:
    flows = Flows(lambda _protocol, _state: "", list)
    key = b"\x06\0" + bytes(12)
    connection = Connection(1, key, key, 0.0)
    try:
        chosen = Filter(filters, flows.state, flows.rule, flows.zone)
    except Refused as refused:
        assert refused.kind == USAGE
    else:
        assert chosen.matches(connection) in (True, False)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_http_head_or_none(head: bytes) -> None:
    method, path, headers = parse_head(head)
    assert (method == "") <= (headers == {})
    assert "?" not in path


def test_protocols_have_one_name_and_one_number() -> None:
    assert len(NUMBERS) == len(PROTOCOLS)
    for number in range(256):
        assert protocol_number(protocol_name(number)) == number
    assert protocol_number("TCP") == 6


@pytest.mark.parametrize("text", ["", "tpc", "-1", "256", "6.0", "²"])
def test_what_is_no_protocol(text: str) -> None:
    with pytest.raises(ValueError, match="no such protocol"):
        protocol_number(text)
