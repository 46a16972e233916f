"""docs/control.md against the program: limits, the staff's settings, duties and metrics, each in its table."""

from contextlib import closing
from pathlib import Path

from control.accounts.passwords import Passwords
from control.app import ROUTES
from control.http.metrics import HttpMetrics
from control.http.wiring import Policies, make_services
from control.platform.registry import REGISTRY
from control.worker import make_duties
from control.working import WorkerMetrics
from shared.secrets import Sealer
from tests.control.running import CHEAP, KEY, nowhere

TEXT = (Path(__file__).parents[2] / "docs" / "control.md").read_text()


def table(*heading: str) -> set[tuple[str, ...]]:
    """The rows of the table with this heading, cell by cell."""
    lines = TEXT.partition(f"\n| {' | '.join(heading)} |\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert lines, f"no table {heading}"
    return {tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines}


def test_every_limit_stands_with_its_figures() -> None:
    told = {
        (f"`{limit.name}`", str(limit.times), str(limit.per_s), "yes" if limit.account else "", f"`{method} {path}`")
        for limit, method, path in ((route.limit, route.method, route.path) for route in ROUTES)
        if limit is not None
    }
    assert table("limit", "times", "within s", "also per account", "route") == told


def test_every_setting_of_the_staff_stands_with_what_it_is_at_first() -> None:
    told = {(f"`{one.key}`", f"`{str(one.default).lower()}`", one.description) for one in REGISTRY.values()}
    assert table("setting", "at first", "meaning") == told


def test_every_duty_stands_with_its_pause(tmp_path: Path) -> None:
    with closing(Passwords(CHEAP)) as passwords:
        rooms = make_services(Sealer([KEY]), Policies(links="http://127.0.0.1"), passwords, nowhere(tmp_path))
    told = {(f"`{duty.name}`", f"{duty.every_s:g}") for duty in make_duties(rooms)}
    told |= {("`queue`", "15")}  # the worker's own
    assert {row[:2] for row in table("duty", "every s", "what")} == told


def test_every_metric_stands_there_by_name() -> None:
    told = {
        f"`{metric.name}{'_total' if metric.type == 'counter' else ''}`"
        for registry in (HttpMetrics().registry, WorkerMetrics().registry)
        for metric in registry.collect()
    }
    assert {row[0] for row in table("metric", "labels", "what")} == told
