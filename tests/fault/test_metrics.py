# SPDX-License-Identifier: LGPL-3.0-or-later
"""Dashboard and alerts name metrics that there are, and asking for metrics costs little."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from running_hub import RunningHub, is_sanitized
from test_settings import start, token_file  # noqa: F401

StartHub = Callable[..., RunningHub]
DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
METRIC = re.compile(r"\b(?:commhub|process)_[a-z_]+")
STATE = re.compile(r'state=~"([a-z|]+)"')


def scrape(hub: RunningHub) -> str:
    with urllib.request.urlopen(f"{hub.ready_line.split()[-1]}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_every_metric_of_dashboard_and_alerts_is_there(start: StartHub) -> None:  # noqa: F811
    text = scrape(start())
    there = set(re.findall(r"^# TYPE ([a-z_]+) ", text, re.MULTILINE))
    dashboard = json.loads((DEPLOY / "grafana/commhub.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    expressions += re.findall(r"^ +expr: (.*)$", (DEPLOY / "prometheus/alerts.yml").read_text(), re.MULTILINE)
    named = {name for expression in expressions for name in METRIC.findall(expression)}
    assert len(named) > 20 and named <= there, named - there
    words = "|".join(found for expression in expressions for found in STATE.findall(expression))
    states = set(words.split("|"))
    assert states and all(f'commhub_links{{state="{state}"' in text for state in states), states


def test_each_metric_has_help_and_type_and_no_name_of_a_client(start: StartHub) -> None:  # noqa: F811
    comment = r"# (HELP|TYPE) [a-z_]+ .+"
    sample = r"[a-z_]+(\{[a-z]+=\"[a-z0-9_.]+\"(,[a-z]+=\"[a-z]+\")*\})? \d+"
    for line in scrape(start()).splitlines():
        assert re.fullmatch(f"{comment}|{sample}", line), line


def test_metrics_come_in_less_than_50_ms(start: StartHub) -> None:  # noqa: F811
    hub = start()
    took = []
    for _ in range(5):
        began = time.monotonic()
        scrape(hub)
        took.append(time.monotonic() - began)
    assert min(took) < (0.5 if is_sanitized() else 0.05), took
