"""A call between two sipp processes, held by a test: it lives until the test hangs up.

Lives here: the processes, and the line on which the caller reports and is told to hang up (sipp's own for call control
by third parties: messages that end with ESC). May not live here: what is tested meanwhile.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from conntrack.cli.lab.namespace import Namespace
from conntrack.cli.lab.process import Process
from conntrack.cli.lab.waiting import until

SCENARIOS = Path(__file__).parent / "sip"
PATIENCE = 20.0
_LINE = ("127.0.0.1", 5999)


class Call:
    """From `caller` at one address to `called` at another, over "udp" or "tcp"."""

    def __init__(
        self, caller: Namespace, own: str, called: Namespace, target: str, transport: str, directory: Path
    ) -> None:
        self.messages = directory / f"called-{transport}.log"
        kind = {"udp": "u1", "tcp": "t1"}[transport]
        common = ["-t", kind, "-p", "5060", "-m", "1", "-nostdin", "-timeout", "30", "-timeout_error", "-trace_msg"]
        with caller.socket(socket.AF_INET, socket.SOCK_STREAM, timeout=PATIENCE) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            line.bind(_LINE)
            line.listen()
            words = ["sipp", "-sf", str(SCENARIOS / "called.xml"), "-i", target, *common]
            self._called = Process(called, [*words, "-message_file", str(self.messages)], directory / "called.out")
            until(lambda: _listens(called, transport), "sipp listens")
            words = ["sipp", target, "-sf", str(SCENARIOS / "caller.xml"), "-i", own, *common]
            words += ["-3pcc", f"{_LINE[0]}:{_LINE[1]}", "-message_file", str(directory / "caller.log")]
            self._caller = Process(caller, words, directory / "caller.out")
            self._line, _ = line.accept()
        self._line.settimeout(PATIENCE)
        self._report = self._line.recv(4096)
        assert self._report.endswith(b"\x1b"), self._report

    def offered(self) -> tuple[str, int]:
        """Where the called one was told to send its media."""
        text = self.messages.read_text()
        address = re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE)
        port = re.search(r"^m=audio (\d+) ", text, re.MULTILINE)
        assert address and port, text
        return address[1], int(port[1])

    def hang_up(self) -> None:
        """BYE, and its answer; both sides end in order."""
        self._line.sendall(self._report)
        assert (self._caller.wait(PATIENCE), self._called.wait(PATIENCE)) == (0, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.close()
        for process in (self._caller, self._called):
            process.stop()


def _listens(host: Namespace, transport: str) -> bool:
    option = "-lun" if transport == "udp" else "-ltn"
    return ":5060 " in host.run("ss", option).stdout
