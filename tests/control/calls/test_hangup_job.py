"""The job that hangs up: by media if a node has the call, otherwise by the carrier."""

import asyncio
from uuid import UUID

import msgspec
import pytest

from control.calls.live.service import HangupJob
from control.calls.live.tasks import make_hangup_job
from control.carriers.service import Carriers
from control.db.jobs import JobFailed, JobHandler
from shared.bus.commands import DONE, CommandStream, EndCall
from shared.bus.live import LiveCall, LiveCalls
from shared.events import EndReason
from tests.control.calls.call_platform import (
    CallPlatform,
    carrier_refusal,
    carrier_unavailable,
)


def hangup_job(platform: CallPlatform) -> JobHandler:
    return make_hangup_job(platform.pool, platform.services[Carriers], platform.media_assignment)


CALL_ID = UUID(int=9)


def hangup_payload(reason: EndReason = "admin", call_id: UUID = CALL_ID) -> bytes:
    return msgspec.json.encode(HangupJob(call_id, "twilio", "CA9", reason))


async def test_media_ends_its_call(platform: CallPlatform) -> None:
    await LiveCalls(platform.redis).refresh([LiveCall(str(UUID(int=9)), "node-h", 0)])
    ending = asyncio.ensure_future(hangup_job(platform)(hangup_payload("voicemail")))
    _, orders = await CommandStream(platform.redis).read("node-h", "0", 4.0)
    assert orders[0].command == EndCall("voicemail")
    await CommandStream(platform.redis).answer(orders[0].id, DONE)
    await asyncio.wait_for(ending, 5)
    assert not platform.gateway.hung_up
    await LiveCalls(platform.redis).remove([str(UUID(int=9))])


async def test_carrier_ends_a_call_that_media_does_not_have(platform: CallPlatform) -> None:
    await hangup_job(platform)(hangup_payload(call_id=UUID(int=10)))
    assert platform.gateway.hung_up == ["CA9"]
    platform.gateway.answers["hang_up"] = carrier_refusal(call_ended=True)
    await hangup_job(platform)(hangup_payload(call_id=UUID(int=10)))
    platform.gateway.answers["hang_up"] = carrier_unavailable()
    with pytest.raises(JobFailed) as failed:
        await hangup_job(platform)(hangup_payload(call_id=UUID(int=10)))
    assert not failed.value.is_permanent
    platform.gateway.answers["hang_up"] = carrier_refusal()
    with pytest.raises(JobFailed) as failed:
        await hangup_job(platform)(hangup_payload(call_id=UUID(int=10)))
    assert not failed.value.is_permanent, "the line would stay up, and be charged"
