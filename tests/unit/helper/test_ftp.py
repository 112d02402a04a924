"""What is an announcement in FTP, and what is none: lines by themselves."""

from __future__ import annotations

import pytest

from conntrack.helper.base import Endpoint
from conntrack.helper.ftp import Ftp
from conntrack.helper.lines import LONGEST_LINE, MOST_LINES, Lines
from tests.unit.helper.conversation import Conversation

FTP = (40000, 40000, 21)


def talk() -> Conversation:
    return Conversation(Ftp(), 6, FTP)


class TestCommands:
    @pytest.mark.parametrize(
        "line",
        [
            b"PORT 192,168,1,2,19,136\r\n",
            b"port 192,168,1,2,19,136\n",
            b"PORT  192,168,1,2,19,136 \r\n",
            b"EPRT |1|192.168.1.2|5000|\r\n",
            b"EPRT !1!192.168.1.2!5000!\r\n",
            b"\xff\xf4\xff\xf2PORT 192,168,1,2,19,136\r\n"[4:],
            b"NOOP\r\nPORT 192,168,1,2,19,136\r\nNOOP\r\n",
        ],
    )
    def test_announced(self, line: bytes) -> None:
        one = talk()
        assert one.lan(line) == line.replace(b"192,168,1,2,19,136", b"203,0,113,5,195,80").replace(
            b"192.168.1.2", b"203.0.113.5"
        ).replace(b"5000", b"50000")
        assert one.opened() == [(5000, 1)]

    @pytest.mark.parametrize(
        "line",
        [
            b"PORT 192,168,1,2,19\r\n",
            b"PORT 192,168,1,2,19,136,7\r\n",
            b"PORT 192,168,1,2,19,256\r\n",
            b"PORT 192,168,1,2,19,-1\r\n",
            b"PORT 192,168,1,2,19,1360\r\n",
            b"PORT 192,168,1,2,19,136 x\r\n",
            b"PORT192,168,1,2,19,136\r\n",
            b"PORT\t192,168,1,2,19,136\r\n",
            b"SITE PORT 192,168,1,2,19,136\r\n",
            b" PORT 192,168,1,2,19,136\r\n",
            b"EPRT |1|192.168.1.2|5000\r\n",
            b"EPRT |1|192.168.1.2|500000|\r\n",
            b"EPRT |1|192.168.1|5000|\r\n",
            b"EPRT |3|192.168.1.2|5000|\r\n",
            b"EPRT |2|fd10::5|5000|\r\n",
            b"EPRT 1|192.168.1.2|5000|\r\n",
            b"EPRT |1!192.168.1.2|5000|\r\n",
            b"PORT 192,168,1,2,19,136",
            b"PORT " + b" " * LONGEST_LINE + b"192,168,1,2,19,136\r\n",
        ],
    )
    def test_not_announced(self, line: bytes) -> None:
        one = talk()
        assert one.lan(line) == line
        assert one.opened() == []


class TestWhatIsNoFtp:
    @pytest.mark.parametrize(
        "line",
        [b"Host: example.org\r\n", b"\x16\x03\x01\n", b"PORT192,168\r\n", b"LONGER\r\n", b"a\r\n", b" \r\n", b"\0\n"],
    )
    def test_ends_the_reading_for_good(self, line: bytes) -> None:
        one = talk()
        one.lan(line)
        assert one.speech.memory.off

    @pytest.mark.parametrize(
        "line", [b"\r\n", b"USER a b c\r\n", b"XSHA256 x\r\n", b"\xff\xf4\xff\xf2ABOR\r\n", b"noop\n"]
    )
    def test_commands_do_not(self, line: bytes) -> None:
        one = talk()
        one.lan(line)
        assert not one.speech.memory.off

    def test_nor_does_whatever_a_server_says(self) -> None:
        one = talk()
        one.wan(b"\x16\x03\x01 what ever: this is\r\n")
        assert not one.speech.memory.off


class TestAnswers:
    @pytest.mark.parametrize(
        ("asked", "answer"),
        [
            (b"PASV", b"227 Entering Passive Mode (198,51,100,7,19,136).\r\n"),
            (b"pasv", b"227 =198,51,100,7,19,136\r\n"),
            (b"PASV", b"150-wait\r\n227 Entering Passive Mode 198,51,100,7,19,136\r\n"),
            (b"EPSV", b"229 Entering Extended Passive Mode (|||5000|)\r\n"),
            (b"EPSV 1", b"229 ok (!!!5000!)\r\n"),
        ],
    )
    def test_announced(self, asked: bytes, answer: bytes) -> None:
        one = talk()
        one.lan(asked + b"\r\n")
        assert one.wan(answer) == answer
        assert one.opened() == [(5000, 1)]

    @pytest.mark.parametrize(
        ("asked", "answer"),
        [
            (b"NOOP", b"227 Entering Passive Mode (198,51,100,7,19,136).\r\n"),
            (b"EPSV", b"227 Entering Passive Mode (198,51,100,7,19,136).\r\n"),
            (b"PASV", b"229 Entering Extended Passive Mode (|||5000|)\r\n"),
            (b"PASV", b"227-Entering Passive Mode (198,51,100,7,19,136).\r\n"),
            (b"PASV", b"227 Entering Passive Mode (198,51,100,7,19,136,1).\r\n"),
            (b"PASV", b"227 Entering Passive Mode (198,51,100,7,19).\r\n"),
            (b"PASV", b"502 no\r\n227 Entering Passive Mode (198,51,100,7,19,136).\r\n"),
            (b"PASV", b"2270 Entering Passive Mode (198,51,100,7,19,136).\r\n"),
            (b"EPSV", b"229 ok (|||5000)\r\n"),
            (b"EPSV", b"229 ok (|1||5000|)\r\n"),
            (b"EPSV", b"229 ok (|||500000|)\r\n"),
        ],
    )
    def test_not_announced(self, asked: bytes, answer: bytes) -> None:
        one = talk()
        one.lan(asked + b"\r\n")
        assert one.wan(answer) == answer
        assert one.opened() == []

    def test_one_question_one_answer(self) -> None:
        one = talk()
        one.lan(b"PASV\r\n")
        one.wan(b"227 Entering Passive Mode (198,51,100,7,19,136).\r\n")
        one.wan(b"227 Entering Passive Mode (198,51,100,7,19,137).\r\n")
        assert one.opened() == []


class TestLines:
    def test_a_line_over_two_payloads_is_not_one(self) -> None:
        lines = Lines()
        assert [line.text for line in lines.take(b"one\r\ntw", False)] == [b"one"]
        assert [(line.start, line.text) for line in lines.take(b"o\r\nthree\n", False)] == [(3, b"three")]

    def test_after_a_gap_from_the_next_line_on(self) -> None:
        lines = Lines()
        assert lines.take(b"two", True) == []
        assert lines.take(b" more", False) == []
        assert [line.text for line in lines.take(b"rest\nfour\n", False)] == [b"four"]

    def test_bounds(self) -> None:
        lines = Lines()
        assert len(lines.take(b"x\n" * 200, False)) == MOST_LINES
        assert lines.take(b"y" * (LONGEST_LINE + 1) + b"\n", False) == []
        assert len(lines.take(b"y" * LONGEST_LINE + b"\n", False)) == 1


def test_rewriting_without_answers_changes_nothing() -> None:
    one = talk()
    one.lan(b"PORT 192,168,1,2,19,136\r\n")
    assert one.helper.rewrite(one.speech, one.mentions, [None]) == one.speech.payload
    told = one.helper.rewrite(one.speech, one.mentions, [Endpoint(bytes((1, 2, 3, 4)), 65535)])
    assert told == b"PORT 1,2,3,4,255,255\r\n"
