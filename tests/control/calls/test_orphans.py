"""Calls that are up at a carrier although their row is over are ended, and no others."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from control.calls.live.service import MediaAssignment
from control.calls.lost.service import MOST, OrphanSearch
from control.calls.records.running_calls import AdmittedCall
from control.carriers.rules import ActiveCall, CarrierName
from shared.bus.client import bus_client
from shared.bus.live import LiveCall, LiveCalls
from tests.control.calls.call_platform import (
    AUTHORITY,
    NOW,
    CallPlatform,
    FakeCarrier,
    carrier_refusal,
    carrier_unavailable,
    later,
)

MINUTES = 600


async def ended_by_duty(
    platform: CallPlatform, active: Sequence[ActiveCall], name: CarrierName = "telnyx", *, ends_unknown: bool = False
) -> list[str]:
    """Runs the duty half an hour later; the ids that were hung up, sorted."""
    carrier = FakeCarrier(name, active=list(active))
    search = OrphanSearch(platform.pool, platform.media_assignment, ends_unknown)
    assert await search.end_orphans([carrier], later(1_800)) == len(carrier.hung_up)
    return sorted(carrier.hung_up)


async def admitted(platform: CallPlatform, carrier_call_id: str) -> AdmittedCall:
    workspace = await platform.create_workspace(carrier="telnyx")
    call = await platform.ring(workspace, carrier_call_id, carrier="telnyx")
    assert isinstance(call, AdmittedCall)
    return call


async def end_row(
    platform: CallPlatform, call_id: UUID, *, reason: str | None = None, ended_s: float = 60, until_s: int | None = None
) -> None:
    transfer = {} if until_s is None else {"put_through": {"talked_s": 5, "until": later(until_s).isoformat()}}
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE calls SET status = 'completed', end_reason = $2, ended_at = $3, details = $4 WHERE id = $1",
            call_id, reason, later(ended_s), transfer,
        )
    )  # fmt: skip


async def test_call_whose_row_is_over_is_ended_by_any_of_its_ids(platform: CallPlatform) -> None:
    """By the carrier's id, by ours, and as the leg of a transfer."""
    call = await admitted(platform, "v3:over")
    await end_row(platform, call.call_id)
    active = [
        ActiveCall("v3:over", MINUTES),
        ActiveCall("v3:over-changed", MINUTES, call_id=str(call.call_id)),
        ActiveCall("v3:over-leg", MINUTES, transfer_of="v3:over"),
        ActiveCall("v3:over", 299),
    ]
    assert await ended_by_duty(platform, active) == ["v3:over", "v3:over-changed", "v3:over-leg"]


async def test_open_calls_are_left_alone(platform: CallPlatform) -> None:
    call = await admitted(platform, "v3:known")
    active = [
        ActiveCall("v3:known", MINUTES),
        ActiveCall("v3:changed", MINUTES, call_id=str(call.call_id)),
        ActiveCall("v3:leg", MINUTES, transfer_of="v3:known"),
    ]
    assert await ended_by_duty(platform, active, ends_unknown=True) == []


async def test_call_that_two_rows_name_is_left_alone_while_one_is_open(platform: CallPlatform) -> None:
    over, running = await admitted(platform, "v3:two-over"), await admitted(platform, "v3:two-open")
    await end_row(platform, over.call_id)
    assert await ended_by_duty(platform, [ActiveCall("v3:two-over", MINUTES, call_id=str(running.call_id))]) == []


async def test_call_that_no_row_names_is_left_to_its_owner(platform: CallPlatform) -> None:
    """Another installation on the same application, or a database that was restored from a backup."""
    strangers = [
        ActiveCall("v3:none", MINUTES),
        ActiveCall("v3:gone", MINUTES, call_id=str(uuid4())),
        ActiveCall("v3:leg-none", MINUTES, transfer_of="v3:none"),
        ActiveCall("v3:foreign", MINUTES, call_id="not one of our ids"),
    ]
    assert await ended_by_duty(platform, strangers) == []
    ended = await ended_by_duty(platform, strangers, ends_unknown=True)
    assert ended == ["v3:foreign", "v3:gone", "v3:leg-none", "v3:none"]


@pytest.mark.parametrize("ends_unknown", [False, True])
async def test_call_that_a_node_reports_is_left_alone(platform: CallPlatform, ends_unknown: bool) -> None:
    """A row may be over, or be gone, while the conversation goes on."""
    call, gone = await admitted(platform, f"v3:live-{ends_unknown}"), uuid4()
    await end_row(platform, call.call_id)
    await LiveCalls(platform.redis).refresh([LiveCall(str(one), "node-1", 0) for one in (call.call_id, gone)])
    active = [ActiveCall(call.carrier_call_id, MINUTES), ActiveCall("v3:restored", MINUTES, call_id=str(gone))]
    assert await ended_by_duty(platform, active, ends_unknown=ends_unknown) == []


async def test_without_redis_none_is_ended(platform: CallPlatform) -> None:
    call = await admitted(platform, "v3:no-redis")
    await end_row(platform, call.call_id)
    carrier = FakeCarrier("telnyx", active=[ActiveCall("v3:no-redis", MINUTES)])
    redis = bus_client("redis://127.0.0.1:1/0", 0.2)
    search = OrphanSearch(platform.pool, MediaAssignment(redis, AUTHORITY))
    assert await search.end_orphans([carrier], later(1_800)) == 0
    assert carrier.hung_up == []


@pytest.mark.parametrize(
    ("reason", "ended_s", "until_s", "is_ended"),
    [("agent_hangup", 1_000, None, True), (None, 1_000, None, True), ("agent_hangup", 1_600, None, False),
     ("transferred", 60, 3_600, False), ("transferred", 60, 1_600, False), ("transferred", 60, 1_400, True),
     ("transferred", 60, None, True)],
)  # fmt: skip
async def test_call_that_is_over_is_ended_unless_it_was_transferred(
    platform: CallPlatform, reason: str | None, ended_s: int, until_s: int | None, is_ended: bool
) -> None:
    name = f"v3:over-{reason}-{ended_s}-{until_s}"
    call = await admitted(platform, name)
    await end_row(platform, call.call_id, reason=reason, ended_s=ended_s, until_s=until_s)
    assert await ended_by_duty(platform, [ActiveCall(name, MINUTES)]) == [name] * is_ended


async def test_unknown_calls_of_strangers_numbers_are_never_ended(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    active = [
        ActiveCall("CA-ours", MINUTES, number=workspace.number),
        ActiveCall("CA-theirs", MINUTES, number="+14155559999"),
    ]
    assert await ended_by_duty(platform, active, "twilio") == []
    assert await ended_by_duty(platform, active, "twilio", ends_unknown=True) == ["CA-ours"]


async def test_silent_carrier_is_asked_again_and_a_run_is_bounded(platform: CallPlatform) -> None:
    silent, refusing = FakeCarrier("twilio"), FakeCarrier("telnyx", active=[ActiveCall("v3:x", MINUTES)])
    silent.answers["list_active_calls"] = carrier_unavailable()
    refusing.answers["hang_up"] = carrier_refusal()
    many = FakeCarrier("telnyx", active=[ActiveCall(f"v3:many{number}", MINUTES) for number in range(MOST + 5)])
    search = OrphanSearch(platform.pool, platform.media_assignment, ends_unknown=True)
    assert await search.end_orphans([silent, refusing, many], NOW + timedelta(hours=1)) == MOST
    assert len(many.hung_up) == MOST
    # Those whose turn did not come have one in a later run, although the others are still up.
    for _ in range(20):
        await search.end_orphans([many], NOW + timedelta(hours=1))
    assert set(many.hung_up) == {call.carrier_call_id for call in many.active}
