"""Transferred calls: they take a slot and minutes until the carrier reports their end."""

from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import pytest

from control.audit.service import mask_number
from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.carrier_reports.service import apply_status
from control.calls.events.service import parse_event, write_events
from control.calls.events.state_changes import apply_media_end
from control.calls.outbound import queries as outbound_queries
from control.calls.records import queries as records_queries
from control.calls.records.details import decode_details
from control.calls.records.refusals import RefusedCall
from control.calls.records.running_calls import AdmittedCall
from control.carriers.rules import PlacedCall
from control.db.pool import Connection
from shared.errors import Conflict, Invalid
from shared.events import CallEnded, CallUsage
from shared.ids import new_id
from tests.control.calls.call_platform import NOW, CallPlatform, LiveWorkspace, later
from tests.control.calls.consumed_events import encoded_event
from tests.control.calls.test_outbound import CALLEE, refusal_of


@pytest.mark.parametrize("direction", ["outbound", "inbound"])
async def test_transferred_call_counts_as_open(platform: CallPlatform, direction: str) -> None:
    workspace = await platform.create_workspace(tier="starter")  # five at once
    call_id, name = await transfer_call(platform, workspace, direction)
    for index in range(4):
        await platform.place(workspace, f"+1212555{index:04}", at=later(90))
    assert await refusal_of(platform, workspace, at=later(90)) == (Conflict, "call_limit")
    refused = await platform.ring(workspace, at=later(90))
    assert isinstance(refused, RefusedCall) and refused.reason == "over_limit"
    await report_end(platform, name, 1_060, duration_s=1_060)
    row = await platform.call_row(call_id)
    assert row["duration_seconds"] == 1_060
    transfer = decode_details(row["details"]).transfer
    assert transfer is not None and transfer.number == CALLEE
    assert isinstance(await platform.ring(workspace, at=later(1_061)), AdmittedCall)


async def test_transferred_call_counts_as_open_until_its_bound(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(tier="starter")
    await transfer_call(platform, workspace, "inbound")
    for index in range(4):
        await platform.place(workspace, f"+1212555{index:04}", at=later(3_600))
    assert await refusal_of(platform, workspace, at=later(3_719)) == (Conflict, "call_limit")
    await platform.place(workspace, CALLEE, at=later(3_721))


@pytest.mark.parametrize(("direction", "counted"), [("outbound", 1_060), ("inbound", 1_000)])
async def test_transfer_seconds_count_as_outbound_minutes(platform: CallPlatform, direction: str, counted: int) -> None:
    workspace = await platform.create_workspace()
    call_id, name = await transfer_call(platform, workspace, direction)

    async def seconds(at: float) -> int:
        placed = await platform.in_platform(
            lambda db: outbound_queries.count_usage(db, workspace.workspace_id, CALLEE, later(at))
        )
        return placed.seconds

    assert await seconds(560) == counted - 500, "a running transfer counts"
    await report_end(platform, name, 1_060, duration_s=1_060)
    assert await seconds(2_000) == counted
    assert call_id


async def test_transfer_to_our_own_number_is_refused(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    with pytest.raises(Invalid) as raised:
        await platform.in_workspace(
            workspace, lambda db: platform.outbound.require_transferable(db, workspace.workspace_id, workspace.number)
        )
    assert (raised.value.code, raised.value.param) == ("number_is_own", "number")
    assert (
        await platform.in_workspace(
            workspace, lambda db: platform.outbound.require_transferable(db, workspace.workspace_id, CALLEE)
        )
        == CALLEE
    )


async def test_where_an_agent_transferred_a_caller_is_audited_once(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call, plain = await platform.admit(workspace), await platform.admit(workspace)
    ended = CallEnded("completed", "transferred", "asked_for_person", 3_000, CallUsage(), CALLEE)
    for call_id, event in ((call.call_id, ended), (plain.call_id, msgspec.structs.replace(ended, transfer_to=""))):
        line = parse_event("1-0", encoded_event(call_id, 9, event))
        for _ in range(2):
            await platform.in_platform(partial(write_events, events=[line]))
    rows = await platform.in_platform(
        lambda db: db.fetch("SELECT * FROM audit_log WHERE action = 'call.transferred'"),
    )
    (entry,) = rows
    assert (entry["actor"], entry["resource_id"], entry["workspace_id"], entry["details"]) == (
        "system", str(call.call_id), workspace.workspace_id,
        {"after": {"number": mask_number(CALLEE)}, "reason": "asked_for_person"},
    )  # fmt: skip


async def transfer_call(platform: CallPlatform, workspace: LiveWorkspace, direction: str) -> tuple[UUID, str]:
    """Transfers a call after one minute of conversation from NOW on; returns its id and the carrier's."""
    name = f"CA-through-{new_id()}"
    if direction == "inbound":
        call_id = (await platform.admit(workspace, name)).call_id
    else:
        call_id = await platform.place(workspace, CALLEE)
        await platform.in_platform(lambda db: platform.placement.confirm(db, call_id, PlacedCall(name), NOW))

    async def transfer(db: Connection) -> None:
        await apply_status(db, CarrierStatus("twilio", name, "in_progress", NOW))
        state = (await records_queries.lock_states(db, [call_id]))[call_id]
        event = CallEnded("completed", "transferred", "", 60_000, CallUsage(call_ms=60_000), CALLEE)
        await records_queries.update_states(db, [apply_media_end(state, event, later(60))])

    await platform.in_platform(transfer)
    return call_id, name


async def report_end(platform: CallPlatform, name: str, seconds: float, **fields: Any) -> None:
    """The carrier reports the end."""
    carrier_status = CarrierStatus("twilio", name, "completed", later(seconds), **fields)
    await platform.in_platform(lambda db: apply_status(db, carrier_status))
