"""Twilio's webhook forms (docs: voice/twiml, voice/api/call-resource), parsed and as our values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from uuid import UUID

from control.calls.records.rules import FINAL, Attestation, CarrierRecording, CarrierStatus, IncomingCall
from control.webhooks.queries import StoredEvent
from control.webhooks.source import non_empty, parse_uuid, plausible_time
from shared.events import CallStatus

TwilioKind = Literal["inbound", "answered", "continue", "status", "amd", "recording", "stream", "target"]
# CallStatus (docs: voice/api/call-resource).
_STATUS_BY_NAME: Final[Mapping[str, CallStatus]] = {
    "queued": "queued",
    "initiated": "queued",
    "ringing": "ringing",
    "in-progress": "in_progress",
    "completed": "completed",
    "busy": "busy",
    "failed": "failed",
    "no-answer": "no_answer",
    "canceled": "canceled",
}
_ATTESTATIONS: Final[Mapping[str, Attestation]] = {"A": "A", "B": "B", "C": "C"}
_UNREACHED: Final = frozenset({"busy", "failed", "no_answer", "canceled"})
# Fields that are stored. Twilio may add fields at any time, and some are secrets (CallToken), so these are listed.
STORED_FIELDS: Final = frozenset(
    {
        "CallSid", "AccountSid", "From", "To", "CallStatus", "Direction", "ForwardedFrom", "ParentCallSid",
        "StirVerstat", "SequenceNumber", "Timestamp", "CallbackSource", "CallDuration", "SipResponseCode", "AnsweredBy",
        "MachineDetectionDuration", "ErrorCode", "RecordingSid", "RecordingUrl", "RecordingStatus", "RecordingDuration",
        "RecordingChannels", "RecordingSource", "DialCallStatus", "DialCallSid", "DialCallDuration",
        "StreamSid", "StreamEvent", "StreamError",
    }
)  # fmt: skip
# Read and not stored: a key may be a digit of a payment card, and words may be anything.
_KEYS: Final = "Digits"
_WORDS: Final = "SpeechResult"
_KNOWN_RESULTS: Final = frozenset({"machine", "human", "fax"})
_MAX_TEXT_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class TwilioForm:
    """A request's fields, and what our own URL carries: call_id is ours, leg the one whose stream ended, language the
    agent's locale. transfer_id, step: of a call to the target of a warm transfer. keys, words: that were gathered."""

    fields: Mapping[str, str]
    call_id: UUID | None = None
    leg: int = 0
    language: str = "en"
    transfer_id: UUID | None = None
    step: str = ""
    keys: str = ""
    words: str = ""

    def __getitem__(self, name: str) -> str:
        """Empty where the field is missing."""
        return self.fields.get(name, "")

    @property
    def call_sid(self) -> str:
        """Twilio's id of the call."""
        return self["CallSid"]

    @property
    def status(self) -> CallStatus | None:
        """The call's state; None for an unknown CallStatus."""
        return _STATUS_BY_NAME.get(self["CallStatus"])

    @property
    def is_ended(self) -> bool:
        """Whether the call itself has ended, and not only its stream."""
        return self.status in FINAL

    @property
    def is_outbound(self) -> bool:
        """Whether we placed the call."""
        return self.call_id is not None or self["Direction"].startswith("outbound")


def parse_form(fields: Mapping[str, str], query: Mapping[str, str]) -> TwilioForm:
    """fields: of the body. query: of the URL. Both are signed."""
    leg = query.get("leg", "")
    stored = {name: value[:_MAX_TEXT_LENGTH] for name, value in fields.items() if name in STORED_FIELDS}
    return TwilioForm(
        fields={name: value.replace("\0", "") for name, value in stored.items()},
        call_id=parse_uuid(query.get("call", "")),
        leg=int(leg) if leg.isdecimal() and len(leg) < 4 else 0,
        language=query.get("language", "")[:20] or "en",
        transfer_id=parse_uuid(query.get("transfer", "")),
        step=query.get("step", "")[:20],
        keys=fields.get(_KEYS, "")[:_MAX_TEXT_LENGTH],
        words=fields.get(_WORDS, "")[:_MAX_TEXT_LENGTH],
    )


def to_stored_event(kind: TwilioKind, form: TwilioForm) -> StoredEvent:
    """The id is made of signed fields: Twilio's I-Twilio-Idempotency-Token is a header, which is not signed."""
    payload: dict[str, Any] = {
        "form": dict(form.fields),
        "call": str(form.call_id or ""),
        "leg": form.leg,
        "language": form.language,
    }
    return StoredEvent("twilio", f"{_identity(kind, form)}"[:_MAX_TEXT_LENGTH], kind, payload)


def from_stored_payload(payload: Mapping[str, Any]) -> TwilioForm:
    """Converts the payload of a row of webhook_events."""
    language = payload.get("language", "en")  # rows of the version before have none
    return TwilioForm(payload["form"], parse_uuid(payload["call"]), payload["leg"], language)


def incoming_call(form: TwilioForm) -> IncomingCall:
    """A call to one of our numbers."""
    return IncomingCall("twilio", form.call_sid, form["From"], form["To"], _attestation(form["StirVerstat"]))


def _attestation(verstat: str) -> Attestation | None:
    """verstat: such as TN-Validation-Passed-A, TN-Validation-Failed-C (docs: voice/trusted-calling-with-shakenstir)."""
    if verstat.startswith("TN-Validation-Failed"):
        return "failed"
    return _ATTESTATIONS.get(verstat.removeprefix("TN-Validation-Passed-")[:1]) if "Passed" in verstat else None


def call_status(form: TwilioForm, now: datetime) -> CarrierStatus:
    """The state that a status callback reports."""
    return _carrier_status(
        form,
        _parse_time(form["Timestamp"], now),
        status=form.status,
        end_reason="carrier_error" if form.status == "failed" else None,
        duration_s=_parse_int(form["CallDuration"]),
        sequence=_parse_int(form["SequenceNumber"]),
        facts=non_empty(
            status=form["CallStatus"], sip=form["SipResponseCode"], error=form["ErrorCode"], cause=_cause(form)
        ),
    )


def _cause(form: TwilioForm) -> str:
    """Why nobody was reached: the error code, else the SIP code. Empty for other calls."""
    return form["ErrorCode"] or form["SipResponseCode"] if form.status in _UNREACHED else ""


def machine_status(form: TwilioForm, now: datetime) -> CarrierStatus:
    """The result of answering-machine detection (docs: voice/api/call-resource, AnsweredBy)."""
    answered_by = form["AnsweredBy"]
    result = "machine" if answered_by.startswith("machine") else answered_by
    facts = non_empty(answered_by=answered_by, detection_ms=form["MachineDetectionDuration"])
    return _carrier_status(
        form,
        now,
        answered_by=result if result in _KNOWN_RESULTS else "unknown",
        greeting_ended=answered_by.startswith("machine_end"),
        facts=facts,
    )


def recording(form: TwilioForm) -> CarrierRecording | None:
    """Returns None for a recording that is not complete, or absent."""
    if form["RecordingStatus"] not in ("completed", "") or not form["RecordingUrl"] or not form["RecordingSid"]:
        return None
    return CarrierRecording(
        carrier="twilio",
        carrier_call_id=form.call_sid,
        recording_id=form["RecordingSid"],
        url=form["RecordingUrl"],
        duration_s=_parse_int(form["RecordingDuration"]),
        call_id=form.call_id,
    )


def recording_absent(form: TwilioForm, now: datetime) -> CarrierStatus:
    """Facts for the call's record: Twilio could not make the recording."""
    return _carrier_status(form, now, facts=non_empty(recording=form["RecordingStatus"], error=form["ErrorCode"]))


def _carrier_status(
    form: TwilioForm, at: datetime, *, status: CallStatus | None = None, **fields: Any
) -> CarrierStatus:
    return CarrierStatus("twilio", form.call_sid, status, at, call_id=form.call_id, **fields)


def continue_event_id(call_sid: str, leg: int) -> str:
    """The id under which a request for what comes after a stream is stored."""
    return f"{call_sid}:continue:{leg}"


def _identity(kind: TwilioKind, form: TwilioForm) -> str:
    match kind:
        case "status":
            return f"{form.call_sid}:status:{form['SequenceNumber']}:{form['CallStatus']}"
        case "recording":
            return f"{form['RecordingSid'] or form.call_sid}:recording:{form['RecordingStatus']}"
        case "continue":
            return continue_event_id(form.call_sid, form.leg) + (":dialled" if form["DialCallStatus"] else "")
        case "target":
            return f"{form.call_sid}:target:{form.step}"
        case "stream":
            return f"{form['StreamSid'] or form.call_sid}:stream:{form['StreamEvent']}"
    return f"{form.call_sid}:{kind}"


def _parse_time(text: str, now: datetime) -> datetime:
    """text: RFC 2822. Returns `now` where it is missing, malformed or implausible."""
    try:
        return plausible_time(parsedate_to_datetime(text), now)
    except ValueError:
        return now


def parse_iso_time(text: str, now: datetime) -> datetime:
    """text: ISO 8601, as in reports of streams. Returns `now` where it is missing, malformed or implausible."""
    try:
        return plausible_time(datetime.fromisoformat(text), now)
    except ValueError:
        return now


def _parse_int(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None
