"""The job that dials: each call once, whatever is repeated or fails in between."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from control.calls.outbound.service import LOOKED_FOR, PlaceCallJob
from control.calls.outbound.tasks import DialQueue, make_dial_job
from control.calls.records.running_calls import AdmittedCall
from control.carriers.pacer import CallPacer
from control.carriers.rules import DialRequest, PlacedCall
from control.carriers.service import Carriers
from control.db.jobs import JobFailed, JobHandler
from tests.control.calls.call_platform import (
    CallPlatform,
    FakeCarrier,
    LiveWorkspace,
    carrier_refusal,
    carrier_unavailable,
    later,
)

CALLEE = "+12125550123"


def dial_job(platform: CallPlatform) -> JobHandler:
    services = platform.services
    return make_dial_job(
        platform.pool, platform.placement, services[Carriers], DialQueue(platform.pool, services[CallPacer])
    )


async def place_with_payload(platform: CallPlatform, workspace: LiveWorkspace, **options: Any) -> tuple[UUID, bytes]:
    """A call placed at the current time, which the jobs use."""
    call_id = await platform.place(workspace, CALLEE, at=datetime.now(UTC), **options)
    return call_id, msgspec.json.encode(PlaceCallJob(call_id))


async def age_dial(platform: CallPlatform, call_id: UUID) -> None:
    """Has the first try lie further back than a call is looked for."""
    before = (datetime.now(UTC) - LOOKED_FOR - timedelta(seconds=1)).isoformat()
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE calls SET details = details || jsonb_build_object('placing_at', $2::text) WHERE id = $1",
            call_id,
            before,
        )
    )


async def test_call_is_dialed_once(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id, payload = await place_with_payload(platform, workspace)
    for _ in range(3):
        await dial_job(platform)(payload)
    (dial,) = platform.gateway.dialed
    assert (dial.call_id, dial.caller, dial.called) == (str(call_id), workspace.number, CALLEE)
    assert (dial.ring_timeout_s, dial.detect_machine) == (45, True)
    row = await platform.call_row(call_id)
    assert (row["carrier_call_id"], row["status"]) == (f"CA-{call_id}", "queued")
    assert row["started_at"] is not None and "placing_at" in row["details"]


async def test_call_does_not_detect_machines(platform: CallPlatform) -> None:
    _, payload = await place_with_payload(platform, await platform.create_workspace(), test=True)
    await dial_job(platform)(payload)
    assert not platform.gateway.dialed[0].detect_machine


async def test_call_limit_is_the_agents_limit_plus_a_transfer(platform: CallPlatform) -> None:
    _, payload = await place_with_payload(platform, await platform.create_workspace(limits={"max_duration_s": 300}))
    await dial_job(platform)(payload)
    assert platform.gateway.dialed[-1].max_duration_s == 300 + 60 + 3_600
    _, payload = await place_with_payload(platform, await platform.create_workspace(limits={"max_duration_s": 0}))
    await dial_job(platform)(payload)
    assert platform.gateway.dialed[-1].max_duration_s == 14_400


async def test_call_limit_is_set_by_the_staff(platform: CallPlatform) -> None:
    _, payload = await place_with_payload(platform, await platform.create_workspace(), test=True)
    await dial_job(platform)(payload)
    assert platform.gateway.dialed[-1].max_duration_s == 600


@pytest.mark.parametrize(("used_s", "longest_s"), [(35_000, 1_000), (35_990, 60), (35_000 - 7_000, 7_260)])
async def test_call_limit_is_what_is_left_of_the_days_minutes(
    platform: CallPlatform, used_s: int, longest_s: int
) -> None:
    workspace = await platform.create_workspace()
    before, _ = await place_with_payload(platform, workspace)
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE calls SET status = 'completed', duration_seconds = $2, "
            "created_at = created_at - interval '2 hours' WHERE id = $1",
            before,
            used_s,
        )
    )
    _, payload = await place_with_payload(platform, workspace)
    await dial_job(platform)(payload)
    assert platform.gateway.dialed[-1].max_duration_s == longest_s


async def test_two_workers_at_once_dial_once(platform: CallPlatform) -> None:
    call_id, payload = await place_with_payload(platform, await platform.create_workspace())
    await asyncio.gather(*(dial_job(platform)(payload) for _ in range(5)), return_exceptions=True)
    assert len(platform.gateway.dialed) == 1
    assert (await platform.call_row(call_id))["status"] == "queued"


async def test_second_worker_leaves_a_call_alone_that_is_being_dialed(
    platform: CallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds the call unknown to the carrier. If it ended the call, the first worker would hang up a phone that
    rings."""
    call_id, payload = await place_with_payload(platform, await platform.create_workspace())
    dials, looked, dial = asyncio.Event(), asyncio.Event(), FakeCarrier.dial

    async def dial_slowly(gateway: FakeCarrier, order: DialRequest) -> PlacedCall:
        dials.set()
        await looked.wait()
        return await dial(gateway, order)

    monkeypatch.setattr(FakeCarrier, "dial", dial_slowly)
    first = asyncio.ensure_future(dial_job(platform)(payload))
    await dials.wait()
    with pytest.raises(JobFailed) as failed:
        await dial_job(platform)(payload)
    looked.set()
    await first
    assert not failed.value.is_permanent and not platform.gateway.hung_up
    row = await platform.call_row(call_id)
    assert (row["status"], row["carrier_call_id"]) == ("queued", f"CA-{call_id}")


async def test_call_refused_by_the_carrier_fails(platform: CallPlatform) -> None:
    call_id, payload = await place_with_payload(platform, await platform.create_workspace())
    platform.gateway.answers["dial"] = carrier_refusal()
    await dial_job(platform)(payload)
    row = await platform.call_row(call_id)
    assert (row["status"], row["end_reason"], row["end_detail"]) == ("failed", "carrier_error", "21217")


async def test_unconfirmed_dial_is_looked_up_by_the_next_try(platform: CallPlatform) -> None:
    call_id, payload = await place_with_payload(platform, await platform.create_workspace())
    platform.gateway.answers["dial"] = carrier_unavailable()
    with pytest.raises(JobFailed) as failed:
        await dial_job(platform)(payload)
    assert not failed.value.is_permanent and CALLEE not in failed.value.reason
    platform.gateway.answers["find_placed_calls"] = carrier_unavailable()
    with pytest.raises(JobFailed):
        await dial_job(platform)(payload)
    del platform.gateway.answers["find_placed_calls"]
    platform.gateway.found = [PlacedCall("CA-found")]
    await dial_job(platform)(payload)
    assert len(platform.gateway.dialed) == 1
    assert (await platform.call_row(call_id))["carrier_call_id"] == "CA-found"


async def test_call_not_found_at_the_carrier_is_looked_for_and_fails(platform: CallPlatform) -> None:
    call_id, payload = await place_with_payload(platform, await platform.create_workspace())
    platform.gateway.answers["dial"] = carrier_unavailable()
    for _ in range(3):
        with pytest.raises(JobFailed):
            await dial_job(platform)(payload)
    assert (await platform.call_row(call_id))["status"] == "queued"
    await age_dial(platform, call_id)
    await dial_job(platform)(payload)
    row = await platform.call_row(call_id)
    assert (row["status"], row["end_detail"]) == ("failed", "not_confirmed")
    assert len(platform.gateway.dialed) == 1


async def test_found_call_that_belongs_to_another_row_is_ignored(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    _, first = await place_with_payload(platform, workspace)
    await dial_job(platform)(first)
    call_id, payload = await place_with_payload(platform, workspace)
    platform.gateway.answers["dial"] = carrier_unavailable()
    with pytest.raises(JobFailed):
        await dial_job(platform)(payload)
    platform.gateway.found = [PlacedCall(f"CA-{platform.gateway.dialed[0].call_id}")]
    await age_dial(platform, call_id)
    await dial_job(platform)(payload)
    assert (await platform.call_row(call_id))["end_detail"] == "not_confirmed"


async def test_first_found_call_without_a_row_is_confirmed(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    _, first = await place_with_payload(platform, workspace)
    await dial_job(platform)(first)
    call_id, payload = await place_with_payload(platform, workspace)
    platform.gateway.answers["dial"] = carrier_unavailable()
    with pytest.raises(JobFailed):
        await dial_job(platform)(payload)
    platform.gateway.found = [PlacedCall(f"CA-{platform.gateway.dialed[0].call_id}"), PlacedCall("CA-mine")]
    await dial_job(platform)(payload)
    assert (await platform.call_row(call_id))["carrier_call_id"] == "CA-mine"


@pytest.mark.parametrize("consented", [True, False])
async def test_carrier_records_only_calls_whose_agent_records(platform: CallPlatform, consented: bool) -> None:
    recording = {"enabled": True, "consent": "given_otherwise", "statement": "In the contract."} if consented else {}
    _, payload = await place_with_payload(platform, await platform.create_workspace(recording=recording))
    await dial_job(platform)(payload)
    assert platform.gateway.dialed[-1].record is consented


async def test_call_answered_before_the_dial_job_finished(platform: CallPlatform) -> None:
    call_id, payload = await place_with_payload(platform, await platform.create_workspace())
    platform.gateway.answers["dial"] = carrier_unavailable()
    with pytest.raises(JobFailed):
        await dial_job(platform)(payload)
    result = await platform.in_platform(
        lambda db: platform.admission.admit_answered(db, "twilio", "CA-webhook", call_id, later(1))
    )
    assert isinstance(result, AdmittedCall)
    await dial_job(platform)(payload)
    row = await platform.call_row(call_id)
    assert (row["status"], row["carrier_call_id"]) == ("in_progress", "CA-webhook")


async def test_call_that_waited_too_long_is_not_dialed(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await platform.place(workspace, CALLEE, at=later(-86_400 * 300))
    await dial_job(platform)(msgspec.json.encode(PlaceCallJob(call_id)))
    assert (await platform.call_row(call_id))["end_detail"] == "too_late"
    assert not platform.gateway.dialed


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ("UPDATE workspaces SET status = 'suspended' WHERE id = $1", "suspended"),
        ("UPDATE agents SET status = 'paused' WHERE workspace_id = $1", "agent_not_live"),
    ],
)
async def test_call_is_not_dialed_once_its_workspace_or_agent_is_stopped(
    platform: CallPlatform, change: str, detail: str
) -> None:
    """Calls may wait for minutes. Else the callee would pick up and hear a refusal."""
    workspace = await platform.create_workspace()
    call_id, payload = await place_with_payload(platform, workspace)
    await platform.in_platform(lambda db: db.execute(change, workspace.workspace_id))
    await dial_job(platform)(payload)
    row = await platform.call_row(call_id)
    assert (row["status"], row["end_detail"]) == ("canceled", detail)
    assert not platform.gateway.dialed


async def test_unreadable_payload_fails_permanently(platform: CallPlatform) -> None:
    with pytest.raises(JobFailed) as failed:
        await dial_job(platform)(b"{}")
    assert failed.value.is_permanent
