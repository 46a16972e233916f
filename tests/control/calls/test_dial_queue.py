"""The queue of outbound calls: the carrier's pace, and what was not processed."""

from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import msgspec
import pytest

from control.calls.outbound.service import PLACE_CALL, STALE, PlaceCallJob
from control.calls.outbound.tasks import DialQueue, back_off_s, make_dial_job
from control.carriers.pacer import CallPacer
from control.carriers.retries import NotProcessed
from control.carriers.service import Carriers
from shared.bus.client import redis_key
from shared.ids import new_id
from tests.control.calls.call_platform import CallPlatform

CALLEE = "+12125550123"
NOT_TAKEN = NotProcessed("twilio", "429", "too many requests")


@pytest.fixture(autouse=True)
async def free_pace(platform: CallPlatform) -> None:
    """The tests share a Valkey; each begins without reservations."""
    await platform.redis.delete(*(redis_key("dial_pace", carrier) for carrier in ("twilio", "telnyx")))


class Sleeps(list[float]):
    """Records each wait instead of waiting."""

    async def sleep(self, seconds: float) -> None:
        self.append(seconds)


def queue_of(platform: CallPlatform, pace: float, sleeps: Sleeps) -> DialQueue:
    return DialQueue(platform.pool, CallPacer(platform.redis, {"twilio": pace, "telnyx": pace}), sleep=sleeps.sleep)


async def queued_jobs(platform: CallPlatform) -> list[tuple[PlaceCallJob, float]]:
    """The jobs that wait, and in how many seconds each may run."""
    rows = await platform.in_platform(
        lambda db: db.fetch(
            "SELECT payload, extract(epoch FROM execute_after - now())::float AS delay FROM pgqueuer "
            "WHERE entrypoint = $1 ORDER BY id",
            PLACE_CALL,
        )
    )
    return [(msgspec.json.decode(row["payload"], type=PlaceCallJob), row["delay"]) for row in rows]


async def test_calls_wait_for_their_turn_in_the_queue(platform: CallPlatform) -> None:
    """At one call in ten seconds: the first is dialed at once, the others are enqueued for shortly before their turn,
    where they wait for the rest within the job."""
    sleeps = Sleeps()
    queue = queue_of(platform, 0.1, sleeps)
    jobs = [PlaceCallJob(UUID(new_id())) for _ in range(3)]
    before = len(await queued_jobs(platform))
    assert [await queue.wait_for_turn(job, "telnyx") for job in jobs] == [True, False, False]
    later = (await queued_jobs(platform))[before:]
    assert [delay for _, delay in later] == pytest.approx([4, 14], abs=2)
    due = DialQueue(platform.pool, queue.pacer, clock=lambda: later[0][0].turn_at - 6, sleep=sleeps.sleep)
    assert await due.wait_for_turn(later[0][0], "telnyx")
    assert sleeps == pytest.approx([0, 6], abs=0.1)


async def test_calls_of_one_workspace_leave_times_to_others(platform: CallPlatform) -> None:
    """Twenty calls at one call a second: eight get a time, so that a call of another workspace is the ninth."""
    many = await platform.create_workspace()
    now, queue = datetime.now(UTC), queue_of(platform, 1.0, Sleeps())
    calls = [await platform.place(many, f"+1212555{index:04}", at=now) for index in range(20)]
    before = len(await queued_jobs(platform))
    for index, call_id in enumerate(calls):
        waiting = await platform.in_platform(partial(platform.placement.find_waiting, call_id=call_id, now=now))
        assert waiting is not None and waiting.ahead == index
        await queue.wait_for_turn(PlaceCallJob(call_id), waiting.carrier, waiting.ahead)
    waits = [delay for job, delay in (await queued_jobs(platform))[before:] if not job.turn_at]
    assert waits == pytest.approx(range(1, 13), abs=1)
    assert await queue.pacer.reserve("twilio") == pytest.approx(8, abs=1)


async def test_call_beyond_its_workspaces_share_is_not_dialed_yet(platform: CallPlatform) -> None:
    workspace, now, queue = await platform.create_workspace(), datetime.now(UTC), queue_of(platform, 1.0, Sleeps())
    calls = [await platform.place(workspace, f"+1212555{index:04}", at=now) for index in range(9)]
    run = make_dial_job(platform.pool, platform.placement, platform.services[Carriers], queue)
    await run(msgspec.json.encode(PlaceCallJob(calls[8])))
    later, _ = (await queued_jobs(platform))[-1]
    assert (later.call_id, later.turn_at, platform.gateway.dialed) == (calls[8], 0, [])
    await run(msgspec.json.encode(PlaceCallJob(calls[0])))
    await run(msgspec.json.encode(later))
    assert [dial.call_id for dial in platform.gateway.dialed] == [str(calls[0]), str(calls[8])]


async def test_call_that_is_too_old_takes_no_turn(platform: CallPlatform) -> None:
    call_id = await platform.place(await platform.create_workspace(), CALLEE, at=datetime.now(UTC) - 2 * STALE)
    queue = queue_of(platform, 0.1, Sleeps())
    await make_dial_job(platform.pool, platform.placement, platform.services[Carriers], queue)(
        msgspec.json.encode(PlaceCallJob(call_id))
    )
    assert (await platform.call_row(call_id))["end_detail"] == "too_late"
    assert await queue.pacer.reserve("twilio") == 0


async def test_missed_turn_is_given_up(platform: CallPlatform) -> None:
    """After an outage of all workers every waiting call is late; they must not all begin together."""
    sleeps = Sleeps()
    queue = queue_of(platform, 1.0, sleeps)
    missed = datetime.now(UTC).timestamp() - 100
    for _ in range(3):
        assert await queue.wait_for_turn(PlaceCallJob(UUID(new_id()), missed), "twilio")
    assert sleeps == pytest.approx([0, 1, 2], abs=0.5)


async def test_time_of_another_clock_is_given_up(platform: CallPlatform) -> None:
    """The clock of this machine, or of the one that reserved the time, was set by an hour."""
    sleeps = Sleeps()
    queue = queue_of(platform, 1.0, sleeps)
    stray = datetime.now(UTC).timestamp() + 3_600
    for _ in range(2):
        assert await queue.wait_for_turn(PlaceCallJob(UUID(new_id()), stray), "twilio")
    assert sleeps == pytest.approx([0, 1], abs=0.5)


async def test_refused_call_goes_back_to_the_queue_and_is_dialed_later(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await platform.place(workspace, CALLEE, at=datetime.now(UTC))
    sleeps = Sleeps()
    run = make_dial_job(platform.pool, platform.placement, platform.services[Carriers], queue_of(platform, 2.0, sleeps))
    platform.gateway.answers["dial"] = NOT_TAKEN
    await run(msgspec.json.encode(PlaceCallJob(call_id)))
    row = await platform.call_row(call_id)
    assert row["status"] == "queued" and "placing_at" not in row["details"]
    again, _ = (await queued_jobs(platform))[-1]
    assert (again.call_id, again.refusals) == (call_id, 1)
    assert again.turn_at - datetime.now(UTC).timestamp() == pytest.approx(0.75, abs=0.5)
    del platform.gateway.answers["dial"]
    await run(msgspec.json.encode(again))
    assert len(platform.gateway.dialed) == 2
    assert (await platform.call_row(call_id))["carrier_call_id"] == f"CA-{call_id}"


async def test_refused_look_up_is_repeated_and_never_dialed_again(platform: CallPlatform) -> None:
    """The first try may have reached the carrier, so a refused look-up proves nothing."""
    workspace = await platform.create_workspace()
    call_id = await platform.place(workspace, CALLEE, at=datetime.now(UTC))
    await platform.in_platform(lambda db: platform.placement.start(db, call_id, datetime.now(UTC)))
    run = make_dial_job(
        platform.pool, platform.placement, platform.services[Carriers], queue_of(platform, 1.0, Sleeps())
    )
    platform.gateway.answers["find_placed_calls"] = NOT_TAKEN
    with pytest.raises(Exception, match="carrier unavailable: 429"):
        await run(msgspec.json.encode(PlaceCallJob(call_id)))
    assert "placing_at" in (await platform.call_row(call_id))["details"]
    assert not platform.gateway.dialed


def test_waits_after_refusals_double_up_to_a_minute() -> None:
    assert [back_off_s(refusals) for refusals in (0, 1, 5, 6, 7, 1_000)] == [1, 2, 32, 60, 60, 60]
