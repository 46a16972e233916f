"""The plans that the product ships with can be used as they are."""

from pathlib import Path

import pytest

from shared.plan import read_plan

PLANS = sorted((Path(__file__).parents[2] / "config" / "plans").glob("*.json"))


def test_the_local_plan_is_there() -> None:
    assert "local.json" in [path.name for path in PLANS]


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.name)
def test_reads(path: Path) -> None:
    plan = read_plan(path)
    assert plan.agent.prompt
    assert plan.call_id == "", "each call of a stand-alone server needs an id of its own"
