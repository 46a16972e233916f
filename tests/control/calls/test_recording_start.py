"""A carrier begins to record once the caller has heard that the call is recorded."""

from uuid import UUID

import msgspec
import pytest

from control.agents.plans.service import AgentLookup
from control.calls.admission.plans import admit
from control.calls.events.service import parse_event, write_events
from control.calls.recordings.service import START_RECORDING, StartRecordingJob
from control.calls.recordings.tasks import RETRY_AFTER_S, make_start_recording_job
from control.calls.records.running_calls import CallPolicy
from control.carriers.service import Carriers
from control.db.jobs import JobFailed, JobHandler
from shared.events import AnnouncementHeard, CallEnded, CallUsage, Event
from shared.plan import ConsentPlan
from tests.control.calls.call_platform import CallPlatform, carrier_refusal, carrier_unavailable
from tests.control.calls.consumed_events import encoded_event

HEARD = AnnouncementHeard(4_000, "recording")


def start_job(platform: CallPlatform, waits: list[float] | None = None) -> JobHandler:
    async def sleep(seconds: float) -> None:
        if waits is not None:
            waits.append(seconds)

    return make_start_recording_job(platform.pool, platform.services[Carriers], sleep)


def payload_of(call_id: UUID) -> bytes:
    return msgspec.json.encode(StartRecordingJob(call_id))


async def report(platform: CallPlatform, call_id: UUID, seq: int, event: Event) -> None:
    line = parse_event(str(seq), encoded_event(call_id, seq, event))
    await platform.in_platform(lambda db: write_events(db, [line]))


async def test_carrier_records_once_the_announcement_was_heard(platform: CallPlatform) -> None:
    call = await platform.admit(await platform.create_workspace())
    await report(platform, call.call_id, 1, AnnouncementHeard(2_000, "disclosure"))
    assert not await platform.job_payloads(START_RECORDING)
    for _ in range(2):  # the same event, delivered twice
        await report(platform, call.call_id, 2, HEARD)
    (payload,) = await platform.job_payloads(START_RECORDING)
    await start_job(platform)(payload)
    assert platform.gateway.recorded == [(call.carrier_call_id, str(call.call_id))]


async def test_ended_call_is_not_recorded(platform: CallPlatform) -> None:
    call = await platform.admit(await platform.create_workspace())
    before = await platform.job_payloads(START_RECORDING)
    await report(platform, call.call_id, 1, CallEnded("completed", "caller_hangup", "", 3_000, CallUsage()))
    await report(platform, call.call_id, 2, HEARD)
    assert await platform.job_payloads(START_RECORDING) == before
    await start_job(platform)(payload_of(call.call_id))
    assert not platform.gateway.recorded


async def test_call_that_is_not_in_progress_yet_is_tried_again(platform: CallPlatform) -> None:
    call = await platform.admit(await platform.create_workspace())
    platform.gateway.answers["start_recording"] = carrier_refusal(call_ended=True)
    waits: list[float] = []
    with pytest.raises(JobFailed) as failed:
        await start_job(platform, waits)(payload_of(call.call_id))
    assert not failed.value.is_permanent
    assert waits == list(RETRY_AFTER_S) and len(platform.gateway.recorded) == 1 + len(waits)


@pytest.mark.parametrize(("error", "is_permanent"), [(carrier_unavailable(), False), (carrier_refusal(), True)])
async def test_failures_of_the_carrier(platform: CallPlatform, error: Exception, is_permanent: bool) -> None:
    call = await platform.admit(await platform.create_workspace())
    platform.gateway.answers["start_recording"] = error
    with pytest.raises(JobFailed) as failed:
        await start_job(platform)(payload_of(call.call_id))
    assert failed.value.is_permanent is is_permanent


async def test_announced_recording_does_not_begin_with_the_call(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call = await platform.admit(workspace)
    agent = await platform.in_platform(
        lambda db: platform.services[AgentLookup].find_by_agent(db, workspace.workspace_id, workspace.agent_id)
    )
    assert agent is not None
    policy = CallPolicy(recordings="both")
    for consent, at_once in ((None, True), (ConsentPlan("This call is recorded."), False)):
        plan = msgspec.structs.replace(call.plan, recording=True, consent=consent)
        admitted = admit("twilio", call.carrier_call_id, call.call_id, agent, plan, policy)
        assert (admitted.records_at_carrier, admitted.plan.recording) == (at_once, True)
