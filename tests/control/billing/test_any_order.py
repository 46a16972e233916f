"""Any order and repetition of a call's facts, in batches of any size or at once, gives the same ledger."""

import asyncio
from collections.abc import Iterator, Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.analytics.rollups.service import roll_up_days
from control.calls.changes.tasks import charge_uncharged
from control.calls.events.rules import IncomingEvent
from shared.events import SEQ_PER_LEG, Event, UsageRecorded
from tests.control.billing.scripted_call import (
    EVENTS,
    OTHERS,
    USAGE,
    CostReport,
    Fact,
    Report,
    ledger_rows,
    make_events,
    write_facts,
)
from tests.control.calls.call_platform import CallPlatform, LiveWorkspace, later, open_call_platform

MINUTE = Decimal("0.10")  # of the tier growth
# What the call's next stream tells, a month later by its node's clock.
NEXT_LEG: Sequence[tuple[UsageRecorded, Decimal]] = (
    (UsageRecorded("stt", "deepgram", "deepgram", "nova-3", 5_000, "ms"), Decimal("0.0004")),
    (UsageRecorded("tts", "local", "local", "", 30, "characters"), Decimal(0)),
)
MONTH_S = 31 * 86_400


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def shared_platform(
    runner: asyncio.Runner, database_url: str, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[CallPlatform, LiveWorkspace]]:
    """Open for all examples: a hypothesis test takes no function-scoped fixture."""
    opened = open_call_platform(database_url, valkey_url, tmp_path_factory.mktemp("objects"))
    platform = runner.run(opened.__aenter__())
    yield platform, runner.run(platform.create_workspace())
    runner.run(opened.__aexit__(None, None, None))


# Of the events each at least once; what the carrier reports; whether it is a test call; the size of batches.
facts_in_any_order = st.tuples(
    st.lists(st.integers(0, len(EVENTS) + len(NEXT_LEG) - 1), max_size=8),
    st.lists(st.builds(Report, st.integers(1, 200)) | st.builds(CostReport, st.sampled_from((0, 1, 42))), max_size=4),
    st.booleans(),
    st.integers(1, 9),
    st.randoms(use_true_random=True),
)


@settings(max_examples=80, deadline=None)
@given(facts_in_any_order)
def test_any_order_and_repetition_of_facts_gives_the_same_ledger(
    runner: asyncio.Runner, shared_platform: tuple[CallPlatform, LiveWorkspace], drawn: Any
) -> None:
    runner.run(check_order(*shared_platform, *drawn))


async def check_order(
    platform: CallPlatform,
    workspace: LiveWorkspace,
    repeated: Sequence[int],
    reported: Sequence[Fact],
    is_test: bool,
    batch: int,
    random: Random,
) -> None:
    call = await platform.admit(workspace)
    try:
        await platform.in_platform(
            lambda db: db.execute("UPDATE calls SET is_test = $2 WHERE id = $1", call.call_id, is_test)
        )
        events = all_events(call.call_id)
        facts: list[Fact] = [*events, *(events[place] for place in repeated), *reported]
        random.shuffle(facts)
        for start in range(0, len(facts), batch):
            await write_facts(platform, call.carrier_call_id, facts[start : start + batch])
        await check_usage(platform, call.call_id, events)
        await check_minutes(platform, workspace, call.call_id, is_test)
    finally:  # the next example's call is admitted however this one ended
        await platform.in_platform(
            lambda db: db.execute("UPDATE calls SET status = 'failed' WHERE id = $1", call.call_id)
        )


def all_events(call_id: Any) -> list[IncomingEvent]:
    """Those of both streams."""
    told: Sequence[Event] = [used for used, _ in NEXT_LEG]
    return [*make_events(call_id), *make_events(call_id, told, first=SEQ_PER_LEG + 1, delay_s=MONTH_S)]


async def check_usage(platform: CallPlatform, call_id: Any, events: Sequence[IncomingEvent]) -> None:
    told = {event.seq: event.at for event in events}
    priced = [*enumerate(USAGE, len(OTHERS)), *enumerate(NEXT_LEG, SEQ_PER_LEG + 1)]
    rows = [row for row in await ledger_rows(platform, call_id) if row["seq"] is not None]
    assert [(row["seq"], row["at"], row["provider"], row["quantity"], row["cost"]) for row in rows] == [
        (seq, told[seq], used.provider, used.quantity, cost) for seq, (used, cost) in priced
    ]


async def check_minutes(platform: CallPlatform, workspace: LiveWorkspace, call_id: Any, is_test: bool) -> None:
    """Minutes and line are those of the call's row, with the last cost that the carrier reported."""
    stored, rows = await platform.call_row(call_id), await ledger_rows(platform, call_id)
    seconds, price = stored["duration_seconds"], Decimal(0)
    if not is_test:
        price = (MINUTE * seconds / 60).quantize(Decimal("1e-9"))
    for kind, charged in (("call_minutes", price), ("telephony", 0)):
        booked = [row for row in rows if row["resource_type"] == kind]
        assert sum(row["quantity"] for row in booked) == seconds > 0
        assert sum(row["price"] for row in booked) == charged
    assert (stored["status"], stored["cost_total"]) == ("completed", price.quantize(Decimal("1e-6")))
    reported = stored["details"].get("carrier", {}).get("cost")
    report = await platform.in_workspace(
        workspace, lambda db: platform.records.get(db, workspace.workspace_id, call_id)
    )
    (line,) = [cost for cost in report.costs if cost.resource_type == "telephony"]
    assert line.cost == (None if reported is None else Decimal(reported["total"]))


@pytest.mark.parametrize("seed", range(3))
async def test_processes_at_once_give_the_same_ledger(platform: CallPlatform, seed: int) -> None:
    """Workers with overlapping batches, webhooks, duties and roll-ups, each with a connection of its own."""
    random, workspace = Random(seed), await platform.create_workspace()
    call = await platform.admit(workspace)
    events = all_events(call.call_id)
    batches: list[Sequence[Fact]] = [events, *(random.sample(events, 9) for _ in range(6))]
    batches += [[Report(random.randint(1, 200))] for _ in range(6)]
    work = [write_facts(platform, call.carrier_call_id, facts) for facts in batches]
    work += [_run_duties(platform) for _ in range(6)]
    random.shuffle(work)
    await asyncio.gather(*work)
    await check_usage(platform, call.call_id, events)
    await check_minutes(platform, workspace, call.call_id, is_test=False)
    await _run_duties(platform)
    rows = await ledger_rows(platform, call.call_id)
    days = await platform.in_platform(
        lambda db: db.fetch("SELECT * FROM usage_daily WHERE workspace_id = $1", workspace.workspace_id)
    )
    for name in ("quantity", "price"):
        assert sum(day[name] for day in days) == sum(row[name] for row in rows), name
    assert sum(day["cost"] for day in days) == sum(row["cost"] or 0 for row in rows)


async def _run_duties(platform: CallPlatform) -> None:
    await platform.in_platform(lambda db: charge_uncharged(db, later(600)))
    while await platform.in_platform(lambda db: roll_up_days(db, 200)):
        pass
