"""Alerts, dashboard and scrape configuration: they name metrics and labels that the programs export, and each alert has
a runbook entry. promtool runs the alerts' unit tests where it is installed."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from control.http.metrics import HttpMetrics
from control.inbound_webhooks.service import WebhookMetrics
from control.media_requests.metrics import MediaRequestMetrics
from control.worker_runtime import WorkerMetrics
from media.server.metrics import Metrics
from tests.deploy.manifests import DEPLOY, ROOT, manifests

MONITORING = DEPLOY / "monitoring"
GUIDE = (ROOT / "docs" / "run" / "alerts.md").read_text()
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "grafana-dashboard.json").read_text())
# Prometheus adds these to all metrics.
TARGET_LABELS = {"instance"}
# Samples of a family, by its type.
ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian's package promtool)"
)


@cache
def exported() -> Mapping[str, set[str]]:
    """Each sample name with its labels as Prometheus stores them."""
    media = Metrics()
    assert media.bus_up is not None  # made when it is first used
    control = HttpMetrics().registry
    WebhookMetrics(control)
    MediaRequestMetrics(control)
    return {
        name: labels
        for registry in (media.registry, control, WorkerMetrics().registry)
        for name, labels in names(registry)
    }


def names(registry: CollectorRegistry) -> Iterator[tuple[str, set[str]]]:
    for collector in registry._collector_to_names:
        own = set(getattr(collector, "_labelnames", ()))
        for family in collector.collect():
            labels = own | {label for sample in family.samples for label in sample.labels} - {"le"}
            # `job` is Prometheus' own label: that of a metric is stored under another name.
            labels = {"exported_job" if label == "job" else label for label in labels}
            for ending in ENDINGS.get(family.type, ("",)):
                yield family.name + ending, labels | ({"le"} if ending == "_bucket" else set())


def alerts(file: str = "alerts.yaml") -> dict[str, dict[str, Any]]:
    """The alerts of a file by name."""
    (document,) = manifests(MONITORING / file)
    rules = [rule for group in document["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    return {rule["alert"]: rule for rule in rules}


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = DASHBOARD["panels"]
    return found


def queries() -> list[tuple[str, str, str]]:
    """Panel, expression and legend of each query of the dashboard."""
    return [
        (panel["title"], target["expr"], target["legendFormat"])
        for panel in panels()
        for target in panel.get("targets", [])
    ]


def faults_of(expression: str, templates: str) -> list[str]:
    """What in an expression, or in the labels that its templates show, does not exist."""
    used = set(re.findall(r"vocalized_\w+", expression))
    faults = [f"no metric {name}" for name in used - exported().keys()]
    if faults or not used:
        return faults or ["no metric"]
    for name, selector in re.findall(r"(vocalized_\w+)\{([^}]*)\}", expression):
        wanted = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))
        faults += [f"{name} has no label {label}" for label in wanted - exported()[name] - TARGET_LABELS]
    known = set.union(*(exported()[name] for name in used)) | TARGET_LABELS
    grouped = {label.strip() for names in re.findall(r"by \(([^)]*)\)", expression) for label in names.split(",")}
    shown = set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", templates))
    faults += [f"no label {label}" for label in grouped - known]
    faults += [f"the result has no label {label}" for label in shown - (grouped or known)]
    return faults


@pytest.mark.parametrize("name", alerts())
def test_alert_names_existing_metrics_and_labels(name: str) -> None:
    rule = alerts()[name]
    assert faults_of(rule["expr"], str(rule["annotations"])) == []


def test_dashboard_names_existing_metrics_and_labels() -> None:
    faults = {title: faults_of(expression, legend) for title, expression, legend in queries()}
    assert len(faults) > 25 and {title: found for title, found in faults.items() if found} == {}


@pytest.mark.parametrize(
    ("expression", "legend"),
    [
        ("vocalized_media_call_active", ""),
        ('vocalized_media_calls_total{reason="x"}', ""),
        ("sum by (tenant) (vocalized_media_calls_total)", ""),
        ("max by (job) (vocalized_worker_queue)", ""),
        ("sum by (carrier) (vocalized_media_calls_total)", "{{end_reason}}"),
        ("up", ""),
    ],
)
def test_a_metric_or_label_that_does_not_exist_is_found(expression: str, legend: str) -> None:
    assert faults_of(expression, legend)


@pytest.mark.parametrize("file", ["alerts.yaml", "alerts-exporters.yaml"])
def test_every_alert_says_what_is_wrong_and_what_to_do(file: str) -> None:
    section = GUIDE.partition("\n## Runbook\n")[2]
    entries = {title.lower(): title for title in re.findall(r"^### (\w+)$", section, re.MULTILINE)}
    for name, rule in alerts(file).items():
        assert rule["for"] and rule["labels"]["severity"] in ("critical", "warning"), name
        assert rule["annotations"].keys() == {"summary", "description", "runbook"}, name
        document, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert document == "docs/run/alerts.md" and anchor in entries, name
        assert name in section, name
    both = {name.lower() for one in ("alerts.yaml", "alerts-exporters.yaml") for name in alerts(one)}
    assert entries.keys() <= both, "a runbook entry without an alert"


def test_every_alert_of_ours_has_a_unit_test_in_which_it_fires() -> None:
    (document,) = manifests(MONITORING / "alerts_test.yaml")
    fired = {
        name
        for test in document["tests"]
        for case in test.get("promql_expr_test", [])
        for sample in case["exp_samples"]
        for name in re.findall(r'alertname="(\w+)"', sample["labels"])
    }
    fired |= {
        case["alertname"]
        for test in document["tests"]
        for case in test.get("alert_rule_test", [])
        if case.get("exp_alerts")
    }
    assert fired == alerts().keys()


@needs_promtool
@pytest.mark.parametrize(
    "command",
    [
        "check rules alerts.yaml alerts-exporters.yaml",
        "test rules alerts_test.yaml",
        "check config --syntax-only prometheus.yml",
    ],
)
def test_promtool_agrees(command: str) -> None:
    done = subprocess.run(["promtool", *command.split()], cwd=MONITORING, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_parses_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    rules = [
        {"record": f"query:{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, (_, expression, _) in enumerate(queries())
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    command = ["promtool", "check", "rules", "rules.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboard_is_one_that_grafana_can_show() -> None:
    assert DASHBOARD["uid"] == "vocalized" and DASHBOARD["schemaVersion"] >= 36
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels())
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells) and max(x for x, _ in cells) == 23, "panels overlap, or leave the page"
    for panel in panels():
        assert panel["type"] in ("row", "text") or panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["type"] == "row" or panel["title"].endswith("?"), "a panel is named by what an operator asks"


def test_prometheus_reads_every_program_of_compose() -> None:
    (config,) = manifests(MONITORING / "prometheus.yml")
    (compose,) = manifests(DEPLOY / "compose.yaml")
    targets = {
        target
        for job in config["scrape_configs"]
        for static_config in job["static_configs"]
        for target in static_config["targets"]
    }
    assert targets == {f"{name}:8080" for name in compose["services"] if re.match(r"api|worker|media-\d", name)}
    assert all((MONITORING / file).exists() for file in config["rule_files"])


def test_log_collector_reads_the_containers_of_compose() -> None:
    config = yaml.safe_load((MONITORING / "vector.yaml").read_text())
    (compose,) = manifests(DEPLOY / "compose.yaml")
    assert config["sources"]["containers"]["include_labels"] == [f"com.docker.compose.project={compose['name']}"]
    assert config["sinks"]["loki"]["labels"].keys() == {"project", "program", "level"}
