"""What is reported when: by the real services, as the receiver gets it, and as the OpenAPI document says."""

from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import ANY
from uuid import UUID

import pytest

from control.agents.rules import AgentEdit
from control.agents.service import Agents
from control.billing.invoices.queries import select_invoice
from control.billing.invoices.service import store_state
from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.carrier_reports.service import apply_status
from control.calls.events.service import parse_event, write_events
from control.calls.transfers.service import lead_back
from control.db.pool import Connection
from control.integrations.bookings.service import AppointmentOutcome, finish_appointment
from control.integrations.caller_records.rules import Appointment
from control.outbound_webhooks.service import delete_spoken_events
from shared.events import CallEnded, CallerOptedOut, CallUsage, Event, RecordingReady
from shared.ids import new_id
from shared.recording_keys import recordings_prefix
from tests.control.calls.call_platform import NOW, later
from tests.control.calls.consumed_events import encoded_event
from tests.control.messages.message_call import MessageTaking
from tests.control.outbound_webhooks.reported_bodies import reported
from tests.control.outbound_webhooks.webhook_workspace import WebhookDesk

CALLEE = "+12125550123"


async def carrier(desk: WebhookDesk, name: str, status: Any, seconds: float, **fields: Any) -> None:
    report = CarrierStatus("twilio", name, status, later(seconds), **fields)
    await desk.platform.in_platform(lambda db: apply_status(db, report))


async def media(desk: WebhookDesk, call_id: UUID, seq: int, event: Event, at: float) -> None:
    line = encoded_event(call_id, seq, event, at)
    await desk.platform.in_platform(partial(write_events, events=[parse_event("1-0", line)]))


async def test_life_of_a_call(desk: WebhookDesk) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")
    name = f"CA{new_id()}"
    call_id = (await desk.platform.admit(desk.workspace, name)).call_id
    for _ in range(2):  # carriers repeat their reports
        await carrier(desk, name, "in_progress", 2)
    for seq in (1, 2):
        await media(desk, call_id, seq, CallerOptedOut(9_000, "words"), 11 + seq)
    key = f"{recordings_prefix(desk.workspace.workspace_id)}{call_id}.wav"
    await media(desk, call_id, 3, RecordingReady(key, 30_000), 31)
    await media(desk, call_id, 9, CallEnded("completed", "transferred", "", 60_000, CallUsage(), CALLEE), 60)
    took = await desk.platform.in_platform(lambda db: lead_back(db, "twilio", name, "busy", later(70), target="CA-leg"))
    assert took is not None
    await carrier(desk, name, "completed", 90, duration_s=88)
    bodies = await reported(desk, endpoint)
    assert [body["type"] for body in bodies] == [
        "call.started", "caller.opted_out", "recording.ready", "transfer.started", "call.ended", "transfer.failed",
        "call.ended",
    ]  # fmt: skip
    assert {body["object_id"] for body in bodies} == {str(call_id)}
    assert (bodies[0]["data"]["status"], bodies[0]["data"]["answered_at"]) == ("in_progress", "2026-11-25T12:00:02Z")
    assert bodies[-1]["data"]["duration_seconds"] == 88
    assert bodies[1]["data"] == {"call_id": str(call_id), "agent_id": ANY, "opted_out_by": "words"}
    assert bodies[5]["data"]["failure"] == "busy"
    assert "+1415" not in str(bodies) and CALLEE not in str(bodies)


async def test_message_is_reported_redacted_once_and_deleted_with_its_caller_or_its_words(desk: WebhookDesk) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/", "message.taken", "call.started")
    await desk.platform.in_platform(
        lambda db: db.execute(
            "UPDATE workspaces SET settings = settings || $2 WHERE id = $1",
            desk.workspace.workspace_id, {"redaction": ["card_number"]},
        )
    )  # fmt: skip
    name = f"CA{new_id()}"
    taking = MessageTaking(desk.platform, desk.workspace, await desk.platform.admit(desk.workspace, name))
    await carrier(desk, name, "in_progress", 2)
    for _ in range(2):
        await taking.leave("My card is 4111 1111 1111 1111, call me.", caller_name="Zoe")
    started, message = await reported(desk, endpoint)
    assert message["data"]["caller_name"] == "Zoe" and "4111" not in message["data"]["text"]
    workspace_id, call_id = desk.workspace.workspace_id, taking.call.call_id
    await desk.platform.in_platform(lambda db: delete_spoken_events(db, workspace_id, [call_id]))
    assert await reported(desk, endpoint) == [started]
    assert await desk.row("SELECT count(*) FROM outbound_webhook_events WHERE id = $1", UUID(message["id"])) == 0


async def test_changes_of_an_agent(desk: WebhookDesk) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")
    agents, owner = desk.platform.services[Agents], desk.workspace
    here = (owner.workspace_id, owner.actor, owner.agent_id)
    for edit in (AgentEdit(config={"greeting": "Hi."}), AgentEdit(config={"greeting": "Hi."})):  # the second is none
        await desk.platform.in_workspace(owner, lambda db, edit=edit: agents.update(db, *here, edit, NOW))  # type: ignore[misc]
    await desk.platform.in_workspace(owner, lambda db: agents.pause(db, *here, NOW))
    await desk.platform.in_workspace(owner, lambda db: agents.delete(db, *here, NOW))
    bodies = await reported(desk, endpoint)
    assert [(body["type"], body["data"]["status"], body["data"]["version"]) for body in bodies] == [
        ("agent.updated", "live", 2), ("agent.updated", "paused", 2), ("agent.deleted", "paused", 2),
    ]  # fmt: skip


async def test_appointment_is_reported_once_however_often_its_end_is_stored(desk: WebhookDesk) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")
    appointment = Appointment(
        id=UUID(new_id()),
        integration_id=UUID(new_id()),
        external_id=None,
        status="booking",
        title="Ann",
        starts_at=NOW,
        ends_at=NOW + timedelta(minutes=30),
        reference="12345678",
        moves=None,
        phone=CALLEE,
    )
    call_id = UUID(new_id())
    for status in ("failed", "booked", "booked"):
        outcome = AppointmentOutcome(desk.workspace.workspace_id, call_id, appointment, status, "x")
        await desk.platform.in_workspace(
            desk.workspace,
            lambda db, outcome=outcome: finish_appointment(db, outcome, NOW),  # type: ignore[misc]
        )
    (body,) = await reported(desk, endpoint)
    assert (body["type"], body["object_id"]) == ("appointment.booked", str(appointment.id))
    assert "Ann" not in str(body) and CALLEE not in str(body)


@pytest.mark.parametrize(("status", "is_told"), [("draft", False), ("pending", True), ("paid", True)])
async def test_invoice_is_reported_once_it_is_issued(desk: WebhookDesk, status: str, is_told: bool) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")
    invoice_id = UUID(new_id())

    async def change(db: Connection) -> None:
        await db.execute(
            "INSERT INTO invoices (id, workspace_id, amount, subtotal, tax, status, period_start, period_end,"
            " customer_name, timezone, issued_at) VALUES ($1, $2, 118.50, 118.50, 0, $3, now(), now(), 'W', 'UTC',"
            " now())",
            invoice_id, desk.workspace.workspace_id, status,
        )  # fmt: skip
        invoice = await select_invoice(db, invoice_id, lock=True)
        assert invoice is not None
        await store_state(db, invoice)

    await desk.platform.in_platform(change)
    bodies = await reported(desk, endpoint)
    assert [(body["data"]["status"], body["data"]["amount"]) for body in bodies] == [(status, 118.5)] * is_told
