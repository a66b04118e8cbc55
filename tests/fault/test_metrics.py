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
from test_settings import Management, start, token_file  # noqa: F401

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
    for name in re.findall(r"^# TYPE ([a-z_]+) histogram", text, re.MULTILINE):
        there |= {f"{name}_{part}" for part in ("bucket", "sum", "count")}
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
    label = r"[a-z]+=\"(?:[a-z0-9_.-]+|\+Inf)\""
    sample = rf"[a-z_]+(\{{{label}(,{label})*\}})? \d+(\.\d+)?"
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


def test_requests_and_writes_are_counted_with_the_time_they_took(
    start: StartHub,  # noqa: F811
    token_file: Path,  # noqa: F811
) -> None:
    hub = start("--admin-token-file", str(token_file))
    management = Management(hub)
    assert management.ask("PUT", "/api/v1/bridges/west", {"address": "tcp://127.0.0.1:1", "secret": "x"})[0] == 201
    assert management.ask("GET", "/api/v1/hub")[0] == 200
    assert management.ask("GET", "/api/v1/nothing")[0] == 404
    text = scrape(hub)
    for sample in ('class="write",status="2xx"} 1', 'class="read",status="2xx"} 1', 'class="read",status="4xx"} 1'):
        assert f"commhub_http_requests_total{{{sample}\n" in text, sample
    assert 'commhub_http_request_duration_seconds_bucket{class="write",le="+Inf"} 1\n' in text
    writes = re.search(r"^commhub_store_write_duration_seconds_count (\d+)$", text, re.MULTILINE)
    assert writes and int(writes[1]) > 0
    assert "commhub_store_writes_failed_total 0\n" in text
