"""A gateway that reads FTP, and a client that has logged in.

Lives here: rules, the two ends, the beginning of a control connection. May not live here: what follows.
"""

from __future__ import annotations

from tests.host import Host
from tests.talk import Talk

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, "fd10::/64"]}
nat:
  - {name: internet, masquerade: wan, from: lan}
  - {name: files, forward: ftp, at: wan, to: 192.168.10.21}
  - {name: web, forward: tcp/5001, at: wan, to: 192.168.10.20}
policy:
  lan -> wan:
    - {name: ftp, accept: ftp, mark: 7}
    - {name: odd, accept: tcp/2121, helper: ftp}
    - {accept: [http]}
  wan -> lan:
    - {accept: ftp, family: ipv6}
"""
CLIENT = ("192.168.10.5", 40000)
SERVER = ("198.51.100.9", 21)
SIX = ("fd10::5", 40000)
SIX_SERVER = ("2001:db8:9::9", 21)


def login(host: Host, client: tuple[str, int] = CLIENT, server: tuple[str, int] = SERVER, zone: str = "lan") -> Talk:
    talk = Talk(host, zone, client, server).connect()
    assert talk.says(talk.server, b"220 ready\r\n") == b"220 ready\r\n"
    assert talk.says(talk.client, b"USER anonymous\r\n") == b"USER anonymous\r\n"
    assert talk.says(talk.server, b"230 in\r\n") == b"230 in\r\n"
    return talk


def told(line: bytes) -> int:
    """The port that a PORT line tells the server, at the gateway's address."""
    words = [int(word) for word in line.removeprefix(b"PORT ").split(b",")]
    assert words[:4] == [203, 0, 113, 1]
    return words[4] << 8 | words[5]
