"""A transferred call is ended at its carrier, with a sentence."""

from functools import partial
from uuid import UUID

import msgspec
import pytest

from control.agents.plans.service import AgentLookup
from control.calls.live.service import HANG_UP, HangupJob
from control.calls.transfers.service import END_TRANSFER, EndTransferJob, enqueue_transfer_end
from control.calls.transfers.tasks import make_end_transfer_job
from control.carriers.rules import CarrierRefused
from control.carriers.service import Carriers
from control.db.jobs import JobFailed
from tests.control.calls.call_platform import CallPlatform, carrier_refusal, carrier_unavailable, later
from tests.control.calls.test_transfers import report_end, transfer_call


async def run_job(platform: CallPlatform, call_id: UUID, at: float = 90) -> None:
    job = make_end_transfer_job(
        platform.pool, platform.services[AgentLookup], platform.services[Carriers], lambda: later(at)
    )
    await job(msgspec.json.encode(EndTransferJob(call_id)))


async def test_the_caller_hears_a_sentence_and_the_record_says_why(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id, name = await transfer_call(platform, workspace, "inbound")
    await platform.in_platform(partial(enqueue_transfer_end, call_id=call_id))
    assert msgspec.json.encode(EndTransferJob(call_id)) in await platform.job_payloads(END_TRANSFER)
    await run_job(platform, call_id)
    ((spoken_to, words, language),) = platform.gateway.spoken
    assert (spoken_to, language) == (name, "en") and "has to end now" in words
    row = await platform.call_row(call_id)
    assert (row["end_reason"], row["end_detail"]) == ("transferred", "spend_limit")
    # A job ends it should the event of the words' end be lost.
    jobs = [msgspec.json.decode(job_payload, type=HangupJob) for job_payload in await platform.job_payloads(HANG_UP)]
    assert HangupJob(call_id, "twilio", name, None) in jobs
    await report_end(platform, name, 95, duration_s=95)
    assert (await platform.call_row(call_id))["duration_seconds"] == 95


async def test_nothing_is_said_to_a_call_that_is_over_or_goes_on_with_its_agent(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    over, name = await transfer_call(platform, workspace, "inbound")
    await report_end(platform, name, 70, duration_s=70)
    talking = await platform.admit(workspace)
    for call_id in (over, talking.call_id, UUID(int=1)):
        await run_job(platform, call_id)
    await run_job(platform, (await transfer_call(platform, workspace, "outbound"))[0], at=4_000)  # past its bound
    assert not platform.gateway.spoken and not platform.gateway.hung_up


async def test_where_the_carrier_refuses_to_speak_the_call_ends_without_a_sentence(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id, name = await transfer_call(platform, workspace, "inbound")
    platform.gateway.answers["speak_last_words"] = carrier_refusal()
    await run_job(platform, call_id)
    assert platform.gateway.hung_up == [name]


@pytest.mark.parametrize("answer", [carrier_unavailable(), carrier_refusal()])
async def test_the_job_is_tried_again_until_the_carrier_has_ended_the_call(
    platform: CallPlatform, answer: Exception
) -> None:
    workspace = await platform.create_workspace()
    call_id, _ = await transfer_call(platform, workspace, "inbound")
    platform.gateway.answers["speak_last_words"] = answer
    if isinstance(answer, CarrierRefused):
        platform.gateway.answers["hang_up"] = answer
    with pytest.raises(JobFailed):
        await run_job(platform, call_id)
    assert (await platform.call_row(call_id))["end_detail"] is None


async def test_a_call_that_has_just_ended_is_no_failure(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id, _ = await transfer_call(platform, workspace, "inbound")
    platform.gateway.answers["speak_last_words"] = carrier_refusal(call_ended=True)
    await run_job(platform, call_id)
    assert not platform.gateway.hung_up
