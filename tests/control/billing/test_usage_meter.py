"""Usage at a meter of the simulated Stripe: each day's whole total, whatever is repeated, killed, late or corrected."""

from collections.abc import AsyncIterator
from datetime import UTC, date, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from control.db.pool import Connection
from simulator.stripe.faults import StripeFault, StripeFaultKind
from simulator.stripe.meters import create_meter, meter_days
from tests.control.billing.stripe_worker import METER, StripeWorker, WorkerKilled, open_stripe_worker
from tests.control.calls.call_platform import NOW

TODAY = NOW.astimezone(UTC).date()


@pytest.fixture
async def worker(fresh_database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[StripeWorker]:
    async with open_stripe_worker(fresh_database_url, valkey_url, tmp_path) as opened:
        create_meter(opened.account, {"event_name": METER, "event_time_window": "day"})
        yield opened


async def make_customer(worker: StripeWorker, seconds: int) -> tuple[UUID, str]:
    workspace_id = await worker.create_workspace()
    await worker.add_card(workspace_id)
    await set_usage(worker, workspace_id, TODAY, seconds)
    return workspace_id, worker.account.all("customer")[0]["id"]


async def set_usage(worker: StripeWorker, workspace_id: UUID, day: date, seconds: int) -> None:
    """As the roll-ups have it; two rows, which both count."""

    async def write(db: Connection) -> None:
        await db.execute("DELETE FROM usage_daily WHERE workspace_id = $1 AND day = $2", workspace_id, day)
        for provider, quantity in (("twilio", seconds - 1), ("telnyx", 1)):
            await db.execute(
                "INSERT INTO usage_daily (workspace_id, day, resource_type, provider, quantity, calls) "
                "VALUES ($1, $2, 'call_minutes', $3, $4, 1)",
                workspace_id,
                day,
                provider,
                quantity,
            )

    await worker.platform.in_platform(write)


async def send(worker: StripeWorker) -> int:
    (duty,) = (one for one in worker.tasks.duties if one.name == "usage_meter")
    return await duty.run_once(worker.platform.pool, worker.now)


def metered(worker: StripeWorker, customer_id: str) -> list[int]:
    """By the day, the oldest first."""
    return [value for _, value in sorted(meter_days(worker.account, customer_id).items())]


async def test_totals_are_sent_once_and_again_when_they_change(worker: StripeWorker) -> None:
    workspace_id, customer_id = await make_customer(worker, 90)
    await set_usage(worker, workspace_id, TODAY - timedelta(days=34), 50)
    await set_usage(worker, workspace_id, TODAY - timedelta(days=35), 70)
    assert [await send(worker), await send(worker)] == [2, 0]
    assert metered(worker, customer_id) == [50, 90], "older days are not taken"
    for seconds in (150, 120, 121):
        await set_usage(worker, workspace_id, TODAY, seconds)
        assert await send(worker) == 1
        assert metered(worker, customer_id) == [50, seconds], "also where it becomes less"


@pytest.mark.parametrize("hours", [1, 25])
async def test_a_worker_killed_before_or_after_the_request_counts_nothing_twice(
    worker: StripeWorker, hours: int
) -> None:
    """A repeated identifier is answered with 400; after 25 hours Stripe has forgotten it."""
    _, customer_id = await make_customer(worker, 90)
    for kill_at in (1, 2):
        worker.transport.steps, worker.transport.kill_at = 0, kill_at
        with pytest.raises(WorkerKilled):
            await send(worker)
    worker.transport.kill_at = None
    worker.move_to(worker.now + timedelta(hours=hours))
    assert [await send(worker), await send(worker)] == [1, 0]
    assert metered(worker, customer_id) == [90]
    assert len(worker.account.all("billing.meter_event")) == (1 if hours == 1 else 2)
    error = await worker.platform.in_platform(lambda db: db.fetchval("SELECT last_error FROM meter_days"))
    assert error is None, "the 400 is a delivery"


@pytest.mark.parametrize("kind", ["rate_limited", "error", "error_after", "reset"])
async def test_next_run_sends_failed_usage_and_other_usage_continues(
    worker: StripeWorker, kind: StripeFaultKind
) -> None:
    (_, first), (_, second) = await make_customer(worker, 90), await make_customer(worker, 60)
    worker.stripe.faults.add(StripeFault(kind, "/meter_events"))
    assert await send(worker) == 1
    worker.move_to(worker.now + timedelta(hours=1))
    assert await send(worker) == 1
    assert sorted(metered(worker, first) + metered(worker, second)) == [60, 90]


async def test_a_refused_reading_waits_for_another_total(worker: StripeWorker) -> None:
    """Here its meter does not exist: an error in the log, not one in each hour."""
    workspace_id, customer_id = await make_customer(worker, 90)
    meter = worker.account.all("billing.meter")[0]
    meter["event_name"] = "another"
    assert [await send(worker), await send(worker)] == [1, 0]
    error = await worker.platform.in_platform(lambda db: db.fetchval("SELECT last_error FROM meter_days"))
    assert "resource_missing" in error
    meter["event_name"] = METER
    await set_usage(worker, workspace_id, TODAY, 91)
    assert await send(worker) == 1 and metered(worker, customer_id) == [91]


async def test_three_failures_end_a_run(worker: StripeWorker) -> None:
    """Then Stripe does not answer at all: the others are not tried, each within its timeout."""
    for _ in range(5):
        await make_customer(worker, 90)
    worker.stripe.faults.add(StripeFault("error", "/meter_events"), 5)
    before = len(worker.stripe.requests)
    assert await send(worker) == 0 and len(worker.stripe.requests) == before + 3
