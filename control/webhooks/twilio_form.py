"""What Twilio's forms say, as values of ours; nothing else is read out of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from uuid import UUID

from control.calls.model import FINAL, CarrierRecording, Progress, Ring
from control.webhooks.fields import moment_of, noted, uuid_of
from control.webhooks.store import Stored
from shared.events import Status

Kind = Literal["inbound", "answered", "continue", "status", "amd", "recording"]
_STATUSES: Final[Mapping[str, Status]] = {
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
# New fields may come at any time, and some are secrets (CallToken): what is kept is named.
_KEPT: Final = frozenset(
    {
        "CallSid", "AccountSid", "From", "To", "CallStatus", "Direction", "ForwardedFrom", "ParentCallSid",
        "StirVerstat", "SequenceNumber", "Timestamp", "CallbackSource", "CallDuration", "SipResponseCode", "AnsweredBy",
        "MachineDetectionDuration", "ErrorCode", "RecordingSid", "RecordingUrl", "RecordingStatus", "RecordingDuration",
        "RecordingChannels", "RecordingSource", "DialCallStatus", "DialCallSid", "DialCallDuration",
    }
)  # fmt: skip
_LONGEST: Final = 500


@dataclass(frozen=True, slots=True)
class Form:
    """A request's fields, and what our own URLs carry: the call's id, the leg whose stream ended, the language."""

    fields: Mapping[str, str]
    call_id: UUID | None = None
    leg: int = 0
    language: str = "en"

    def __getitem__(self, name: str) -> str:
        """Empty where the field is missing."""
        return self.fields.get(name, "")

    @property
    def sid(self) -> str:
        """Twilio's id of the call."""
        return self["CallSid"]

    @property
    def status(self) -> Status | None:
        """The call's; None for one we don't know."""
        return _STATUSES.get(self["CallStatus"])

    @property
    def is_over(self) -> bool:
        """Whether the call itself has ended."""
        return self.status in FINAL

    @property
    def is_outbound(self) -> bool:
        """Whether we placed the call."""
        return self.call_id is not None or self["Direction"].startswith("outbound")


def read_form(fields: Mapping[str, str], query: Mapping[str, str]) -> Form:
    """fields: of the body; query: of the URL, both signed."""
    leg = query.get("leg", "")
    return Form(
        {name: value[:_LONGEST].replace("\0", "") for name, value in fields.items() if name in _KEPT},
        uuid_of(query.get("call", "")),
        int(leg) if leg.isdecimal() and len(leg) < 4 else 0,
        query.get("language", "")[:20] or "en",
    )


def stored(kind: Kind, form: Form) -> Stored:
    """Under an id made of what is signed: Twilio's own token of a delivery is a header, which anybody may change."""
    payload: dict[str, Any] = {"form": dict(form.fields), "call": str(form.call_id or ""), "leg": form.leg}
    return Stored("twilio", f"{_identity(kind, form)}"[:_LONGEST], kind, payload)


def restored(payload: Mapping[str, Any]) -> Form:
    """The form of a stored event."""
    return Form(payload["form"], uuid_of(payload["call"]), payload["leg"])


def ring(form: Form) -> Ring:
    """A call to one of our numbers."""
    return Ring("twilio", form.sid, form["From"], form["To"])


def progress(form: Form, now: datetime) -> Progress:
    """What a status callback tells."""
    status, duration = form.status, form["CallDuration"]
    return Progress(
        "twilio",
        form.sid,
        status,
        _moment(form["Timestamp"], now),
        call_id=form.call_id,
        end_reason="carrier_error" if status == "failed" else None,
        duration_s=_whole(duration),
        sequence=_whole(form["SequenceNumber"]),
        details=noted(status=form["CallStatus"], sip=form["SipResponseCode"], error=form["ErrorCode"]),
    )


def machine(form: Form, now: datetime) -> Progress:
    """What answering-machine detection found."""
    answered_by = form["AnsweredBy"]
    found: Literal["human", "machine", "fax", "unknown"] = "unknown"
    if answered_by.startswith("machine"):
        found = "machine"
    elif answered_by == "human":
        found = "human"
    elif answered_by == "fax":
        found = "fax"
    return Progress(
        "twilio",
        form.sid,
        None,
        now,
        call_id=form.call_id,
        answered_by=found,
        details=noted(answered_by=answered_by, detection_ms=form["MachineDetectionDuration"]),
    )


def recording(form: Form) -> CarrierRecording | None:
    """A recording that can be fetched; None for one that is not complete or absent."""
    if form["RecordingStatus"] not in ("completed", "") or not form["RecordingUrl"] or not form["RecordingSid"]:
        return None
    return CarrierRecording(
        "twilio",
        form.sid,
        form["RecordingSid"],
        form["RecordingUrl"],
        _whole(form["RecordingDuration"]),
        call_id=form.call_id,
    )


def no_recording(form: Form, now: datetime) -> Progress:
    """There is none, and the call's record is to say so."""
    return Progress(
        "twilio",
        form.sid,
        None,
        now,
        call_id=form.call_id,
        details=noted(recording=form["RecordingStatus"], error=form["ErrorCode"]),
    )


def _identity(kind: Kind, form: Form) -> str:
    match kind:
        case "status":
            return f"{form.sid}:status:{form['SequenceNumber']}:{form['CallStatus']}"
        case "recording":
            return f"{form['RecordingSid'] or form.sid}:recording:{form['RecordingStatus']}"
        case "continue":
            return f"{form.sid}:continue:{form.leg}{':dialled' if form['DialCallStatus'] else ''}"
    return f"{form.sid}:{kind}"


def _moment(text: str, now: datetime) -> datetime:
    """RFC 2822; now, where that is missing or cannot be."""
    try:
        return moment_of(parsedate_to_datetime(text), now)
    except ValueError:
        return now


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None
