"""Calls in the ledger: each attempt a priced row, sums as the API and the roll-ups have them."""

from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.analytics.rollups.service import roll_up_days
from control.billing.ledger.queries import count_unpriced
from control.billing.ledger.rules import UsageEvent
from control.billing.ledger.service import record_usage
from control.billing.prices.rules import PriceKey
from control.billing.prices.service import set_cost
from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.carrier_reports.service import apply_status
from control.calls.changes.tasks import charge_uncharged
from control.calls.events.service import EventUnreadable, parse_event
from control.calls.records.running_calls import AdmittedCall
from control.calls.records.tasks import mark_running
from control.workspaces.service import Workspaces
from shared.events import EventEnvelope, UsageRecorded, encode_event
from tests.control.billing.scripted_call import (
    OTHERS,
    SECONDS,
    SHARES,
    STARTED,
    USAGE,
    Report,
    ledger_rows,
    make_events,
    told_at,
    write_facts,
)
from tests.control.calls.call_platform import NOW, STAFF, CallPlatform, LiveWorkspace, later

MINUTE = Decimal("0.10")  # of the tier growth


async def admit(platform: CallPlatform) -> tuple[LiveWorkspace, AdmittedCall]:
    workspace = await platform.create_workspace()
    return workspace, await platform.admit(workspace)


async def execute(platform: CallPlatform, statement: str) -> None:
    await platform.in_platform(lambda db: db.execute(statement))


async def roll_up(platform: CallPlatform) -> None:
    while await platform.in_platform(lambda db: roll_up_days(db, 200)):
        pass


async def usage_days(platform: CallPlatform, workspace: LiveWorkspace) -> dict[tuple[str, str], Any]:
    rows = await platform.in_platform(
        lambda db: db.fetch("SELECT * FROM usage_daily WHERE workspace_id = $1", workspace.workspace_id)
    )
    return {(row["resource_type"], row["provider"]): row for row in rows}


async def test_each_attempt_is_a_priced_row_while_the_call_runs(platform: CallPlatform) -> None:
    workspace, call = await admit(platform)
    await write_facts(platform, call.carrier_call_id, make_events(call.call_id)[:-1])
    assert (await platform.call_row(call.call_id))["status"] == "in_progress"
    rows = await ledger_rows(platform, call.call_id)
    assert len(rows) == len(USAGE)
    for place, (row, (used, cost)) in enumerate(zip(rows, USAGE, strict=True)):
        told = (row["resource_type"], row["provider"], row["vendor"], row["model"], row["quantity"], row["unit"])
        assert told == (used.resource_type, used.provider, used.vendor, used.model, used.quantity, used.unit)
        assert (row["cost"], row["price"], row["estimated"]) == (cost, 0, used.estimated)
        assert (row["cost_version"] is None) == (cost is None)
        assert (row["seq"], row["at"]) == (len(OTHERS) + place, told_at(place))
        assert (row["workspace_id"], row["agent_id"]) == (workspace.workspace_id, workspace.agent_id)


async def test_sums_of_api_roll_ups_and_ledger_are_equal(platform: CallPlatform) -> None:
    workspace, call = await admit(platform)
    await write_facts(platform, call.carrier_call_id, make_events(call.call_id))
    rows = await ledger_rows(platform, call.call_id)
    for provider, share in SHARES.items():
        assert sum(row["cost"] for row in rows if row["provider"] == provider) == share, provider
    report = await platform.in_workspace(
        workspace, lambda db: platform.records.get(db, workspace.workspace_id, call.call_id)
    )
    for provider, share in SHARES.items():
        assert sum(cost.cost or 0 for cost in report.costs if cost.provider == provider) == share, provider
    unknown = {(cost.resource_type, cost.provider) for cost in report.costs if cost.cost is None}
    assert unknown == {("tts", "standin"), ("telephony", "twilio")}
    assert report.summary_line.cost_list == sum(row["price"] for row in rows) == MINUTE * SECONDS / 60
    await roll_up(platform)
    days = await usage_days(platform, workspace)
    assert {provider: row["cost"] for (_, provider), row in days.items() if provider in SHARES} == SHARES
    assert {kind for kind, row in days.items() if row["unpriced"]} == unknown
    assert days["call_minutes", ""]["price"] == MINUTE * SECONDS / 60
    whole = await platform.in_platform(
        lambda db: db.fetchrow("SELECT * FROM workspace_daily WHERE workspace_id = $1", workspace.workspace_id)
    )
    assert (whole["price"], whole["cost"]) == (MINUTE * SECONDS / 60, sum(SHARES.values()))
    assert whole["by_provider"] == dict.fromkeys([*SHARES, "standin"], 1), "a carrier is no provider"


async def test_usage_of_a_running_call_is_rolled_up_every_few_minutes(platform: CallPlatform) -> None:
    workspace, call = await admit(platform)
    events = make_events(call.call_id)
    usage, end = events[len(OTHERS) - 1 : -1], events[-1]
    await write_facts(platform, call.carrier_call_id, events[: len(OTHERS) - 1])
    await roll_up(platform)
    await write_facts(platform, call.carrier_call_id, usage[:5])
    await roll_up(platform)
    assert await usage_days(platform, workspace) == {}, "no mark"
    await platform.in_platform(partial(mark_running, now=NOW))
    await roll_up(platform)
    assert (await usage_days(platform, workspace))["stt", "local"]["quantity"] == 63_000
    await write_facts(platform, call.carrier_call_id, [end])
    await roll_up(platform)
    await write_facts(platform, call.carrier_call_id, usage[5:])
    await roll_up(platform)
    assert (await usage_days(platform, workspace))["tts", "elevenlabs"]["quantity"] == 200, "late usage marks at once"


async def test_usage_after_midnight_marks_its_own_day(platform: CallPlatform) -> None:
    workspace, call = await admit(platform)
    used = UsageRecorded("stt", "local", "local", "", 5, "ms")
    line = encode_event(EventEnvelope(str(call.call_id), 1, later(86_400).isoformat(), used))
    await write_facts(platform, call.carrier_call_id, [parse_event("1-0", line)])
    await roll_up(platform)
    day = (await usage_days(platform, workspace))["stt", "local"]
    assert (day["day"], day["quantity"]) == (later(86_400).date(), 5)


async def test_a_call_that_a_carrier_reports_longer_is_adjusted(platform: CallPlatform) -> None:
    _, call = await admit(platform)
    started = make_events(call.call_id, [STARTED])
    await write_facts(platform, call.carrier_call_id, [*started, Report(60)])
    await write_facts(platform, call.carrier_call_id, [Report(90)])
    await write_facts(platform, call.carrier_call_id, [Report(90), *started])
    rows = await ledger_rows(platform, call.call_id)
    minutes = [(row["quantity"], row["price"], row["entry"]) for row in rows if row["resource_type"] == "call_minutes"]
    assert minutes == [(60, MINUTE, "usage"), (30, MINUTE / 2, "adjustment")]
    assert {row["at"] for row in rows} == {NOW}
    assert (await platform.call_row(call.call_id))["cost_total"] == MINUTE * 90 / 60


async def unpriced(platform: CallPlatform) -> list[tuple[str, str, str, int]]:
    """What the metric counts of telephony at Telnyx."""
    found = await platform.in_platform(lambda db: count_unpriced(db, later(-60)))
    return [(one.provider, one.resource_type, one.unit, one.rows) for one in found if one.provider == "telnyx"]


async def test_a_carriers_cost_settles_the_line(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(carrier="telnyx")
    ringing = await platform.ring(workspace, "v3:cost", carrier="telnyx")
    assert isinstance(ringing, AdmittedCall)
    for facts in ({"status": "in_progress", "at": later(0)}, {"status": "completed", "at": later(60)}):
        await _telnyx_report(platform, **facts)
    await roll_up(platform)
    assert (await usage_days(platform, workspace))["telephony", "telnyx"]["unpriced"] == 1
    assert await unpriced(platform) == [("telnyx", "telephony", "second", 1)]
    for _ in range(2):
        await _telnyx_report(platform, status=None, at=later(61), facts={"cost": {"total": "0.0042", "parts": []}})
    rows = [row for row in await ledger_rows(platform, ringing.call_id) if row["resource_type"] == "telephony"]
    assert [(row["quantity"], row["cost"]) for row in rows] == [(60, None), (0, Decimal("0.0042"))]
    await roll_up(platform)
    day = (await usage_days(platform, workspace))["telephony", "telnyx"]
    assert (day["cost"], day["quantity"], day["unpriced"]) == (Decimal("0.0042"), 60, 0)
    assert await unpriced(platform) == []


async def _telnyx_report(platform: CallPlatform, **facts: Any) -> None:
    report = CarrierStatus("telnyx", "v3:cost", **facts)
    await platform.in_platform(lambda db: apply_status(db, report))


async def test_test_calls_are_not_charged(platform: CallPlatform) -> None:
    _, call = await admit(platform)
    await platform.in_platform(lambda db: db.execute("UPDATE calls SET is_test = true WHERE id = $1", call.call_id))
    await write_facts(platform, call.carrier_call_id, make_events(call.call_id))
    rows = await ledger_rows(platform, call.call_id)
    assert {row["price"] for row in rows} == {0}
    assert sum(row["cost"] or 0 for row in rows) == sum(SHARES.values())


async def test_the_price_that_held_at_the_events_time_is_taken(platform: CallPlatform) -> None:
    _, call = await admit(platform)
    key = PriceKey("cost", "cartesia", "tts", "*", "thousand_characters")
    changed = await platform.in_platform(lambda db: set_cost(db, key, Decimal(1), NOW))
    spoken = UsageRecorded("tts", "cartesia", "cartesia", "sonic-3", 1_000, "characters")
    before, after = (later(59.9), changed.version.valid_from)
    lines = [
        encode_event(EventEnvelope(str(call.call_id), seq, at.isoformat(), spoken))
        for seq, at in ((1, after), (2, before))
    ]
    await write_facts(platform, call.carrier_call_id, [parse_event("1-0", line) for line in lines])
    assert [row["cost"] for row in await ledger_rows(platform, call.call_id)] == [1, Decimal("0.045")]


async def test_minutes_have_the_price_of_the_tier_at_the_calls_creation(platform: CallPlatform) -> None:
    workspace, call = await admit(platform)
    administration = platform.services[Workspaces].administration
    await platform.in_platform(
        lambda db: administration.change_tier(db, STAFF, workspace.workspace_id, "business", later(10))
    )
    await write_facts(platform, call.carrier_call_id, make_events(call.call_id))
    assert (await platform.call_row(call.call_id))["cost_total"] == MINUTE * SECONDS / 60
    after = await platform.admit(workspace, at=later(20))
    await write_facts(platform, after.carrier_call_id, make_events(after.call_id))
    assert (await platform.call_row(after.call_id))["cost_total"] == Decimal("0.085") * SECONDS / 60


async def test_a_call_that_nobody_answered_has_no_rows(platform: CallPlatform) -> None:
    _, call = await admit(platform)
    missed = CarrierStatus("twilio", call.carrier_call_id, "no_answer", later(30), duration_s=0)
    await platform.in_platform(lambda db: apply_status(db, missed))
    assert (await platform.call_row(call.call_id))["status"] == "no_answer"
    assert await platform.in_platform(lambda db: charge_uncharged(db, later(600))) == 0
    assert await ledger_rows(platform, call.call_id) == []


async def test_an_event_that_comes_again_with_another_time_has_one_row(platform: CallPlatform) -> None:
    _, call = await admit(platform)
    used = UsageRecorded("stt", "local", "local", "", 5, "ms")
    for at in (NOW, later(40 * 86_400)):
        line = encode_event(EventEnvelope(str(call.call_id), 1, at.isoformat(), used))
        await write_facts(platform, call.carrier_call_id, [parse_event("1-0", line)])
    assert len(await ledger_rows(platform, call.call_id)) == 1


async def test_the_ledger_itself_takes_an_event_once(platform: CallPlatform) -> None:
    workspace, call = await admit(platform)
    used = UsageRecorded("stt", "local", "local", "", 5, "ms")
    event = UsageEvent(call.call_id, workspace.workspace_id, None, 1, NOW, used)
    for _ in range(2):
        await platform.in_platform(partial(record_usage, events=[event]))
    assert len(await ledger_rows(platform, call.call_id)) == 1


async def test_rows_cannot_be_changed(platform: CallPlatform) -> None:
    _, call = await admit(platform)
    await write_facts(platform, call.carrier_call_id, make_events(call.call_id))
    partition = await platform.in_platform(
        lambda db: db.fetchval("SELECT tableoid::regclass::text FROM usage_records LIMIT 1")
    )
    for statement in ("UPDATE usage_records SET cost = 0", "DELETE FROM usage_records", "TRUNCATE usage_records"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(platform, statement)
    before = await ledger_rows(platform, call.call_id)
    with suppress(asyncpg.InsufficientPrivilegeError, asyncpg.RestrictViolationError):
        await platform.in_platform(lambda db: db.execute(f"UPDATE {partition} SET cost = 0"))
    assert await ledger_rows(platform, call.call_id) == before


async def test_a_call_that_another_version_ended_is_charged_later(platform: CallPlatform) -> None:
    _, call = await admit(platform)
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE calls SET status = 'completed', answered_at = created_at, duration_seconds = 30 WHERE id = $1",
            call.call_id,
        )
    )
    assert await platform.in_platform(lambda db: charge_uncharged(db, later(600))) == 1
    assert await platform.in_platform(lambda db: charge_uncharged(db, later(600))) == 0
    assert (await platform.call_row(call.call_id))["cost_total"] == MINUTE / 2


@pytest.mark.parametrize("seconds", [90, 0])
async def test_a_call_whose_duration_another_version_changed_is_adjusted_later(
    platform: CallPlatform, seconds: int
) -> None:
    _, call = await admit(platform)
    await write_facts(platform, call.carrier_call_id, make_events(call.call_id))
    await platform.in_platform(
        lambda db: db.execute("UPDATE calls SET duration_seconds = $2 WHERE id = $1", call.call_id, seconds)
    )
    assert await platform.in_platform(lambda db: charge_uncharged(db, later(600))) == 1
    assert await platform.in_platform(lambda db: charge_uncharged(db, later(600))) == 0
    rows = await ledger_rows(platform, call.call_id)
    assert sum(row["quantity"] for row in rows if row["resource_type"] == "call_minutes") == seconds
    assert (await platform.call_row(call.call_id))["cost_total"] == MINUTE * seconds / 60


def test_a_negative_quantity_is_no_event() -> None:
    used = UsageRecorded("stt", "local", "local", "", -1, "ms")
    line = encode_event(EventEnvelope("0193f5f0-0000-7000-8000-000000000000", 1, "2026-11-25T12:00:00Z", used))
    with pytest.raises(EventUnreadable, match="quantity"):
        parse_event("1-0", line)
