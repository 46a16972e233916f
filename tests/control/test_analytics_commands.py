"""`python -m control analytics rebuild` on a real database."""

import asyncio
from datetime import datetime, timedelta

import pytest

from control.__main__ import main
from tests.control.analytics.days import START, WORKSPACES, insert_marked_call, open_rollup_platform


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("VOCALIZED_DATABASE_URL", database_url)
    # It would log to this test's captured stream, which is closed when the test is over.
    monkeypatch.setattr("control.__main__.configure_logs", lambda level: None)


async def _fill_and_damage(url: str) -> None:
    """A call on each of three days, with figures that are wrong."""
    async with open_rollup_platform(url) as platform:
        for day in range(3):
            async with platform.pool.transaction() as db:
                await insert_marked_call(db, WORKSPACES[0], at=timedelta(days=day))
        await platform.roll_up_all()
        await platform.owner.execute("UPDATE workspace_daily SET calls = 5; UPDATE call_intervals SET calls = 5")


async def _figures(url: str) -> list[tuple[int, int]]:
    async with open_rollup_platform(url, clean=False) as platform:
        rows = await platform.owner.fetch(
            "SELECT d.calls, i.calls AS interval_calls FROM workspace_daily d JOIN call_intervals i "
            "ON (i.began AT TIME ZONE 'UTC')::date = d.day ORDER BY d.day"
        )
        return [tuple(row) for row in rows]


async def _delete_calls_before(url: str, moment: datetime) -> None:
    async with open_rollup_platform(url, clean=False) as platform:
        await platform.owner.execute("DELETE FROM calls WHERE created_at < $1", moment)


def test_rebuild_computes_the_days_of_its_range(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(_fill_and_damage(database_url))
    first, last = START.date() + timedelta(days=1), START.date() + timedelta(days=1)
    assert main(["analytics", "rebuild", "--from", str(first), "--to", str(last)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 days of workspaces marked", "1 computed here, the others by workers",
    ]  # fmt: skip
    assert asyncio.run(_figures(database_url)) == [(5, 5), (1, 1), (5, 5)]
    assert main(["analytics", "rebuild"]) == 0
    assert asyncio.run(_figures(database_url)) == [(1, 1)] * 3


def test_days_whose_rows_are_gone_keep_their_figures(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody removed old months of calls and ledger, which the programs never do."""
    asyncio.run(_fill_and_damage(database_url))
    asyncio.run(_delete_calls_before(database_url, START + timedelta(days=1)))
    assert main(["analytics", "rebuild"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2 days of workspaces marked",
        "1 days left as they are: they have figures, and neither calls nor records of the ledger",
        "2 computed here, the others by workers",
    ]
    assert asyncio.run(_figures(database_url)) == [(5, 5), (1, 1), (1, 1)]


def test_a_range_in_the_wrong_order_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analytics", "rebuild", "--from", "2026-03-02", "--to", "2026-03-01"]) == 2
    assert "--to is before --from" in capsys.readouterr().err
