"""Figures of a workspace equal the calls and the ledger, in any zone, also at changes of the clock."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.analytics.periods import DayRange, RangeChoice
from control.analytics.rollups.service import WorkspaceDay, mark_all_days, mark_days
from control.analytics.workspace_figures.rules import CallOverview, ChargeOverview
from control.analytics.workspace_figures.service import MAX_DAYS, WorkspaceAnalytics
from control.db.pool import Connection
from control.db.scope import enter_platform, enter_workspace
from control.workspaces.rules import timezone_names
from shared.errors import Invalid
from tests.control.analytics.days import (
    AGENTS,
    START,
    WORKSPACES,
    RollupPlatform,
    insert_call,
    insert_usage,
    open_rollup_platform,
)

ONE = WORKSPACES[0]
NOW = START + timedelta(days=60)
analytics = WorkspaceAnalytics()
# Offsets of whole, half and quarter hours; clocks that change at midnight (Santiago) and by half an hour (Lord Howe).
ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago"]


@dataclass(frozen=True, slots=True)
class MadeCall:
    """A call of the month: minutes after START, and what became of it. corrected: its price changes later. deleted: the
    call is deleted after it was counted; the ledger stays."""

    minute: int
    agent: int | None
    is_test: bool
    success: bool | None
    score: float | None
    price: Decimal
    corrected: Decimal | None
    deleted: bool

    @property
    def at(self) -> timedelta:
        return timedelta(minutes=self.minute)


prices = st.decimals(min_value=-3, max_value=9, places=9)
# Over the changes of clocks on 8 March (New York) and 5 April 2026 (Lord Howe, Santiago).
calls = st.builds(
    MadeCall,
    minute=st.integers(0, 60 * 24 * 59),
    agent=st.sampled_from([None, 0, 1]),
    is_test=st.booleans(),
    success=st.sampled_from([None, False, True]),
    score=st.sampled_from([None, -1.0, 0.5]),
    price=prices,
    corrected=st.none() | prices,
    deleted=st.booleans(),
)
ranges = st.tuples(st.integers(0, 58), st.integers(0, 30)).map(
    lambda pair: (START.date() + timedelta(days=pair[0]), START.date() + timedelta(days=min(59, sum(pair))))
)


async def write_month(platform: RollupPlatform, month: list[MadeCall]) -> None:
    """Writes calls, then the late rows of the ledger, then deletes calls; rolls up in between and afterwards."""
    ids: dict[int, UUID] = {}
    async with platform.pool.transaction() as db:
        await enter_workspace(db, ONE)
        for number, call in enumerate(month):
            agent = None if call.agent is None else AGENTS[ONE][call.agent]
            ids[number], day = await insert_call(
                db, ONE, at=call.at, agent_id=agent, is_test=call.is_test, success=call.success,
                sentiment_score=call.score, duration_seconds=call.minute % 90,
            )  # fmt: skip
            await mark_days(db, [day, await insert_charge(db, ids[number], call.at, call.price)])
    await platform.roll_up_all(50)
    async with platform.pool.transaction() as db:
        await enter_workspace(db, ONE)
        for number, call in enumerate(month):
            if call.corrected is not None:
                await mark_days(db, [await insert_charge(db, ids[number], call.at, call.corrected, "adjustment")])
            if call.deleted:
                await db.execute("DELETE FROM calls WHERE id = $1", ids[number])
                await mark_days(db, [WorkspaceDay(ONE, (START + call.at).date())])
    await platform.roll_up_all(50)


async def insert_charge(
    db: Connection, call: UUID, at: timedelta, price: Decimal, entry: str = "usage"
) -> WorkspaceDay:
    return await insert_usage(
        db, ONE, call, at=at, price=price, resource_type="call_minutes", provider="", unit="second", entry=entry,
        price_version=1, cost=Decimal(0),
    )  # fmt: skip


def check_calls(found: CallOverview, month: list[MadeCall], days: DayRange) -> None:
    zone = ZoneInfo(days.zone)
    mine = [
        (call, (START + call.at).astimezone(zone))
        for call in month
        if not call.deleted and not call.is_test and is_within(call, days)
    ]
    judged = [call.success for call, _ in mine if call.success is not None]
    scores = [call.score for call, _ in mine if call.score is not None]
    assert found.total.calls == len(mine)
    assert found.total.seconds == sum(call.minute % 90 for call, _ in mine)
    assert found.hours == Counter(at.hour for _, at in mine)
    assert found.total.success_rate == (round(sum(judged) / len(judged), 4) if judged else None)
    assert found.total.sentiment_score == (round(sum(scores) / len(scores), 4) if scores else None)
    assert found.total.average_seconds == (round(found.total.seconds / len(mine), 1) if mine else None)
    agents = {agent: None if agent is None else AGENTS[ONE][agent] for agent in (None, 0, 1)}
    counted = Counter(agents[call.agent] for call, _ in mine)
    assert {one.agent_id: one.sums.calls for one in found.agents} == counted


def check_charges(found: ChargeOverview, month: list[MadeCall], days: DayRange) -> None:
    """Test and deleted calls, too: their rows are in the ledger."""
    by_day: Counter[date] = Counter()
    for call in month:
        if is_within(call, days):
            by_day[(START + call.at).astimezone(ZoneInfo(days.zone)).date()] += call.price + (call.corrected or 0)  # type: ignore[assignment]
    assert found.parts.total == sum(by_day.values())
    assert [day for day, _ in found.by_day] == days.days
    assert {day: price for day, price in found.by_day if price} == {
        day: price for day, price in by_day.items() if price
    }


def is_within(call: MadeCall, days: DayRange) -> bool:
    return days.first <= (START + call.at).astimezone(ZoneInfo(days.zone)).date() <= days.last


async def check_month(url: str, month: list[MadeCall], zone: str, bounds: tuple[date, date]) -> None:
    async with open_rollup_platform(url, connections=2) as platform:
        await platform.owner.execute("UPDATE workspaces SET timezone = $2 WHERE id = $1", ONE, zone)
        await write_month(platform, month)
        for _ in ("as marked", "rebuilt"):
            async with platform.pool.transaction() as db:
                await enter_workspace(db, ONE)
                choice = RangeChoice("month", *bounds)
                overview = await analytics.get_overview(db, ONE, choice, NOW)
                check_calls(overview, month, overview.range)
                check_charges(await analytics.get_costs(db, ONE, choice, NOW), month, overview.range)
            await platform.owner.execute("UPDATE call_intervals SET calls = 9; DELETE FROM usage_intervals")
            async with platform.pool.transaction() as db:
                await enter_platform(db)
                await mark_all_days(db)
            await platform.roll_up_all(200)


@settings(max_examples=12)
@given(month=st.lists(calls, max_size=12), zone=st.sampled_from(ZONES), bounds=ranges)
def test_figures_equal_calls_and_ledger(
    rollup_url: str, month: list[MadeCall], zone: str, bounds: tuple[date, date]
) -> None:
    asyncio.run(check_month(rollup_url, month, zone, bounds))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("America/Santiago", date(2026, 9, 6), 23),
        ("America/Havana", date(2026, 11, 1), 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Asia/Kathmandu", date(2026, 3, 8), 24),
    ],
)
def test_days_at_changes_of_the_clock(zone: str, day: date, hours: float) -> None:
    days = DayRange(day, day, zone)
    assert days.until - days.since == timedelta(hours=hours)
    assert (days.since.minute % 15, days.since.tzinfo) == (0, UTC)
    zone_info = ZoneInfo(zone)
    assert days.since.astimezone(zone_info).date() == day
    assert (days.since - timedelta(seconds=1)).astimezone(zone_info).date() == day - timedelta(days=1)
    assert days.until.astimezone(zone_info).date() == day + timedelta(days=1)


def test_every_offset_is_a_multiple_of_a_quarter_of_an_hour() -> None:
    moments = [datetime(2026, month, 15, tzinfo=UTC) for month in (1, 7)]
    odd = [
        name
        for name in timezone_names()
        for at in moments
        if at.astimezone(ZoneInfo(name)).utcoffset() % timedelta(minutes=15)  # type: ignore[operator]
    ]
    assert not odd


async def test_the_database_knows_every_zone(database_url: str) -> None:
    async with open_rollup_platform(database_url, connections=1) as platform:
        known = {row["name"] for row in await platform.owner.fetch("SELECT name FROM pg_timezone_names")}
    assert timezone_names() <= known


@pytest.mark.parametrize(
    ("first", "last", "param", "code"),
    [
        (date(2026, 3, 1), None, "to", "range_incomplete"),
        (None, date(2026, 3, 1), "from", "range_incomplete"),
        (date(2026, 3, 2), date(2026, 3, 1), "to", "range_invalid"),
        (date(2026, 5, 1), date(2026, 5, 2), "from", "range_invalid"),
        (date(2026, 1, 1), date(2026, 1, 1) + timedelta(days=MAX_DAYS), "to", "range_too_long"),
    ],
)
def test_ranges_that_cannot_be(first: date | None, last: date | None, param: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        RangeChoice("month", first, last).resolve(NOW, "UTC", MAX_DAYS)
    assert (caught.value.param, caught.value.code) == (param, code)


def test_ranges_end_today_in_the_zone() -> None:
    # NOW is midnight UTC of 30 April: still 29 April in New York.
    assert RangeChoice("month", date(2026, 4, 1), date(2026, 6, 1)).resolve(NOW, "America/New_York", MAX_DAYS) == (
        DayRange(date(2026, 4, 1), date(2026, 4, 29), "America/New_York")
    )
    assert RangeChoice("day").resolve(NOW, "Asia/Kolkata", MAX_DAYS).first == date(2026, 4, 30)
