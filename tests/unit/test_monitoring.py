"""What is asked of the metrics exists: a name or a value that nobody tells would be an alert that never comes.

Whether an alert comes when it should is said in deploy/prometheus/alerts_test.yaml; `make alerts` asks Prometheus's own promtool.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Final

import promql_parser
import pytest
import yaml

from agents import fold_hours, fold_parts
from agents.audit import Result
from dynamodb.writer import Counts
from metering.total import Grain
from streams.hop import LOST
from streams.metrics import ALL
from tests.stack import ROOT

PROMETHEUS: Final = ROOT / "deploy" / "prometheus"
RULES: Final = [rule for group in yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
TESTS: Final = yaml.safe_load((PROMETHEUS / "alerts_test.yaml").read_text())["tests"]
SCRAPED: Final = yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text())
OPERATIONS: Final = (ROOT / "docs" / "operations.md").read_text()
TARGET: Final = ("job", "instance")
"""Labels that Prometheus gives to all that it fetches."""
PARTS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "counter": {"_total": ()},
    "gauge": {"": ()},
    "histogram": {"_bucket": ("le",), "_sum": (), "_count": ()},
}
LABELS: Final[dict[str, set[str]]] = {"up": set(TARGET)} | {
    named.name + part: {*named.labels, *more, *TARGET} for named in ALL for part, more in PARTS[named.kind].items()
}
LEVELS: Final = {f"{grain}s" for grain in Grain}
VALUES: Final = {
    "job": {job["job_name"] for job in SCRAPED["scrape_configs"]},
    "hop": LEVELS,
    "level": LEVELS | {"live"},
    "outcome": {*fold_hours.OUTCOMES, *fold_parts.OUTCOMES, LOST},
    "result": {each.name for each in fields(Counts)} | {*Result},
}


BOARD: Final = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / "wattfall.json").read_text())
DRAWN: Final = [(panel["title"], target) for panel in BOARD["panels"] for target in panel.get("targets", [])]


def selectors(expression: str) -> Iterator[promql_parser.VectorSelector]:
    """Raises ValueError for what is no PromQL."""
    found: list[promql_parser.Expr] = []
    promql_parser.walk(promql_parser.parse(expression), found.append)
    yield from (each for each in found if isinstance(each, promql_parser.VectorSelector))


def unknown(expression: str) -> list[str]:
    """Metrics, labels and values of labels that no worker tells."""
    asked = list(selectors(expression))
    known = [LABELS[str(each.name)] for each in asked if each.name in LABELS]
    groups = re.findall(r"\b(?:by|on|without) \(([^)]*)\)", expression)
    wrong = [f"metric {each.name}" for each in asked if each.name not in LABELS]
    wrong += [f"label {name}" for group in groups for name in group.split(", ") if not all(name in labels for labels in known)]
    for name, matcher in [(str(each.name), matcher) for each in asked for matcher in each.matchers.matchers if each.name in LABELS]:
        wrong += [f"label {matcher.name}"] if matcher.name not in LABELS[name] else []
        wrong += [f"{matcher.name}={value}" for value in matcher.value.split("|") if value not in VALUES[matcher.name]]
    return wrong


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_workers_tell(rule: dict[str, Any]) -> None:
    assert not unknown(rule["expr"])


@pytest.mark.parametrize(("title", "target"), DRAWN, ids=lambda given: given if isinstance(given, str) else given["refId"])
def test_a_graph_shows_what_workers_tell(title: str, target: dict[str, Any]) -> None:
    assert not unknown(target["expr"].replace("$__rate_interval", "5m"))
    assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= set(re.findall(r"\w+", " ".join(re.findall(r"by \((.*?)\)", target["expr"]))))


def test_no_metric_is_without_its_graph() -> None:
    drawn = {each.name for _, target in DRAWN for each in selectors(target["expr"].replace("$__rate_interval", "5m"))}
    assert {named.name for named in ALL if not any(named.name + part in drawn for part in PARTS[named.kind])} == set()


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("wattfall_lags > 0", ["metric wattfall_lags"]),
        ("wattfall_records > 0", ["metric wattfall_records"]),
        ("sum by (level) (wattfall_lag)", ["label level"]),
        ('wattfall_lag{level="live"}', ["label level"]),
        ('wattfall_pending{level=~"live|hour"}', ["level=hour"]),
        ('sum by (level, le) (rate(wattfall_stored_after_seconds_bucket{job="sinks"}[5m]))', []),
    ],
)
def test_what_nobody_tells_is_found(expression: str, found: list[str]) -> None:
    assert unknown(expression) == found


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    headings = re.findall(r"^### (Wattfall\w+)$", OPERATIONS, re.MULTILINE)
    assert sorted(headings) == sorted({rule["alert"] for rule in RULES})
    assert [rule["annotations"]["runbook"] for rule in RULES] == [f"docs/operations.md#{rule['alert'].lower()}" for rule in RULES]


def test_every_alert_is_to_wake_somebody_or_can_wait() -> None:
    assert {rule["labels"]["severity"] for rule in RULES} == {"page", "ticket"}


@pytest.mark.parametrize("name", sorted({rule["alert"] for rule in RULES}))
def test_every_alert_was_seen_to_come_and_to_stay_away(name: str) -> None:
    asked = [one for each in TESTS for one in each.get("alert_rule_test", []) if one["alertname"] == name]
    assert {bool(one["exp_alerts"]) for one in asked} == {True, False}
