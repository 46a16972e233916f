"""Parses Telnyx's signed events (docs: voice/programmable-voice/voice-api-webhooks) and converts them to our types."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.live.service import StreamEndedJob
from control.calls.recordings.rules import CarrierRecording
from control.calls.records.callers import Attestation, IncomingCall
from control.calls.records.details import LEG_COST
from control.carriers.telnyx_forms import INBOUND, TARGET, TRANSFER, client_state, read_client_state
from control.inbound_webhooks.queries import EventKey, StoredEvent
from control.inbound_webhooks.source import non_empty, parse_uuid, plausible_time
from shared.errors import Malformed
from shared.events import CallStatus, EndReason, TransferFailure

# Event types that have an effect. Others are answered but not stored: a pressed key may be a digit of a payment card.
HANDLED_TYPES: Final = frozenset(
    {
        "call.initiated", "call.answered", "call.bridged", "call.hangup", "call.cost", "call.recording.saved",
        "call.recording.error", "call.speak.ended", "call.machine.detection.ended",
        "call.machine.premium.detection.ended", "call.machine.greeting.ended", "call.machine.premium.greeting.ended",
        "call.gather.ended", "call.transcription", "streaming.stopped", "streaming.failed",
    }
)  # fmt: skip
# Some events arrive with underscores in their names (`call_initiated`).
_TYPES_BY_WORDS: Final = {name.replace(".", "_"): name for name in HANDLED_TYPES}
# Payload fields that are stored. `digits` come only from targets that were asked to accept a call. Presigned URLs, the
# stream's URL (which contains a ticket), headers and free texts are left out.
STORED_FIELDS: Final = frozenset(
    {
        "call_control_id", "call_leg_id", "call_session_id", "connection_id", "client_state", "from", "to", "direction",
        "state", "start_time", "hangup_cause", "hangup_source", "sip_hangup_cause", "result", "recording_id",
        "channels", "recording_started_at", "recording_ended_at", "failure_reason", "stream_id", "stream_type",
        "total_cost", "cost_parts", "status", "reason", "shaken_stir_attestation",
        "shaken_stir_validated", "digits",
    }
)  # fmt: skip
_MAX_TEXT_LENGTH: Final = 500
_ATTESTATIONS: Final[Mapping[str, Attestation]] = {"A": "A", "B": "B", "C": "C"}
# hangup_cause of call.hangup. An unanswered call has "timeout" (docs: voice-api-webhooks).
_STATUS_BY_CAUSE: Final[Mapping[str, CallStatus]] = {
    "normal_clearing": "completed",
    "time_limit": "completed",
    "originator_cancel": "canceled",
    "timeout": "no_answer",
    "no_answer": "no_answer",
    "user_busy": "busy",
    "call_rejected": "failed",
    "not_found": "failed",
    "unspecified": "failed",
}
_FAILURES: Final[Mapping[str, TransferFailure]] = {
    "user_busy": "busy",
    "timeout": "no_answer",
    "no_answer": "no_answer",
    "call_rejected": "refused",
    "normal_clearing": "refused",
}
_ANSWERED_BY_RESULT: Final[Mapping[str, Literal["human", "machine", "fax", "unknown"]]] = {
    "human": "human",
    "human_residence": "human",
    "human_business": "human",
    "machine": "machine",
    "fax_detected": "fax",
}


@dataclass(frozen=True, slots=True)
class TelnyxEvent:
    """An event of Telnyx.

    Attributes:
        id: The same for each delivery of the event.
        call_id: Our id of a call that we placed or answered, from its client_state.
        transfer_of: The call_control_id of the transferred call if this is a transfer leg. Such a leg is not a call of
            ours.
        target_of: Our id of the warm transfer whose target this leg was called for.
        payload: The complete payload as Telnyx sent it.
        is_placed: Whether we placed the call.
    """

    id: str
    type: str
    occurred_at: datetime
    call_id: UUID | None
    transfer_of: str
    payload: Mapping[str, Any]
    is_placed: bool = False
    target_of: UUID | None = None

    def __getitem__(self, name: str) -> str:
        """Return a text of the payload, cut to 500 characters. Empty if it is missing or not a text."""
        value = self.payload.get(name)
        return value[:_MAX_TEXT_LENGTH].replace("\0", "") if isinstance(value, str) else ""

    @property
    def key(self) -> EventKey:
        """The primary key of webhook_events."""
        return EventKey("telnyx", self.id)

    @property
    def call_control_id(self) -> str:
        """Telnyx's id of the call."""
        return self["call_control_id"]

    @property
    def caller_leg(self) -> str:
        """Telnyx's id of our call. For a transfer leg, the id of the transferred call."""
        return self.transfer_of or self.call_control_id

    @property
    def words(self) -> str:
        """The words in `call.transcription`. Empty for an interim result. Words are not stored, so a retry has none."""
        data = self.payload.get("transcription_data")
        said = data.get("transcript") if isinstance(data, dict) and data.get("is_final") is not False else None
        return said if isinstance(said, str) else ""

    @property
    def names_call(self) -> bool:
        """Whether the event identifies its call. call.recording.saved may name the leg instead of the call."""
        by_leg = self.type == "call.recording.saved" and self["call_leg_id"]
        return bool(self.call_control_id or by_leg)

    @property
    def is_outbound(self) -> bool:
        """Whether we placed the call."""
        return self.is_placed or self["direction"] == "outgoing"

    @property
    def session_id(self) -> str:
        """Telnyx's id of the call with all its legs. It stays the same if the call_control_id changes."""
        return self["call_session_id"]

    def command_id(self, command: str) -> str:
        """Return an id that is the same for each attempt of a command. Telnyx ignores a repeat within 60 s (docs:
        command-retries).
        """
        return str(uuid5(NAMESPACE_URL, f"{self.id}:{command}"))


def parse_event(body: bytes, call: str, now: datetime) -> TelnyxEvent:
    """Parse an event. Raises Malformed.

    Args:
        call: Our id of the call from the URL's query, or empty.
    """
    try:
        document = msgspec.json.decode(body)
        data = document["data"]
        payload = data["payload"] if data.get("payload") is not None else {}
        event_id, event_type = data["id"], data["event_type"]
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError, AttributeError):
        raise Malformed("This is not an event of Telnyx.") from None
    if not (isinstance(payload, dict) and isinstance(event_id, str) and isinstance(event_type, str) and event_id):
        raise Malformed("This is not an event of Telnyx.")
    occurred_at = _parse_time(data.get("occurred_at"), now)
    event_type = _TYPES_BY_WORDS.get(event_type.replace(".", "_"), event_type)
    return _event(_identity(event_id, event_type, payload), event_type[:100], occurred_at, payload, call)


def to_stored_event(event: TelnyxEvent) -> StoredEvent:
    """Convert the event to a row of webhook_events, with only the fields of STORED_FIELDS."""
    fields = {name: _without_nul(value) for name, value in event.payload.items() if name in STORED_FIELDS}
    data = {"id": event.id, "event_type": event.type, "occurred_at": event.occurred_at.isoformat(), "payload": fields}
    return StoredEvent("telnyx", event.id, event.type, {"data": data, "call": str(event.call_id or "")})


def from_stored_payload(payload: Mapping[str, Any], now: datetime) -> TelnyxEvent:
    """Convert the payload of a row of webhook_events to an event.

    Args:
        now: Replaces an implausible time.
    """
    data = payload["data"]
    occurred_at = _parse_time(data["occurred_at"], now)
    return _event(data["id"], data["event_type"], occurred_at, data["payload"], payload["call"])


def incoming_call(event: TelnyxEvent) -> IncomingCall:
    """Return the call of an event for an inbound call."""
    attestation = _ATTESTATIONS.get(event["shaken_stir_attestation"])
    if event.payload.get("shaken_stir_validated") is False and attestation is not None:
        attestation = "failed"
    return IncomingCall("telnyx", event.call_control_id, event["from"], event["to"], attestation)


def status_change(event: TelnyxEvent, status: CallStatus) -> CarrierStatus:
    """Return the call's status as of this event."""
    return _carrier_status(event, status, facts={"status": event.type})


def hangup_status(event: TelnyxEvent) -> CarrierStatus:
    """Return the status of the ended call, with its cause."""
    cause = event["hangup_cause"]
    status = _STATUS_BY_CAUSE.get(cause, "failed")
    facts = non_empty(status=event.type, cause=cause, source=event["hangup_source"], sip=event["sip_hangup_cause"])
    return _carrier_status(event, status, end_reason=_end_reason(event, cause, status), facts=facts)


def machine_status(event: TelnyxEvent) -> CarrierStatus:
    """Return the result of answering-machine detection."""
    result = event["result"]
    answered_by = _ANSWERED_BY_RESULT.get(result, "unknown")
    return _carrier_status(event, None, answered_by=answered_by, facts={"answered_by": result})


def greeting_status(event: TelnyxEvent) -> CarrierStatus:
    """Return the end of a machine's greeting, with or without a beep (docs: answering-machine-detection,
    greeting.ended).
    """
    return _carrier_status(event, None, answered_by="machine", greeting_ended=True, facts={"greeting": event["result"]})


def facts_only(event: TelnyxEvent, **facts: Any) -> CarrierStatus:
    """Return facts to store without a change of the call's status."""
    return _carrier_status(event, None, facts=facts)


def transfer_leg_status(event: TelnyxEvent, *, is_reached: bool) -> CarrierStatus:
    """Return a fact about the transferred call: it has a transfer leg, which was answered if `is_reached`."""
    leg = event.call_control_id
    facts = {"transfer_called": leg} | ({"transfer_leg": leg} if is_reached else {})
    return CarrierStatus("telnyx", event.transfer_of, None, event.occurred_at, facts=facts)


def transfer_leg_cost(event: TelnyxEvent) -> CarrierStatus:
    """Return a fact about the transferred call: the cost of its transfer leg, whether it was reached or not."""
    leg = event["call_leg_id"] or event.call_control_id
    facts = {f"{LEG_COST}{leg}": {"total": event["total_cost"]}}
    return CarrierStatus("telnyx", event.transfer_of, None, event.occurred_at, facts=facts)


def transfer_failure(event: TelnyxEvent) -> TransferFailure:
    """Return why an unanswered transfer leg ended.

    If the target declines, the cause is normal_clearing (reported by users of Telnyx) or call_rejected.
    """
    return _FAILURES.get(event["hangup_cause"], "failed")


def recording(event: TelnyxEvent, call_control_id: str) -> CarrierRecording | None:
    """Return the recording, or None if the event has neither a URL nor an id.

    The SDK's type of this event has no recording_id. Without an id, the recording is looked up by its leg.

    Args:
        call_control_id: Id of the call, because the event may lack it.
    """
    urls = event.payload.get("recording_urls")
    found = {kind: url for kind, url in urls.items() if isinstance(url, str)} if isinstance(urls, dict) else {}
    # A URL is valid for ten minutes (docs: voice-api-webhooks). The id stays valid, but some payloads lack it.
    location = found.get("wav") or found.get("mp3") or event["recording_id"]
    leg_id = event["call_leg_id"]
    if not (location or leg_id) or not (call_control_id or event.call_id):
        return None
    return CarrierRecording(
        carrier="telnyx",
        carrier_call_id=call_control_id,
        recording_id=event["recording_id"],
        url=location,
        duration_s=_seconds_between(event["recording_started_at"], event["recording_ended_at"]),
        call_id=event.call_id,
        leg_id=leg_id,
        session_id=event.session_id,
    )


def _carrier_status(event: TelnyxEvent, status: CallStatus | None, **fields: Any) -> CarrierStatus:
    facts = non_empty(session=event.session_id) | dict(fields.pop("facts", None) or {})
    return CarrierStatus(
        "telnyx",
        event.call_control_id,
        status,
        event.occurred_at,
        call_id=event.call_id,
        session_id=event.session_id,
        facts=facts,
        **fields,
    )


def _identity(event_id: str, event_type: str, payload: Mapping[str, Any]) -> str:
    """Return the event's identity.

    The end of a stream may arrive in two events (failed, then stopped). They count as one event, identified by the
    stream's unique URL.
    """
    if event_type not in ("streaming.stopped", "streaming.failed"):
        return event_id[:_MAX_TEXT_LENGTH]
    params = payload.get("stream_params")
    url = payload.get("stream_url") or (params.get("stream_url") if isinstance(params, dict) else None)
    return stream_key(url) if isinstance(url, str) and url else event_id[:_MAX_TEXT_LENGTH]


def stream_key(url: str) -> str:
    """Return the identity of a stream: a hash of its URL. The URL itself contains a ticket."""
    return f"stream:{sha256(url.encode('utf-8', 'replace')).hexdigest()[:40]}"


def stream_end(job: StreamEndedJob, at: datetime) -> TelnyxEvent:
    """Return the end of a stream as an event of Telnyx, with all fields that identify the call."""
    state = client_state(f"{INBOUND}{job.call_id}")
    payload = {"call_control_id": job.carrier_call_id, "call_session_id": job.session_id, "client_state": state}
    return _event(job.stream_id, "streaming.stopped", at, payload, "")


def _event(event_id: str, event_type: str, occurred_at: datetime, payload: Mapping[str, Any], call: str) -> TelnyxEvent:
    state = read_client_state(payload.get("client_state"))
    if state.startswith(TRANSFER):
        return TelnyxEvent(event_id, event_type, occurred_at, None, state.removeprefix(TRANSFER), payload)
    if state.startswith(TARGET):
        transfer_id = parse_uuid(state.removeprefix(TARGET))
        return TelnyxEvent(event_id, event_type, occurred_at, None, "", payload, target_of=transfer_id)
    if state.startswith(INBOUND):
        call_id = parse_uuid(state.removeprefix(INBOUND))
        return TelnyxEvent(event_id, event_type, occurred_at, call_id, "", payload)
    # Other legs of the call inherit its webhook URL but not its client_state, so the state takes precedence.
    own_call_id = state if "client_state" in payload else call
    placed_id = parse_uuid(own_call_id)
    return TelnyxEvent(event_id, event_type, occurred_at, placed_id, "", payload, is_placed=placed_id is not None)


def _end_reason(event: TelnyxEvent, cause: str, status: CallStatus) -> EndReason | None:
    if cause == "time_limit":
        return "max_duration"
    if status == "failed":
        return "carrier_error"
    remote_party = "callee" if event.is_outbound else "caller"
    return "caller_hangup" if status == "completed" and event["hangup_source"] == remote_party else None


def _parse_time(text: object, now: datetime) -> datetime:
    """Return the time. Return `now` if the text is missing, malformed or implausible.

    Args:
        text: ISO 8601.
    """
    try:
        return plausible_time(datetime.fromisoformat(text), now) if isinstance(text, str) else now
    except ValueError:
        return now


def _without_nul(value: Any) -> Any:
    """Remove NUL characters, which PostgreSQL's text type cannot store."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    return {name: _without_nul(item) for name, item in value.items()} if isinstance(value, dict) else value


def _seconds_between(start: str, end: str) -> int | None:
    try:
        return max(0, round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()))
    except (ValueError, TypeError):
        return None
