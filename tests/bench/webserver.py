"""nginx in a namespace, with nothing but a 200, and wrk to ask it.

Lives here: both processes. May not live here: what is between them.
"""

from __future__ import annotations

import contextlib
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Final

from conntrack.cli.lab.namespace import Namespace
from conntrack.cli.lab.process import Process
from tests.bench.figure import BenchError

_CONFIGURATION: Final = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 80 backlog=4096;
    location / {{ return 200 "ok\\n"; }}
  }}
}}
"""
_RATE: Final = re.compile(r"^Requests/sec:\s+([\d.]+)", re.MULTILINE)
_DONE: Final = re.compile(r"^\s*(\d+) requests in", re.MULTILINE)
_FAILURES: Final = re.compile(r"\b(?:connect|read|write|timeout|responses:) (\d+)\b")
#: one failure in so many exchanges is no reason to doubt the rate
_TOLERATED: Final = 1000


@contextlib.contextmanager
def nginx(host: Namespace, address: str) -> Iterator[None]:
    """Answers HTTP on port 80 meanwhile. BenchError: it does not start."""
    with tempfile.TemporaryDirectory(prefix="pairwall-nginx-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the worker runs as another user
        configuration = folder / "nginx.conf"
        configuration.write_text(_CONFIGURATION.format(folder=folder))
        with Process(host, ["nginx", "-c", str(configuration)], folder / "nginx.log") as process:
            _wait(host, address, process)
            yield


def wrk(host: Namespace, address: str, seconds: float) -> float:
    """Whole exchanges a second, each over a connection of its own. BenchError: some failed."""
    whole = max(1, round(seconds))
    words = ("wrk", "-t1", "-c32", f"-d{whole}s", "-H", "Connection: close", f"http://{address}/")
    try:
        done = host.run(*words, timeout=whole + 20)
    except TimeoutExpired:
        raise BenchError("wrk does not come to its end: nothing passes") from None
    if done.returncode:
        raise BenchError(f"wrk: {done.stdout.strip()}")
    return rate(done.stdout)


def rate(report: str) -> float:
    """The rate out of wrk's report. BenchError: there is none, or too many exchanges failed."""
    found, total = _RATE.search(report), _DONE.search(report)
    if found is None or total is None:
        raise BenchError(f"wrk says: {report.strip()}")
    failures = sum(int(number) for number in _FAILURES.findall(report))
    if failures * _TOLERATED > int(total[1]):
        raise BenchError(f"wrk: {failures} failures in {total[1]} exchanges")
    return float(found[1])


def _wait(host: Namespace, address: str, process: Process) -> None:
    limit = time.monotonic() + 5
    while process.exit_code() is None and time.monotonic() < limit:
        with contextlib.suppress(OSError), host.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.connect((address, 80))
            return
        time.sleep(0.02)
    raise BenchError(f"nginx does not answer: {process.output().strip()}")
