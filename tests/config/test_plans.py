"""The shipped plan files are valid."""

from pathlib import Path

import pytest

from shared.plan import read_plan

PLANS = sorted((Path(__file__).parents[2] / "config" / "plans").glob("*.json"))


def test_local_plan_exists() -> None:
    assert "local.json" in [path.name for path in PLANS]


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.name)
def test_plan_is_valid(path: Path) -> None:
    plan = read_plan(path)
    assert plan.agent.prompt
    assert plan.call_id == "", "each call of a stand-alone server needs its own id"
