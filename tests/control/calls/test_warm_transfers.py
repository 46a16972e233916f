"""Warm transfers: what reports and decisions change, in any order, and who is hung up."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import permutations
from typing import Any
from uuid import UUID

import msgspec
import pytest

from control.calls.records import queries as records_queries
from control.calls.transfers import queries as transfers_queries
from control.calls.transfers import service as transfers_service
from control.calls.transfers.rules import WarmTransfer
from control.calls.transfers.service import END_TARGET, EndTargetJob, lead_back
from control.calls.transfers.tasks import make_end_target_job
from control.carriers.service import Carriers
from control.db.pool import Connection
from control.db.scope import enter_platform
from shared.ids import new_id
from tests.control.calls.call_platform import NOW, CallPlatform, FakeCarrier, later
from tests.control.calls.test_outbound import CALLEE
from tests.control.calls.test_transfers import report_end, transfer_call

LEG, CONFERENCE = "CA-target", "room"
Step = Callable[..., Awaitable[Any]]
ANSWERED: Step = partial(transfers_service.answer, leg_id=LEG)
ACCEPTED: Step = partial(transfers_service.accept, conference=CONFERENCE)
DECLINED: Step = partial(transfers_service.fail, failure="refused")
ENDED: Step = partial(transfers_service.end_leg, failure="no_answer")


async def begin(platform: CallPlatform, call_id: UUID | None = None, name: str = "") -> tuple[WarmTransfer, str]:
    """A transfer whose target rings, and the carrier's id of the caller's call."""
    if call_id is None:
        workspace = await platform.create_workspace()
        name = f"CA-{new_id()}"
        call_id = (await platform.admit(workspace, name)).call_id
    call = await platform.call_row(call_id)
    new = WarmTransfer(
        id=UUID(new_id()), workspace_id=call["workspace_id"], call_id=call_id, run_id=new_id(), carrier="twilio",
        number=CALLEE, language="en", brief="An invoice", created_at=NOW,
    )  # fmt: skip
    assert await platform.in_platform(lambda db: transfers_queries.insert_transfer(db, new))
    await platform.in_platform(lambda db: transfers_service.set_leg(db, new.id, LEG))
    return new, name


async def run_steps(platform: CallPlatform, one: WarmTransfer, *steps: Step) -> WarmTransfer:
    for step in steps:
        await platform.in_platform(partial(step, transfer_id=one.id))
    found = await platform.in_platform(lambda db: transfers_queries.lock_transfer(db, one.id))
    assert found is not None
    return found


async def run_jobs(platform: CallPlatform, one: WarmTransfer, carrier: FakeCarrier, *, unless_met: bool) -> None:
    """Runs the jobs of this transfer that are enqueued so far, of one kind."""
    job = make_end_target_job(platform.pool, Carriers({"twilio": carrier}))
    for payload in await platform.job_payloads(END_TARGET):
        if msgspec.json.decode(payload, type=EndTargetJob) == EndTargetJob(one.id, unless_met):
            await job(payload)


async def test_a_run_of_the_tool_has_one_transfer(platform: CallPlatform) -> None:
    one, _ = await begin(platform)
    assert not await platform.in_platform(lambda db: transfers_queries.insert_transfer(db, one))
    found = await platform.in_platform(lambda db: transfers_queries.select_by_run(db, one.call_id, one.run_id))
    assert found is not None and (found.id, found.leg_id, found.status) == (one.id, LEG, "calling")


async def test_the_brief_is_forgotten_once_it_is_of_no_use(platform: CallPlatform) -> None:
    for steps in ((ANSWERED, ACCEPTED), (ANSWERED, DECLINED), (ENDED,)):
        one, _ = await begin(platform)
        assert (await run_steps(platform, one, *steps)).brief == ""


@pytest.mark.parametrize("order", list(permutations([ANSWERED, DECLINED, ENDED])))
async def test_a_target_that_does_not_accept_ends_as_failed_in_any_order(
    platform: CallPlatform, order: tuple[Step, ...]
) -> None:
    one, _ = await begin(platform)
    ended = await run_steps(platform, one, *order, *order)
    assert ended.status == "failed" and ended.failure in ("refused", "no_answer")
    assert await platform.in_platform(lambda db: transfers_service.accept(db, one.id, CONFERENCE)) is None, "too late"


async def test_a_target_that_accepts_twice_is_checked_once(platform: CallPlatform) -> None:
    one, _ = await begin(platform)
    before = len(await platform.job_payloads(END_TARGET))
    accepted = await run_steps(platform, one, ANSWERED, ACCEPTED, ACCEPTED, DECLINED, ANSWERED)
    assert (accepted.status, accepted.conference) == ("accepted", CONFERENCE), "a late refusal changes nothing"
    assert len(await platform.job_payloads(END_TARGET)) == before + 1


async def test_a_target_whom_nobody_joins_is_hung_up(platform: CallPlatform) -> None:
    """The process, or the node, that waited for the target has died."""
    one, _ = await begin(platform)
    await run_steps(platform, one, ANSWERED, ACCEPTED)
    carrier = FakeCarrier()
    await run_jobs(platform, one, carrier, unless_met=True)
    assert LEG in carrier.hung_up


async def test_who_have_met_are_left_alone_and_end_together(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id, name = await transfer_call(platform, workspace, "inbound")
    one, _ = await begin(platform, call_id, name)
    await run_steps(platform, one, ANSWERED, ACCEPTED)
    carrier = FakeCarrier()
    await run_jobs(platform, one, carrier, unless_met=True)
    assert name not in carrier.hung_up
    before = len(await platform.job_payloads("calls.hang_up"))
    assert (await run_steps(platform, one, ENDED)).status == "over"
    assert len(await platform.job_payloads("calls.hang_up")) == before + 1, "the target hung up: the caller's call ends"


async def test_a_caller_whose_target_has_gone_before_they_met_is_hung_up(platform: CallPlatform) -> None:
    one, name = await begin(platform)
    await run_steps(platform, one, ANSWERED, ACCEPTED, ENDED)
    call_id = one.call_id
    details = {"put_through": {"talked_s": 5, "until": "2999-01-01T00:00:00+00:00"}}
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE calls SET status = 'completed', end_reason = 'transferred', details = $2 WHERE id = $1",
            call_id,
            details,
        )
    )
    carrier = FakeCarrier()
    await run_jobs(platform, one, carrier, unless_met=True)
    assert name in carrier.hung_up


async def join(platform: CallPlatform, one: WarmTransfer, at: float = 1) -> bool:
    return await platform.in_platform(lambda db: transfers_service.join(db, one.call_id, CONFERENCE, later(at)))


async def test_who_have_met_are_left_alone_before_media_has_reported_it(platform: CallPlatform) -> None:
    """The consumer of events may be minutes behind."""
    one, name = await begin(platform)
    await run_steps(platform, one, ANSWERED, ACCEPTED)
    assert await join(platform, one) and await join(platform, one, 5), "repeated"
    carrier = FakeCarrier()
    await run_jobs(platform, one, carrier, unless_met=True)
    assert LEG not in carrier.hung_up and name not in carrier.hung_up
    before = len(await platform.job_payloads("calls.hang_up"))
    ended = await run_steps(platform, one, ENDED)
    assert (ended.status, ended.joined_at) == ("over", later(1))
    assert len(await platform.job_payloads("calls.hang_up")) == before + 1, "the target hung up: the caller's call ends"


@pytest.mark.parametrize("steps", [(ANSWERED,), (ANSWERED, DECLINED), (ANSWERED, ACCEPTED, ENDED)])
async def test_nobody_joins_a_conference_without_a_target(platform: CallPlatform, steps: tuple[Step, ...]) -> None:
    one, _ = await begin(platform)
    await run_steps(platform, one, *steps)
    assert not await join(platform, one)


async def test_a_blind_transfer_ends_the_calls_of_warm_ones(platform: CallPlatform) -> None:
    """The caller asked for a person while the target was being asked, or had just accepted."""
    for steps in ((), (ANSWERED,), (ANSWERED, ACCEPTED)):
        workspace = await platform.create_workspace()
        call_id, name = await transfer_call(platform, workspace, "inbound")
        one, _ = await begin(platform, call_id, name)
        await run_steps(platform, one, *steps)
        await platform.in_platform(lambda db, call_id=call_id: transfers_service.release(db, call_id))  # type: ignore[misc]
        carrier = FakeCarrier()
        await run_jobs(platform, one, carrier, unless_met=False)
        assert LEG in carrier.hung_up
        before = len(await platform.job_payloads("calls.hang_up"))
        assert (await run_steps(platform, one, ENDED)).status == "failed"
        await run_jobs(platform, one, carrier, unless_met=True)
        assert name not in carrier.hung_up, "the caller talks with whom the blind transfer reached"
        assert len(await platform.job_payloads("calls.hang_up")) == before


async def test_a_caller_who_could_not_join_goes_on_without_the_target(platform: CallPlatform) -> None:
    one, name = await begin(platform)
    await run_steps(platform, one, ANSWERED, ACCEPTED)
    assert await join(platform, one)
    returned = await platform.in_platform(lambda db: lead_back(db, "twilio", name, "failed", later(5), leg=0))
    assert returned is not None and returned.returned == "failed"
    await run_steps(platform, one, ENDED)
    carrier = FakeCarrier()
    for unless_met in (False, True):
        await run_jobs(platform, one, carrier, unless_met=unless_met)
    assert LEG in carrier.hung_up and name not in carrier.hung_up


async def test_the_calls_row_is_locked_before_the_transfers(platform: CallPlatform) -> None:
    """Both legs of a conversation end at once: with other orders of their reports' locks one would be a deadlock."""
    one, name = await begin(platform)
    await run_steps(platform, one, ANSWERED, ACCEPTED)
    for report in (partial(transfers_service.lock_call, transfer_id=one.id), partial(ENDED, transfer_id=one.id)):
        async with platform.pool.transaction() as db:
            await enter_platform(db)
            await records_queries.lock_call(db, "twilio", name)
            other = asyncio.create_task(platform.in_platform(report))
            await wait_until_blocked(db)
            async with asyncio.timeout(30):
                await transfers_queries.lock_transfer(db, one.id)
        await other


async def wait_until_blocked(db: Connection) -> None:
    """Until another transaction waits for a lock of this one."""
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    async with asyncio.timeout(30):
        while not await db.fetchval(query):  # noqa: ASYNC110 -- the database gives no signal
            await asyncio.sleep(0.01)


async def test_a_caller_who_hangs_up_ends_the_targets_call(platform: CallPlatform) -> None:
    for steps in ((), (ANSWERED,), (ANSWERED, ACCEPTED)):
        one, name = await begin(platform)
        await run_steps(platform, one, *steps)
        await report_end(platform, name, 30, duration_s=30)
        carrier = FakeCarrier()
        await run_jobs(platform, one, carrier, unless_met=False)
        assert LEG in carrier.hung_up


async def test_a_leg_that_is_known_after_the_end_is_hung_up(platform: CallPlatform) -> None:
    """The carrier's answer came after the caller had gone."""
    one, _ = await begin(platform)
    await run_steps(platform, one, DECLINED)
    await platform.in_platform(lambda db: transfers_service.set_leg(db, one.id, "CA-late"))
    carrier = FakeCarrier()
    await run_jobs(platform, one, carrier, unless_met=False)
    assert "CA-late" in carrier.hung_up


async def test_legs_of_transfers_that_go_on_are_no_orphans(platform: CallPlatform) -> None:
    one, _ = await begin(platform)
    leg = f"CA-{one.id}"
    await platform.in_platform(lambda db: transfers_service.set_leg(db, one.id, leg))
    assert await platform.in_platform(lambda db: transfers_queries.select_open_legs(db, [leg, "CA-x"])) == {leg}
    await run_steps(platform, one, DECLINED)
    assert await platform.in_platform(lambda db: transfers_queries.select_open_legs(db, [leg])) == set()
