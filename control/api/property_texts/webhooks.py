"""Properties of webhook endpoints, deliveries and events."""

from typing import Final

from control.http.api_reference import PropertyText as Text

_WHEN: Final = "2026-11-26T09:30:00Z"

WEBHOOKS: Final = {
    "webhook_endpoint_id": Text("Id of the webhook endpoint."),
    "webhook_delivery_id": Text("Id of the delivery."),
    "webhook_secret": Text(
        "The secret that signs, shown only now: whsec_ and a key in base64.",
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    ),
    "webhook_endpoints": Text("The endpoints, the oldest first."),
    "webhook_deliveries": Text("The deliveries, newest first."),
    "webhook_endpoint": Text("The endpoint, without its secret."),
    "webhook_delivery": Text("The delivery."),
    "WebhookEndpointView.url": Text("Where events are posted.", "https://example.com/hooks/vocalized"),
    "WebhookEndpointView.description": Text("For people.", "Help desk"),
    "event_types": Text("Types that are sent; null: all.", ["call.ended", "message.taken"]),
    "is_enabled": Text("Whether events are sent, and stored for it."),
    "disabled_reason": Text(
        "Why the platform disabled it: failing (for five days) or gone (it answered 410); null: it did not.", "failing"
    ),
    "failing_since": Text(
        "When the first attempt failed after the last success; null: the last attempt was accepted.", _WHEN
    ),
    "old_secret_until": Text(
        "Until when the secret before the current one signs, too; null: there was none, or it was revoked.", _WHEN
    ),
    "WebhookDeliveryRow.status": Text("pending, delivered, or failed for good.", "delivered"),
    "WebhookDeliveryRow.attempts": Text("Requests so far.", 1),
    "WebhookDeliveryRow.due_at": Text("When the next attempt is made, while it is pending.", _WHEN),
    "WebhookDeliveryRow.expires_at": Text("When it fails for good.", _WHEN),
    "WebhookDeliveryRow.finished_at": Text("When it was delivered, or failed for good; null: it is pending.", _WHEN),
    "AgentEventData.status": Text("draft, live or paused.", "live"),
    "analysis_status": Text("done, failed or skipped.", "done"),
    "appointment_id": Text("Id of the appointment."),
    "AppointmentEventData.starts_at": Text("When it begins (UTC).", _WHEN),
    "AppointmentEventData.ends_at": Text("When it ends (UTC).", "2026-11-26T10:00:00Z"),
    "message_id": Text("Id of the message."),
    "RecordingEventData.seconds": Text("Its length in seconds; null where it is not known.", 184.2),
    "MessageEventData.agent_id": Text("Id of the agent."),
    "WebhookAttemptView.started_at": Text("When it began (UTC).", _WHEN),
    "AgentEventData.agent_id": Text("Id of the agent."),
    "CallEventData.started_at": Text("When it was dialled or rang; null before.", _WHEN),
    "InvoiceEventData.number": Text("Its number; null until it is issued.", "2026-000042"),
    "InvoiceEventData.status": Text("pending, paid, overdue, void or uncollectible.", "paid"),
    "InvoiceEventData.amount": Text("With taxes.", 118.5),
    "SpendingLimitEventData.usage_limit": Text("What may be spent in the period.", 500),
    "SpendingLimitEventData.spent": Text(
        "What calls that are over have cost in it; those that run still may take the rest.", 412.5
    ),
    "event_id": Text("Id of the event, which is the header webhook-id."),
    "object_id": Text("Id of what the event is about: its call, message, agent and so on."),
    "sequence": Text("Higher than that of each earlier event of the same object.", 1_795_683_600_123_456),
    "occurred_at": Text("When it happened (UTC).", _WHEN),
    "api_version": Text("Version of the data.", "2026-11-26"),
    "WebhookDeliveryAnswer.data": Text("The event's data.", {"call_id": "01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b60"}),
    "WebhookDeliveryAnswer.attempts": Text("The latest 100 attempts, the latest first."),
    "WebhookAttemptView.number": Text("Counted from 1.", 1),
    "WebhookAttemptView.took_ms": Text("Milliseconds until it was over.", 84),
    "status_code": Text("HTTP status; null: there was no answer.", 204),
    "WebhookAttemptView.error": Text(
        "Why the event does not count as delivered; null: it does.", "there was no answer within 10 s"
    ),
    "WebhookAttemptView.answer": Text("The first 500 characters of the answer's body.", "ok"),
    "WebhookDeliveryRow.event_type": Text("Type of the event.", "call.ended"),
    "replayed": Text("How many deliveries are sent again.", 3),
}
