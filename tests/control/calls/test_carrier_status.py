"""Call statuses from carriers, and calls that resume after a lost stream."""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from control.agents.rules import AgentEdit
from control.agents.service import Agents
from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.carrier_reports.service import apply_status
from control.calls.live.service import HANG_UP, HangupJob, record_media_node
from control.calls.recordings.rules import CarrierRecording
from control.calls.recordings.service import FETCH_RECORDING, FetchRecordingJob, add_recording
from control.calls.records.refusals import RefusedCall
from control.calls.records.running_calls import MOST_LEGS, AdmittedCall, OpenCall
from control.calls.records.service import find_open
from control.carriers.rules import PlacedCall
from shared.bus.checkpoints import Checkpoint
from shared.events import CallStatus, CallUsage
from shared.plan import HeardMessage
from tests.control.calls.call_platform import NOW, CallPlatform, LiveWorkspace, later


async def report_status(
    platform: CallPlatform, name: str, status: CallStatus | None, seconds: float = 0, **fields: Any
) -> None:
    carrier_status = CarrierStatus("twilio", name, status, later(seconds), **fields)
    await platform.in_platform(lambda db: apply_status(db, carrier_status))


async def place_and_dial(platform: CallPlatform, workspace: LiveWorkspace, name: str) -> UUID:
    """Places and dials a call; returns its id."""
    call_id = await platform.place(workspace, "+12125550123")
    order = await platform.in_platform(lambda db: platform.placement.start(db, call_id, NOW))
    assert order is not None
    assert await platform.in_platform(lambda db: platform.placement.confirm(db, call_id, PlacedCall(name), NOW))
    return call_id


async def test_inbound_call_from_ringing_to_completed(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call = await platform.admit(workspace, "CA-way")
    await report_status(platform, "CA-way", "in_progress", 2)
    row = await platform.call_row(call.call_id)
    assert (row["status"], row["answered_at"]) == ("in_progress", later(2))
    await report_status(platform, "CA-way", "completed", 32, duration_s=30, facts={"status": "completed"})
    await report_status(platform, "CA-way", "ringing", 1)
    await report_status(platform, "CA-way", "completed", 40, duration_s=30)
    row = await platform.call_row(call.call_id)
    assert (row["status"], row["end_reason"], row["ended_at"]) == ("completed", "caller_hangup", later(32))
    assert row["duration_seconds"] == 30
    assert row["details"]["carrier"] == {"status": "completed", "duration_s": 30}


async def test_reports_of_unknown_calls_are_ignored(platform: CallPlatform) -> None:
    await report_status(platform, "CA-unknown", "completed")
    await report_status(platform, "CA-unknown", "completed", call_id=uuid4())


async def test_concurrent_reports_leave_one_final_state(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call = await platform.admit(workspace, "CA-many")
    statuses: list[CallStatus] = ["ringing", "in_progress", "completed", "busy", "failed", "no_answer", "ringing"]
    await asyncio.gather(
        *(report_status(platform, "CA-many", status, seconds) for seconds, status in enumerate(statuses))
    )
    first = (await platform.call_row(call.call_id))["status"]
    assert first in ("completed", "busy", "failed", "no_answer")
    await asyncio.gather(
        *(report_status(platform, "CA-many", status, seconds) for seconds, status in enumerate(statuses))
    )
    assert (await platform.call_row(call.call_id))["status"] == first


async def test_outbound_call_is_admitted_when_answered(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await place_and_dial(platform, workspace, "CA-ours")
    result = await platform.in_platform(
        lambda db: platform.admission.admit_answered(db, "twilio", "CA-ours", call_id, later(5))
    )
    assert isinstance(result, AdmittedCall)
    assert (result.call_id, result.plan.agent.greeting) == (call_id, "Hello.")
    row = await platform.call_row(call_id)
    assert (row["status"], row["answered_at"]) == ("in_progress", later(5))
    repeated = await platform.in_platform(
        lambda db: platform.admission.admit_answered(db, "twilio", "CA-ours", call_id, later(6))
    )
    assert repeated == result


async def test_call_answered_before_its_carrier_id_was_stored(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await platform.place(workspace, "+12125550123")
    result = await platform.in_platform(
        lambda db: platform.admission.admit_answered(db, "twilio", "CA-fast", call_id, NOW)
    )
    assert isinstance(result, AdmittedCall)
    assert (await platform.call_row(call_id))["carrier_call_id"] == "CA-fast"


async def test_another_carrier_call_does_not_take_over_the_row(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await place_and_dial(platform, workspace, "CA-first")
    result = await platform.in_platform(
        lambda db: platform.admission.admit_answered(db, "twilio", "CA-other", call_id, NOW)
    )
    assert isinstance(result, RefusedCall)
    assert (await platform.call_row(call_id))["status"] == "queued"


async def test_answered_call_of_a_suspended_workspace_is_refused(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await place_and_dial(platform, workspace, "CA-suspended")
    await platform.in_platform(
        lambda db: db.execute("UPDATE workspaces SET status = 'suspended' WHERE id = $1", workspace.workspace_id)
    )
    result = await platform.in_platform(
        lambda db: platform.admission.admit_answered(db, "twilio", "CA-suspended", call_id, NOW)
    )
    assert isinstance(result, RefusedCall) and result.reason == "suspended"
    assert (await platform.call_row(call_id))["status"] == "failed"


async def test_answering_machine_is_hung_up_on_once(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await place_and_dial(platform, workspace, "CA-machine")
    for _ in range(2):
        await report_status(platform, "CA-machine", None, answered_by="machine")
    jobs = [msgspec.json.decode(job, type=HangupJob) for job in await platform.job_payloads(HANG_UP)]
    assert [job for job in jobs if job.call_id == call_id] == [HangupJob(call_id, "twilio", "CA-machine", "voicemail")]
    await report_status(platform, "CA-machine", "completed", 9, duration_s=9)
    row = await platform.call_row(call_id)
    assert (row["end_reason"], row["details"]["amd"]) == ("voicemail", "machine")


async def test_machine_that_gets_a_message_is_ended_after_its_greeting(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await place_and_dial(platform, workspace, "CA-message")
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE calls SET details = details || '{\"leaves_message\": true}' WHERE id = $1", call_id
        )
    )

    async def hang_ups() -> int:
        return sum(str(call_id).encode() in job for job in await platform.job_payloads(HANG_UP))

    await report_status(platform, "CA-message", None, answered_by="machine")
    assert await hang_ups() == 0
    for _ in range(2):
        await report_status(platform, "CA-message", None, answered_by="machine", greeting_ended=True)
    assert await hang_ups() == 1


async def test_person_is_not_hung_up_on(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await place_and_dial(platform, workspace, "CA-person")
    await report_status(platform, "CA-person", None, answered_by="human")
    assert not [job for job in await platform.job_payloads(HANG_UP) if str(call_id).encode() in job]


async def test_recording_is_fetched_once(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call = await platform.admit(workspace, "CA-recorded")
    recording = CarrierRecording("twilio", "CA-recorded", "RE1", "https://api.example.com/RE1", 30)
    for _ in range(3):
        await platform.in_platform(lambda db: add_recording(db, recording))
    jobs = [msgspec.json.decode(job, type=FetchRecordingJob) for job in await platform.job_payloads(FETCH_RECORDING)]
    assert [job for job in jobs if job.call_id == call.call_id] == [FetchRecordingJob(call.call_id, "RE1")]


async def test_call_is_open_until_a_minute_after_its_end(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call = await platform.admit(workspace, "CA-on")
    await report_status(platform, "CA-on", "in_progress", 1)
    await platform.in_platform(lambda db: record_media_node(db, call, "node-1"))
    open_call = await find_by_name(platform, "CA-on")
    assert open_call == OpenCall(
        call_id=call.call_id,
        workspace_id=workspace.workspace_id,
        agent_id=workspace.agent_id,
        agent_version=1,
        leg=0,
        caller_number="+14155550100",
        called_number=workspace.number,
        direction="inbound",
        status="in_progress",
        carrier="twilio",
        carrier_call_id="CA-on",
        created_at=NOW,
        media_node="node-1",
        answered_at=later(1),
        stored_id="CA-on",
        was_answered=True,
    )
    await report_status(platform, "CA-on", "completed", 20)
    assert (await find_by_name(platform, "CA-on", 60)).status == "completed"
    assert await platform.in_platform(lambda db: find_open(db, "twilio", "CA-on", later(81))) is None
    assert await platform.in_platform(lambda db: find_open(db, "twilio", "CA-never", NOW)) is None


async def find_by_name(platform: CallPlatform, name: str, seconds: float = 5) -> OpenCall:
    open_call = await platform.in_platform(lambda db: find_open(db, "twilio", name, later(seconds)))
    assert open_call is not None
    return open_call


async def test_call_resumes_from_its_checkpoint(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(
        recording={"enabled": True, "consent": "announced", "announcement": "We record."}
    )
    call = await platform.admit(workspace, "CA-resume")
    heard = [HeardMessage("assistant", "Hello."), HeardMessage("user", "Hi.")]
    checkpoint = Checkpoint(
        call_id=str(call.call_id),
        node_id="node-1",
        leg=0,
        messages=heard,
        turn=1,
        usage=CallUsage(call_ms=9),
        began_ms=1_000,
        at_ms=9_000,
    )
    open_call = await find_by_name(platform, "CA-resume")
    result = await platform.in_platform(lambda db: platform.admission.resume(db, open_call, checkpoint, later(5)))
    assert isinstance(result, AdmittedCall)
    plan = result.plan
    assert (result.leg, plan.leg) == (1, 1)
    assert plan.agent.greeting == "Sorry, we were cut off for a moment."
    assert plan.resume is not None
    assert (plan.resume.messages, plan.resume.turn, plan.resume.usage) == (heard, 1, CallUsage(call_ms=9))
    assert (plan.resume.began_ms, plan.resume.lost_ms) == (1_000, 9_000)
    assert (await find_by_name(platform, "CA-resume")).leg == 1


async def test_resumed_call_without_checkpoint_has_no_greeting(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(language="de")
    await platform.admit(workspace, "CA-blank")
    await report_status(platform, "CA-blank", "in_progress", 1)
    open_call = await find_by_name(platform, "CA-blank")
    result = await platform.in_platform(lambda db: platform.admission.resume(db, open_call, None, later(5)))
    assert isinstance(result, AdmittedCall) and result.plan.resume is not None
    assert result.plan.resume.messages == []
    assert result.plan.resume.began_ms == round(later(1).timestamp() * 1000)
    assert result.plan.agent.greeting.startswith("Entschuldigung")


async def test_resumed_call_keeps_its_agent_version(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    await platform.admit(workspace, "CA-version")
    edit = AgentEdit(config={"prompt": "Another."})
    await platform.in_workspace(
        workspace,
        lambda db: platform.services[Agents].update(
            db, workspace.workspace_id, workspace.actor, workspace.agent_id, edit, NOW
        ),
    )
    open_call = await find_by_name(platform, "CA-version")
    result = await platform.in_platform(lambda db: platform.admission.resume(db, open_call, None, later(5)))
    assert isinstance(result, AdmittedCall)
    assert result.plan.agent.prompt == ""


async def test_call_is_not_resumed_more_than_the_limit(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    await platform.admit(workspace, "CA-ever")
    legs = []
    for _ in range(MOST_LEGS + 1):
        open_call = await find_by_name(platform, "CA-ever")
        result = await platform.in_platform(
            partial(platform.admission.resume, open_call=open_call, checkpoint=None, now=later(5))
        )
        legs.append(result.leg if isinstance(result, AdmittedCall) else result.reason)
    assert legs == [1, 2, 3, 4, 5, "unusable"]


@pytest.mark.parametrize("condition", ["over", "suspended"])
async def test_ended_or_suspended_calls_are_not_resumed(platform: CallPlatform, condition: str) -> None:
    workspace = await platform.create_workspace()
    await platform.admit(workspace, f"CA-not-{condition}")
    open_call = await find_by_name(platform, f"CA-not-{condition}")
    if condition == "over":
        await report_status(platform, f"CA-not-{condition}", "completed", 3)
    else:
        await platform.in_platform(
            lambda db: db.execute("UPDATE workspaces SET status = 'suspended' WHERE id = $1", workspace.workspace_id)
        )
    result = await platform.in_platform(lambda db: platform.admission.resume(db, open_call, None, later(5)))
    assert isinstance(result, RefusedCall)
