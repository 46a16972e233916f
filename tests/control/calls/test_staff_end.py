"""Calls end by order of the staff: one call, or all calls of a suspended workspace."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from control.calls.live.service import HANG_UP, EndCallsJob, HangupJob, end_call
from control.calls.live.tasks import make_end_calls_job, make_hangup_job
from control.calls.records import queries as records_queries
from control.calls.records.details import CallDetails, Transfer, encode_details
from control.carriers.service import Carriers
from control.db.pool import Connection
from control.workspaces.rules import WorkspaceStatus
from control.workspaces.service import Workspaces
from shared.bus.commands import DONE, CommandStream, EndCall
from shared.bus.live import LiveCall, LiveCalls
from tests.control.calls.call_platform import NOW, STAFF, CallPlatform, LiveWorkspace

PHONE = "+12125550123"


async def set_status(platform: CallPlatform, workspace: LiveWorkspace, status: WorkspaceStatus) -> None:
    staff = platform.services[Workspaces].administration
    suspend = staff.suspend if status == "suspended" else None

    async def change(db: Connection) -> None:
        if suspend is not None:
            await suspend(db, STAFF, workspace.workspace_id, "Toll fraud", NOW)
        else:
            await staff.activate(db, STAFF, workspace.workspace_id, NOW)

    await platform.in_platform(change)


async def run_job(platform: CallPlatform, workspace: LiveWorkspace) -> None:
    await make_end_calls_job(platform.pool)(msgspec.json.encode(EndCallsJob(workspace.workspace_id)))


async def hangups(platform: CallPlatform) -> dict[UUID, HangupJob]:
    jobs = [msgspec.json.decode(payload, type=HangupJob) for payload in await platform.job_payloads(HANG_UP)]
    return {job.call_id: job for job in jobs}


async def test_suspension_ends_running_and_waiting_calls(platform: CallPlatform) -> None:
    workspace, other = await platform.create_workspace(), await platform.create_workspace()
    running, spared = await platform.admit(workspace), await platform.admit(other)
    queued = await platform.place(workspace, PHONE)
    await run_job(platform, workspace)
    assert not (await hangups(platform)).keys() & {running.call_id, queued}, "the workspace is not suspended"
    await set_status(platform, workspace, "suspended")
    await run_job(platform, workspace)
    found = await hangups(platform)
    assert (found[running.call_id].reason, found[running.call_id].polite) == ("admin", True)
    assert spared.call_id not in found and queued not in found
    row = await platform.call_row(queued)
    assert (row["status"], row["end_reason"]) == ("canceled", "admin")


async def test_calls_go_on_if_the_suspension_is_over_by_then(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    running = await platform.admit(workspace)
    await set_status(platform, workspace, "suspended")
    await set_status(platform, workspace, "active")
    await run_job(platform, workspace)
    assert running.call_id not in await hangups(platform)


async def test_transferred_callers_are_hung_up_by_the_carrier(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    running, over = await platform.admit(workspace), await platform.admit(workspace)
    now = datetime.now(UTC)
    for call_id, until in ((running.call_id, now + timedelta(minutes=5)), (over.call_id, now - timedelta(minutes=5))):
        details = encode_details(CallDetails(transfer=Transfer(talked_s=5, until=until, number=PHONE)))
        await platform.in_platform(
            lambda db, values=(call_id, details): db.execute(  # type: ignore[misc]
                "UPDATE calls SET status = 'completed', end_reason = 'transferred', details = $2 WHERE id = $1", *values
            )
        )
    await set_status(platform, workspace, "suspended")
    await run_job(platform, workspace)
    found = await hangups(platform)
    assert found[running.call_id].reason is None
    assert over.call_id not in found


async def test_more_calls_than_one_batch_end(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    running = (await platform.admit(workspace)).call_id
    await platform.in_platform(
        lambda db: db.execute(
            "INSERT INTO calls (id, workspace_id, direction, carrier, carrier_call_id, status, created_at) "
            "SELECT gen_random_uuid(), $1, 'inbound', 'twilio', 'CAmany' || n, 'ringing', now() "
            "FROM generate_series(1, 420) n",
            workspace.workspace_id,
        )
    )
    await set_status(platform, workspace, "suspended")
    await run_job(platform, workspace)
    found = await hangups(platform)
    assert running in found
    assert len({job.carrier_call_id for job in found.values() if job.carrier_call_id.startswith("CAmany")}) == 420


async def test_ending_twice_is_harmless(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    queued = await platform.place(workspace, PHONE)

    async def end(db: Connection) -> bool:
        call = await records_queries.lock_one(db, queued)
        assert call is not None
        return await end_call(db, call.state, NOW, polite=False)

    assert [await platform.in_platform(end) for _ in range(2)] == [True, False]


async def test_media_says_goodbye_first(platform: CallPlatform) -> None:
    call_id = UUID(int=77)
    await LiveCalls(platform.redis).refresh([LiveCall(str(call_id), "node-p", 0)])
    job = make_hangup_job(platform.pool, platform.services[Carriers], platform.media_assignment)
    ending = asyncio.ensure_future(job(msgspec.json.encode(HangupJob(call_id, "twilio", "CA77", "admin", polite=True))))
    _, orders = await CommandStream(platform.redis).read("node-p", "0", 4.0)
    assert orders[0].command == EndCall("admin", polite=True)
    await CommandStream(platform.redis).answer(orders[0].id, DONE)
    await asyncio.wait_for(ending, 5)
    await LiveCalls(platform.redis).remove([str(call_id)])
