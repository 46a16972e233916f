"""The operators' pages list the program's rate limits, staff settings, duties and metrics."""

from dataclasses import replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from control.app import ROUTES
from control.billing.stripe.client import StripeOptions
from control.calls.records.refusals import REFUSALS
from control.db.logins import WORKER, with_login
from control.http.metrics import HttpMetrics
from control.http.route import RateLimit
from control.knowledge.embedder import EmbedderPolicy
from control.media_requests.metrics import MediaRequestMetrics
from control.platform.rules import REGISTRY
from control.services import Policies
from control.worker import BackgroundWorkerOptions, open_worker
from control.worker_runtime import WorkerMetrics
from shared.key_sets import KeySets
from tests.platform.services import CHEAP_HASHING, KEY, worker_outside

RUN = Path(__file__).parents[2] / "docs" / "run"


def table(page: str, *heading: str) -> set[tuple[str, ...]]:
    """Returns the cells of each row of the table with this heading."""
    below = (RUN / page).read_text().partition(f"\n| {' | '.join(heading)} |\n")[2]
    lines = [line for line in below.partition("\n\n")[0].splitlines()[1:] if line.startswith("|")]
    assert lines, f"no table {heading}"
    return {tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines}


def _whom(limit: RateLimit) -> str:
    return "yes" if limit.account else "per user" if limit.per_user else ""


def test_every_rate_limit_is_documented_with_its_figures() -> None:
    limits = {
        (f"`{limit.name}`", str(limit.times), str(limit.per_s), _whom(limit), f"`{method} {path}`")
        for limit, method, path in ((route.limit, route.method, route.path) for route in ROUTES)
        if limit is not None
    }
    assert table("rate-limits.md", "limit", "times", "within s", "also per account", "route") == limits
    checks = {
        (f"`{limit.name}`", str(limit.times), str(limit.per_s), f"`{method} {path}`")
        for limit, method, path in ((route.check_limit, route.method, route.path) for route in ROUTES)
        if limit is not None
    }
    assert table("rate-limits.md", "limit of checks", "times", "within s", "route") == checks


def test_every_staff_setting_is_documented_with_its_default() -> None:
    settings = {
        (f"`{setting.key}`", f"`{str(setting.default).lower()}`", setting.description) for setting in REGISTRY.values()
    }
    assert table("settings.md", "setting", "at first", "meaning") == settings


def test_what_refused_callers_hear_is_documented() -> None:
    heard = {(f"`{reason}`", rule.twilio, rule.telnyx) for reason, rule in REFUSALS.items() if reason != "code_call"}
    assert {row[:3] for row in table("carriers.md", "reason", "Twilio", "Telnyx", "when")} == heard


async def test_every_duty_is_documented_with_its_interval(database_url: str, tmp_path: Path) -> None:
    options = BackgroundWorkerOptions(
        database_url=with_login(database_url, WORKER),
        keys=KeySets.all_from([KEY]),
        policies=Policies(
            links="http://127.0.0.1",
            hashing=CHEAP_HASHING,
            embedder=EmbedderPolicy("http://127.0.0.1:9/v1", "small"),
        ),
        mail_url=tmp_path.as_uri(),
        mail_from="Vocalized <no-reply@example.com>",
        outside=replace(
            worker_outside("redis://127.0.0.1:9", tmp_path),
            stripe=StripeOptions("sk_test_unused", meter_event="seconds"),
        ),
    )
    async with open_worker(options) as worker:
        duties = {(f"`{duty.name}`", f"{duty.every_s:g}") for duty in worker.tasks.duties}
    duties |= {("`queue`", "15")}  # of the worker's runtime
    assert {row[:2] for row in table("worker.md", "duty", "every s", "what")} == duties


def test_every_metric_of_requests_is_documented() -> None:
    registry = CollectorRegistry()
    MediaRequestMetrics(registry)
    metrics = {f"`{metric.name}{'_total' if metric.type == 'counter' else ''}`" for metric in registry.collect()}
    assert {row[0] for row in table("monitoring.md", "metric of requests", "labels", "what")} == metrics


def test_every_metric_is_documented() -> None:
    metrics = {
        f"`{metric.name}{'_total' if metric.type == 'counter' else ''}`"
        for registry in (HttpMetrics().registry, WorkerMetrics().registry)
        for metric in registry.collect()
    }
    assert {row[0] for row in table("monitoring.md", "metric", "labels", "what")} == metrics
