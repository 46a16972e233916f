"""What Telnyx's webhooks say, as values of ours."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from control.calls.model import CarrierRecording, Progress, Ring
from control.webhooks.fields import moment_of, noted, uuid_of
from control.webhooks.store import Stored
from shared.errors import Malformed
from shared.events import EndReason, Status

# Those that something follows from; others are answered and forgotten (a pressed key may be a card's digit).
KNOWN: Final = frozenset(
    {
        "call.initiated", "call.answered", "call.bridged", "call.hangup", "call.cost", "call.recording.saved",
        "call.recording.error", "call.speak.ended", "call.machine.detection.ended",
        "call.machine.premium.detection.ended", "streaming.stopped", "streaming.failed",
    }
)  # fmt: skip
# Left out: presigned addresses, the stream's (it holds a ticket), headers, texts of theirs.
_KEPT: Final = frozenset(
    {
        "call_control_id", "call_leg_id", "call_session_id", "connection_id", "client_state", "from", "to", "direction",
        "state", "start_time", "hangup_cause", "hangup_source", "sip_hangup_cause", "result", "recording_id",
        "channels", "recording_started_at", "recording_ended_at", "failure_reason", "stream_id", "stream_type",
        "total_cost", "cost_parts", "status", "reason", "shaken_stir_attestation",
    }
)  # fmt: skip
_TRANSFER: Final = "transfer:"
_LONGEST: Final = 500
_CAUSES: Final[Mapping[str, Status]] = {
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
_MACHINES: Final[Mapping[str, Literal["human", "machine", "fax", "unknown"]]] = {
    "human": "human",
    "human_residence": "human",
    "human_business": "human",
    "machine": "machine",
    "fax_detected": "fax",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One webhook. id: by which it counts as one, however often it comes. call_id: ours, of a call that we placed.
    transfer_of: the call_control_id of the call for whose transfer this leg was made; such a leg is no call of ours.
    payload: the carrier's, whole."""

    id: str
    type: str
    at: datetime
    call_id: UUID | None
    transfer_of: str
    payload: Mapping[str, Any]

    def __getitem__(self, name: str) -> str:
        """A text of the payload, bounded; empty where it is missing or something else."""
        value = self.payload.get(name)
        return value[:_LONGEST].replace("\0", "") if isinstance(value, str) else ""

    @property
    def call(self) -> str:
        """Telnyx's call_control_id."""
        return self["call_control_id"]

    @property
    def is_usable(self) -> bool:
        """Whether it tells of which call it is; of a recording the leg is told instead."""
        return bool(self.call or self["call_leg_id"]) if self.type == "call.recording.saved" else bool(self.call)

    @property
    def is_outbound(self) -> bool:
        """Whether we placed the call."""
        return self.call_id is not None or self["direction"] == "outgoing"

    def command_id(self, what: str) -> str:
        """The same for every try of the same command: Telnyx passes over repeats."""
        return str(uuid5(NAMESPACE_URL, f"{self.id}:{what}"))


def read_event(body: bytes, call: str, now: datetime) -> Event:
    """call: our id from the URL's query, if there is one. Raises Malformed."""
    try:
        document = msgspec.json.decode(body)
        data = document["data"]
        given = data["payload"] if data.get("payload") is not None else {}
        event_id, event_type = data["id"], data["event_type"]
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError, AttributeError):
        raise Malformed("This is no event of Telnyx.") from None
    if not (isinstance(given, dict) and isinstance(event_id, str) and isinstance(event_type, str) and event_id):
        raise Malformed("This is no event of Telnyx.")
    return _event(
        _identity(event_id, event_type, given), event_type[:100], _moment(data.get("occurred_at"), now), given, call
    )


def stored(event: Event) -> Stored:
    """For webhook_events."""
    kept = {name: _clean(value) for name, value in event.payload.items() if name in _KEPT}
    data = {"id": event.id, "event_type": event.type, "occurred_at": event.at.isoformat(), "payload": kept}
    return Stored("telnyx", event.id, event.type, {"data": data, "call": str(event.call_id or "")})


def restored(payload: Mapping[str, Any], now: datetime) -> Event:
    """Of webhook_events."""
    data = payload["data"]
    return _event(data["id"], data["event_type"], _moment(data["occurred_at"], now), data["payload"], payload["call"])


def ring(event: Event) -> Ring:
    """A call to one of our numbers."""
    return Ring("telnyx", event.call, event["from"], event["to"])


def state(event: Event, status: Status) -> Progress:
    """Where the call is now."""
    return Progress("telnyx", event.call, status, event.at, call_id=event.call_id, details={"status": event.type})


def hung_up(event: Event) -> Progress:
    """The end."""
    cause = event["hangup_cause"]
    status = _CAUSES.get(cause, "failed")
    return Progress(
        "telnyx",
        event.call,
        status,
        event.at,
        call_id=event.call_id,
        end_reason=_end_reason(event, cause, status),
        details=noted(status=event.type, cause=cause, source=event["hangup_source"], sip=event["sip_hangup_cause"]),
    )


def machine(event: Event) -> Progress:
    """What answering-machine detection found."""
    result = event["result"]
    found = _MACHINES.get(result, "unknown")
    return Progress(
        "telnyx", event.call, None, event.at, call_id=event.call_id, answered_by=found, details={"answered_by": result}
    )


def note(event: Event, **details: Any) -> Progress:
    """Something to be written down that changes no state."""
    return Progress("telnyx", event.call, None, event.at, call_id=event.call_id, details=details)


def recording(event: Event, call: str) -> CarrierRecording | None:
    """call: the call_control_id, which the event itself may lack. None when nothing tells where it is to be had.
    Telnyx's type of this event has no recording_id: without one, it is asked for by the leg."""
    urls = event.payload.get("recording_urls")
    found = {kind: url for kind, url in urls.items() if isinstance(url, str)} if isinstance(urls, dict) else {}
    # Addresses are good for ten minutes; the id is good for longer, but not every payload has it.
    where = found.get("wav") or found.get("mp3") or event["recording_id"]
    leg_id = event["call_leg_id"]
    if not (where or leg_id) or not (call or event.call_id):
        return None
    return CarrierRecording(
        "telnyx",
        call,
        event["recording_id"],
        where,
        _seconds(event["recording_started_at"], event["recording_ended_at"]),
        call_id=event.call_id,
        leg_id=leg_id,
    )


def _identity(event_id: str, event_type: str, payload: Mapping[str, Any]) -> str:
    """A stream ends once, in however many events that is told (failed, then stopped): it counts as one, by its address,
    of which no two are alike. Hashed, for it holds a ticket."""
    if event_type not in ("streaming.stopped", "streaming.failed"):
        return event_id[:_LONGEST]
    params = payload.get("stream_params")
    url = payload.get("stream_url") or (params.get("stream_url") if isinstance(params, dict) else None)
    return stream_of(url) if isinstance(url, str) and url else event_id[:_LONGEST]


def stream_of(url: str) -> str:
    """By which a stream's end counts as one, where its address is told."""
    return f"stream:{sha256(url.encode('utf-8', 'replace')).hexdigest()[:40]}"


def _event(event_id: str, event_type: str, at: datetime, payload: Mapping[str, Any], call: str) -> Event:
    state_text = _unpacked(payload.get("client_state"))
    if state_text.startswith(_TRANSFER):
        return Event(event_id, event_type, at, None, state_text.removeprefix(_TRANSFER), payload)
    # The URL is handed down to legs that are not the call itself, the state is not: it rules where there is one.
    ours = state_text if "client_state" in payload else call
    return Event(event_id, event_type, at, uuid_of(ours), "", payload)


def _end_reason(event: Event, cause: str, status: Status) -> EndReason | None:
    if cause == "time_limit":
        return "max_duration"
    if status == "failed":
        return "carrier_error"
    person = "callee" if event.is_outbound else "caller"
    return "caller_hangup" if status == "completed" and event["hangup_source"] == person else None


def _unpacked(client_state: object) -> str:
    if not isinstance(client_state, str):
        return ""
    try:
        return base64.b64decode(client_state, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _moment(text: object, now: datetime) -> datetime:
    """ISO 8601; now, where that is missing or cannot be."""
    try:
        return moment_of(datetime.fromisoformat(text), now) if isinstance(text, str) else now
    except ValueError:
        return now


def _clean(value: Any) -> Any:
    """Without NUL, which PostgreSQL does not take."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [_clean(one) for one in value]
    return {name: _clean(one) for name, one in value.items()} if isinstance(value, dict) else value


def _seconds(begun: str, ended: str) -> int | None:
    try:
        return max(0, round((datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()))
    except (ValueError, TypeError):
        return None
