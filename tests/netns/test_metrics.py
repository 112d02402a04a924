"""The metrics page of the real daemon after real traffic, and the alerts that read it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from conntrack.cli.lab import scenes
from conntrack.cli.lab.network import FAR4, Network
from tests.netns.conftest import Start

DEPLOY = Path(__file__).parents[2] / "deploy"
PAGE = "http://127.0.0.1:9469/metrics"


def page(net: Network) -> str:
    return net.gateway.run("curl", "-sS", PAGE).stdout


def test_page_is_clean_and_tells_what_happened(net: Network, start: Start) -> None:
    start(scenes.RULES)
    with scenes.services(net):
        for scene in scenes.SCENES:
            scene.run(net)
    text = page(net)
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(samples['pairwall_dropped_packets_total{reason="policy-drop"}']) >= 1
    assert float(samples["pairwall_connections_created_total"]) >= 9
    assert not re.search(r"\d+\.\d+\.\d+\.\d+", re.sub(r"# .*|version=\"[^\"]*\"", "", text)), "an address in a label"


def test_every_metric_that_an_alert_names_is_on_the_page(net: Network, start: Start) -> None:
    start(scenes.RULES)
    text = page(net)
    named = set(re.findall(r"\bpairwall_\w+", (DEPLOY / "prometheus-alerts.yml").read_text()))
    described = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    assert len(named) >= 8
    assert named - described == set()


def test_prometheus_takes_job_and_alerts() -> None:
    for words in (["check", "config", "prometheus.yml"], ["check", "rules", "prometheus-alerts.yml"]):
        done = subprocess.run(["promtool", *words], cwd=DEPLOY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_nobody_outside_reads_the_page(net: Network, start: Start) -> None:
    start(scenes.RULES)
    assert "pairwall_" in page(net)
    for host, address in ((net.far, "198.51.100.2"), (net.client, "192.168.10.1")):
        assert host.run("curl", "-sS", "--max-time", "0.5", f"http://{address}:9469/metrics").returncode == 28
    assert FAR4 not in page(net)
