"""FTP, TFTP and IRC through the daemon, with Debian's own clients and servers: what rules allow is the first connection
alone, so whatever else passes was foreseen by a helper.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from conntrack.cli.lab import probes
from conntrack.cli.lab.daemon import Daemon
from conntrack.cli.lab.namespace import Namespace
from conntrack.cli.lab.network import CLIENT4, FAR4, FAR6, OUTSIDE4, SHOP4, Network
from conntrack.cli.lab.process import Process
from conntrack.cli.lab.waiting import until
from tests.netns.conftest import BASE, Start

RULES = (
    BASE
    + f"""\
nat:
  - {{name: internet, masquerade: wan, from: [lan]}}
  - {{name: shop, forward: ftp, at: wan, to: {SHOP4}}}
policy:
  lan -> wan:
    - {{name: files, accept: [ftp, tftp]}}
    - {{name: chat, accept: irc, helper: irc}}
  lan -> self: accept
"""
)
#: a second address of the client: longer to write than the gateway's, so that lines change their length
LONGER = "192.168.10.155"
CONTENT = bytes(range(256)) * 2000

PASSIVE = ("--ftp-pasv", "--no-ftp-skip-pasv-ip")
WAYS = {
    "PASV": (*PASSIVE, "--disable-epsv"),
    "EPSV": PASSIVE,
    "PORT": ("-P", "-", "--disable-eprt"),
    "EPRT": ("-P", "-"),
}


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    """A directory that servers without privileges may read: pytest's own are closed to them."""
    path = Path(tempfile.mkdtemp(prefix="pairwall-test-"))
    path.chmod(0o755)
    (path / "file").write_bytes(CONTENT)
    (path / "file").chmod(0o666)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def listens(host: Namespace, kind: str, port: int) -> bool:
    """Whether a socket of a host is bound to a port; kind: "t" or "u" of ss."""
    return f":{port} " in host.run("ss", f"-Hln{kind}").stdout


@contextlib.contextmanager
def vsftpd(host: Namespace, tmp_path: Path) -> Iterator[Path]:
    """An anonymous FTP server; yields its directory."""
    with directory() as root:
        options = {
            "background": "NO",
            "listen": "NO",
            "listen_ipv6": "YES",
            "anonymous_enable": "YES",
            "anon_root": str(root),
            "no_anon_password": "YES",
            "connect_from_port_20": "YES",
            "run_as_launching_user": "YES",
            "seccomp_sandbox": "NO",
            "secure_chroot_dir": str(root),
        }
        config = tmp_path / "vsftpd.conf"
        config.write_text("".join(f"{name}={value}\n" for name, value in options.items()))
        with Process(host, ["vsftpd", str(config)], tmp_path / "vsftpd.log"):
            until(lambda: listens(host, "t", 21), "vsftpd listens")
            yield root


def fetch(client: Namespace, server: str, tmp_path: Path, *options: str) -> str:
    """Fetches the file with curl; what the two said to each other."""
    target = tmp_path / "fetched"
    target.unlink(missing_ok=True)
    url = f"ftp://[{server}]/file" if ":" in server else f"ftp://{server}/file"
    done = client.run("curl", "-v", "-sS", "--max-time", "10", "-o", str(target), *options, url, timeout=20)
    assert done.returncode == 0, done.stdout
    assert target.read_bytes() == CONTENT
    return done.stdout


@pytest.mark.parametrize("server", [FAR4, FAR6], ids=["ipv4", "ipv6"])
def test_ftp_in_every_way_from_behind_the_gateway(net: Network, start: Start, tmp_path: Path, server: str) -> None:
    daemon = start(RULES)
    net.client.ip(f"address add {LONGER}/24 dev eth0")
    with vsftpd(net.far, tmp_path):
        for way, options in WAYS.items():
            if server == FAR4 or way.startswith("E"):
                own = ("--interface", LONGER) if server == FAR4 else ()
                said = fetch(net.client, server, tmp_path, *own, *options)
                assert f"> {way}" in said, said
    flows = json.loads(daemon.ask("flows", "list", "--status", "related", "-o", "json").stdout)
    assert len(flows) == (4 if server == FAR4 else 2)
    assert {flow["rule"].split()[0] for flow in flows} == {"files"}


def test_ftp_between_hosts_that_leave_checksums_to_their_cards(backend: str, tmp_path: Path) -> None:
    """A packet without its checksum yet changes its length."""
    with Network(offload=True) as net, Daemon(net.gateway, RULES, tmp_path, "--queue-backend", backend):
        net.client.ip(f"address add {LONGER}/24 dev eth0")
        with vsftpd(net.far, tmp_path):
            said = fetch(net.client, FAR4, tmp_path, "--interface", LONGER, *WAYS["PORT"])
    assert "> PORT 192,168,10,155," in said


def test_ftp_to_a_server_behind_a_port_forward(net: Network, start: Start, tmp_path: Path) -> None:
    start(RULES)
    with vsftpd(net.shop, tmp_path):
        for way, options in WAYS.items():
            said = fetch(net.far, OUTSIDE4, tmp_path, *options)
            assert f"> {way}" in said, said
            if way == "PASV":
                assert f"({OUTSIDE4.replace('.', ',')}," in said


@pytest.mark.parametrize("passive", ["on", "off"])
def test_lftp_lists_fetches_and_puts(net: Network, start: Start, tmp_path: Path, passive: str) -> None:
    start(RULES)
    with vsftpd(net.far, tmp_path):
        script = (
            f"set net:timeout 5; set net:max-retries 1; set ftp:passive-mode {passive}; set ftp:ssl-allow no; "
            f"open {FAR4}; ls; get file -o {tmp_path}/one; get file -o {tmp_path}/two; cls -1"
        )
        done = net.client.run("lftp", "-c", script, timeout=30)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == CONTENT


def test_without_a_helper_only_the_control_connection_passes(net: Network, start: Start, tmp_path: Path) -> None:
    start(RULES.replace("accept: [ftp, tftp]", "accept: tcp/21"))
    with vsftpd(net.far, tmp_path):
        done = net.client.run(
            "curl", "-v", "-sS", "--max-time", "3", "-o", "/dev/null", *WAYS["PASV"], f"ftp://{FAR4}/file"
        )
    assert done.returncode != 0
    assert "227 Entering Passive Mode" in done.stdout


def test_a_client_that_names_another_host_opens_nothing(net: Network, start: Start, tmp_path: Path) -> None:
    """FTP's classic abuse: PORT to a third host, to a service's port, and to the client itself for somebody else."""
    daemon = start(RULES)
    shop, client = SHOP4.replace(".", ","), CLIENT4.replace(".", ",")
    with vsftpd(net.far, tmp_path), net.client.socket(socket.AF_INET, socket.SOCK_STREAM, timeout=10) as control:
        control.connect((FAR4, 21))
        say(control, "", "220")
        say(control, "USER ftp", "230")
        for line in (f"PORT {shop},19,136", f"PORT {client},0,22", f"EPRT |1|{SHOP4}|5000|"):
            say(control, line, "500 Illegal")
        assert expectations(daemon) == {"waiting": 0, "created": 0, "met": 0, "expired": 0, "refused": 3}
        say(control, f"PORT {client},19,136", "200")
        assert expectations(daemon)["waiting"] == 1
        assert probes.tcp(net.server, OUTSIDE4, 5000, timeout=0.5) == probes.TIMEOUT
        assert probes.tcp(net.far, OUTSIDE4, 5000, timeout=2) == probes.REFUSED


def say(connection: socket.socket, line: str, expected: str) -> str:
    """Sends a line, if there is one, and returns the answer, which must begin as expected."""
    if line:
        connection.sendall(line.encode() + b"\r\n")
    answer = connection.recv(4096).decode()
    assert answer.startswith(expected), answer
    return answer


def expectations(daemon: Daemon) -> dict[str, int]:
    """What became of what helpers found."""
    counts: dict[str, int] = json.loads(daemon.ask("stats", "-o", "json").stdout)["expectations"]
    return counts


@pytest.mark.parametrize("server", [FAR4, FAR6], ids=["ipv4", "ipv6"])
def test_tftp_answers_from_another_port(net: Network, start: Start, tmp_path: Path, server: str) -> None:
    start(RULES)
    with directory() as root:
        words = ["in.tftpd", "-L", "-s", "-c", "-u", "root", "-a", ":69", str(root)]
        with Process(net.far, words, tmp_path / "tftpd.log"):
            until(lambda: listens(net.far, "u", 69), "tftpd listens")
            own = tmp_path / "fetched"
            done = net.client.run("tftp", "-m", "octet", server, "-c", "get", "file", str(own), timeout=20)
            assert own.exists(), done.stdout
            assert own.read_bytes() == CONTENT
            done = net.client.run("tftp", "-m", "octet", server, "-c", "put", str(own), "put", timeout=20)
            assert (root / "put").read_bytes() == CONTENT, done.stdout


def test_irc_a_peer_reaches_who_offers_a_chat(net: Network, start: Start) -> None:
    """The client offers DCC CHAT by way of its server; the other user calls the address and port that it was told."""
    start(RULES)
    with net.far.entered():
        server = socket.create_server((FAR4, 6667))
        server.settimeout(10)
    with net.client.entered():
        offered = socket.create_server((CLIENT4, 0))
        offered.settimeout(10)
        chat = socket.create_connection((FAR4, 6667), timeout=10)
    with server, offered, chat:
        far, _ = server.accept()
        far.settimeout(10)
        number = int.from_bytes(socket.inet_aton(CLIENT4), "big")
        chat.sendall(b"NICK a\r\nUSER a 0 * :a\r\n")
        chat.sendall(f"PRIVMSG b :\1DCC CHAT chat {number} {offered.getsockname()[1]}\1\r\n".encode())
        with far, far.makefile("rb") as lines:
            words = next(line for line in lines if b"DCC" in line).split()
        told = socket.inet_ntoa(int(words[5]).to_bytes(4, "big")), int(words[6].rstrip(b"\1"))
        assert told[0] == OUTSIDE4
        with net.server.entered():
            peer = socket.create_connection(told, timeout=10)
        with peer, offered.accept()[0] as met:
            peer.sendall(b"hello\n")
            assert met.recv(100) == b"hello\n"
