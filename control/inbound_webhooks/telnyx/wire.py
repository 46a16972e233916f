"""Telnyx's signed events (docs: voice/programmable-voice/voice-api-webhooks), parsed and converted to our types."""

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

# Types that have an effect. Others are answered and not stored: a pressed key may be a digit of a payment card.
HANDLED_TYPES: Final = frozenset(
    {
        "call.initiated", "call.answered", "call.bridged", "call.hangup", "call.cost", "call.recording.saved",
        "call.recording.error", "call.speak.ended", "call.machine.detection.ended",
        "call.machine.premium.detection.ended", "call.machine.greeting.ended", "call.machine.premium.greeting.ended",
        "call.gather.ended", "call.transcription", "streaming.stopped", "streaming.failed",
    }
)  # fmt: skip
# Events have been seen with underscores in their names (`call_initiated`).
_TYPES_BY_WORDS: Final = {name.replace(".", "_"): name for name in HANDLED_TYPES}
# Payload fields that are stored; digits are those of targets that were asked to accept a call. Left out: presigned
# URLs, the stream's URL (it holds a ticket), headers, free texts.
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
    """One event.

    Attributes:
        id: The same for every delivery of it.
        call_id: Ours, of a call that we placed or answered, as its client_state has it.
        transfer_of: The call_control_id of the call for whose transfer this leg was called; such a leg is no call of
            ours.
        target_of: Our id of the warm transfer for which this leg was called.
        payload: Whole, as Telnyx sent it.
        is_placed: We placed the call.
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
        """Return a text of the payload, cut to 500 characters; empty if it is missing or not a text."""
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
        """Telnyx's id of the call of ours: for the leg of a transfer's target, that of the transferred call."""
        return self.transfer_of or self.call_control_id

    @property
    def words(self) -> str:
        """What was said, by `call.transcription`; empty for an interim result. Not stored, so that a retry has none."""
        data = self.payload.get("transcription_data")
        said = data.get("transcript") if isinstance(data, dict) and data.get("is_final") is not False else None
        return said if isinstance(said, str) else ""

    @property
    def names_call(self) -> bool:
        """Whether the call can be found. call.recording.saved may name the leg instead of the call."""
        by_leg = self.type == "call.recording.saved" and self["call_leg_id"]
        return bool(self.call_control_id or by_leg)

    @property
    def is_outbound(self) -> bool:
        """Whether we placed the call."""
        return self.is_placed or self["direction"] == "outgoing"

    @property
    def session_id(self) -> str:
        """Telnyx's id of the call with all its legs. It stays when the call_control_id changes."""
        return self["call_session_id"]

    def command_id(self, command: str) -> str:
        """Return an id that is the same for every attempt of a command: Telnyx ignores a repeat within 60 s (docs:
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
        raise Malformed("This is no event of Telnyx.") from None
    if not (isinstance(payload, dict) and isinstance(event_id, str) and isinstance(event_type, str) and event_id):
        raise Malformed("This is no event of Telnyx.")
    occurred_at = _parse_time(data.get("occurred_at"), now)
    event_type = _TYPES_BY_WORDS.get(event_type.replace(".", "_"), event_type)
    return _event(_identity(event_id, event_type, payload), event_type[:100], occurred_at, payload, call)


def to_stored_event(event: TelnyxEvent) -> StoredEvent:
    """Convert to a row of webhook_events, with the fields of STORED_FIELDS only."""
    fields = {name: _without_nul(value) for name, value in event.payload.items() if name in STORED_FIELDS}
    data = {"id": event.id, "event_type": event.type, "occurred_at": event.occurred_at.isoformat(), "payload": fields}
    return StoredEvent("telnyx", event.id, event.type, {"data": data, "call": str(event.call_id or "")})


def from_stored_payload(payload: Mapping[str, Any], now: datetime) -> TelnyxEvent:
    """Convert the payload of a row of webhook_events.

    Args:
        now: In place of a time that is implausible.
    """
    data = payload["data"]
    occurred_at = _parse_time(data["occurred_at"], now)
    return _event(data["id"], data["event_type"], occurred_at, data["payload"], payload["call"])


def incoming_call(event: TelnyxEvent) -> IncomingCall:
    """Return a call to one of our numbers."""
    attestation = _ATTESTATIONS.get(event["shaken_stir_attestation"])
    if event.payload.get("shaken_stir_validated") is False and attestation is not None:
        attestation = "failed"
    return IncomingCall("telnyx", event.call_control_id, event["from"], event["to"], attestation)


def status_change(event: TelnyxEvent, status: CallStatus) -> CarrierStatus:
    """Return the call's state as of this event."""
    return _carrier_status(event, status, facts={"status": event.type})


def hangup_status(event: TelnyxEvent) -> CarrierStatus:
    """Return the end of the call, with its cause."""
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
    """Return a machine's greeting is over, with or without a beep (docs: answering-machine-detection,
    greeting.ended)."""
    return _carrier_status(event, None, answered_by="machine", greeting_ended=True, facts={"greeting": event["result"]})


def facts_only(event: TelnyxEvent, **facts: Any) -> CarrierStatus:
    """Facts that are stored without a change of the call's state."""
    return _carrier_status(event, None, facts=facts)


def transfer_leg_status(event: TelnyxEvent, *, is_reached: bool) -> CarrierStatus:
    """Facts of the transferred call: a leg is called for it, which was answered, if `is_reached`."""
    leg = event.call_control_id
    facts = {"transfer_called": leg} | ({"transfer_leg": leg} if is_reached else {})
    return CarrierStatus("telnyx", event.transfer_of, None, event.occurred_at, facts=facts)


def transfer_leg_cost(event: TelnyxEvent) -> CarrierStatus:
    """Return what the leg of a transfer's target cost, reached or not: a fact of the transferred call."""
    leg = event["call_leg_id"] or event.call_control_id
    facts = {f"{LEG_COST}{leg}": {"total": event["total_cost"]}}
    return CarrierStatus("telnyx", event.transfer_of, None, event.occurred_at, facts=facts)


def transfer_failure(event: TelnyxEvent) -> TransferFailure:
    """Return why the leg of a transfer ended that was not answered.

    A target that declines is seen with normal_clearing (seen by users of Telnyx) or call_rejected.
    """
    return _FAILURES.get(event["hangup_cause"], "failed")


def recording(event: TelnyxEvent, call_control_id: str) -> CarrierRecording | None:
    """Return None when there is neither a URL nor an id to fetch it by. The SDK's type of this event has no
    recording_id: without one, the recording is looked up by its leg.

    Args:
        call_control_id: The event itself may lack it.
    """
    urls = event.payload.get("recording_urls")
    found = {kind: url for kind, url in urls.items() if isinstance(url, str)} if isinstance(urls, dict) else {}
    # A URL is valid for ten minutes (docs: voice-api-webhooks). The id stays valid, but not every payload has it.
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

    A stream's end may arrive in two events (failed, then stopped). They count as one event, identified by the stream's
    URL, which is unique.
    """
    if event_type not in ("streaming.stopped", "streaming.failed"):
        return event_id[:_MAX_TEXT_LENGTH]
    params = payload.get("stream_params")
    url = payload.get("stream_url") or (params.get("stream_url") if isinstance(params, dict) else None)
    return stream_key(url) if isinstance(url, str) and url else event_id[:_MAX_TEXT_LENGTH]


def stream_key(url: str) -> str:
    """Return a hash of the stream's URL, which contains a ticket, as the stream's identity."""
    return f"stream:{sha256(url.encode('utf-8', 'replace')).hexdigest()[:40]}"


def stream_end(job: StreamEndedJob, at: datetime) -> TelnyxEvent:
    """Return the end of a stream as Telnyx would report it, with all that names the call."""
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
    # Other legs of the call inherit its webhook URL but not its client_state, so the state decides where there is one.
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
    """Return `now` where it is missing, malformed or implausible.

    Args:
        text: ISO 8601.
    """
    try:
        return plausible_time(datetime.fromisoformat(text), now) if isinstance(text, str) else now
    except ValueError:
        return now


def _without_nul(value: Any) -> Any:
    """Remove NUL, which PostgreSQL's text cannot store."""
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
