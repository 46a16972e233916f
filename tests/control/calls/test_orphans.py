"""Calls that are up at a carrier and that no row knows are ended, and no others."""

from datetime import timedelta
from uuid import uuid4

import pytest

from control.calls.model import AdmittedCall
from control.calls.orphans import MOST, end_orphans
from control.carriers.model import ActiveCall, CarrierName
from tests.control.calls.call_platform import (
    NOW,
    CallPlatform,
    FakeCarrier,
    carrier_refusal,
    carrier_unavailable,
    later,
)

MINUTES = 600


async def ended_by_duty(platform: CallPlatform, active: list[ActiveCall], name: CarrierName = "telnyx") -> list[str]:
    """Runs the duty half an hour later; the ids that were hung up."""
    carrier = FakeCarrier(name, active=active)
    assert await end_orphans(platform.pool, [carrier], later(1_800)) == len(carrier.hung_up)
    return carrier.hung_up


async def admitted(platform: CallPlatform, carrier_call_id: str) -> AdmittedCall:
    workspace = await platform.create_workspace(carrier="telnyx")
    call = await platform.ring(workspace, carrier_call_id, carrier="telnyx")
    assert isinstance(call, AdmittedCall)
    return call


async def test_call_that_no_row_knows_is_ended(platform: CallPlatform) -> None:
    young = ActiveCall("v3:young", 119)
    strangers = [ActiveCall("v3:none", MINUTES), ActiveCall("v3:gone", MINUTES, call_id=str(uuid4()))]
    other_leg = ActiveCall("v3:leg", MINUTES, transfer_of="v3:none")
    assert await ended_by_duty(platform, [young, *strangers, other_leg]) == ["v3:none", "v3:gone", "v3:leg"]


async def test_known_calls_are_left_alone(platform: CallPlatform) -> None:
    """By the carrier's id, by ours, and as the leg of a transfer."""
    call = await admitted(platform, "v3:known")
    active = [
        ActiveCall("v3:known", MINUTES),
        ActiveCall("v3:changed", MINUTES, call_id=str(call.call_id)),
        ActiveCall("v3:leg", MINUTES, transfer_of="v3:known"),
    ]
    assert await ended_by_duty(platform, active) == []


@pytest.mark.parametrize(
    ("reason", "ended_s", "until_s", "is_ended"),
    [("agent_hangup", 1_000, None, True), ("agent_hangup", 1_700, None, False),
     ("transferred", 60, 3_600, False), ("transferred", 60, 1_700, True)],
)  # fmt: skip
async def test_call_that_is_over_is_ended_unless_it_was_transferred(
    platform: CallPlatform, reason: str, ended_s: int, until_s: int | None, is_ended: bool
) -> None:
    name = f"v3:over-{reason}-{ended_s}-{until_s}"
    call = await admitted(platform, name)
    transfer = {} if until_s is None else {"put_through": {"talked_s": 5, "until": later(until_s).isoformat()}}
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE calls SET status = 'completed', end_reason = $2, ended_at = $3, details = $4 WHERE id = $1",
            call.call_id, reason, later(ended_s), transfer,
        )
    )  # fmt: skip
    assert await ended_by_duty(platform, [ActiveCall(name, MINUTES)]) == [name] * is_ended


async def test_only_calls_of_our_numbers_are_looked_at_in_a_shared_account(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    active = [
        ActiveCall("CA-ours", MINUTES, number=workspace.number),
        ActiveCall("CA-theirs", MINUTES, number="+14155559999"),
    ]
    assert await ended_by_duty(platform, active, "twilio") == ["CA-ours"]


async def test_silent_carrier_is_asked_again_and_a_run_is_bounded(platform: CallPlatform) -> None:
    silent, refusing = FakeCarrier("twilio"), FakeCarrier("telnyx", active=[ActiveCall("v3:x", MINUTES)])
    silent.answers["list_active_calls"] = carrier_unavailable()
    refusing.answers["hang_up"] = carrier_refusal()
    many = FakeCarrier("telnyx", active=[ActiveCall(f"v3:many{number}", MINUTES) for number in range(MOST + 5)])
    assert await end_orphans(platform.pool, [silent, refusing, many], NOW + timedelta(hours=1)) == MOST
    assert len(many.hung_up) == MOST
