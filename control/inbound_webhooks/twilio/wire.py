"""Twilio's forms (docs: voice/twiml, voice/api/call-resource), and the TwiML documents that we answer.

All values in a document are escaped.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from uuid import UUID
from xml.sax.saxutils import escape, quoteattr

from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.recordings.rules import CarrierRecording
from control.calls.records.callers import Attestation, IncomingCall
from control.calls.records.state import FINAL
from control.carriers.rules import EXTENSION_PAUSE
from control.carriers.twilio_forms import choose_voice
from control.inbound_webhooks.queries import StoredEvent
from control.inbound_webhooks.source import non_empty, parse_uuid, plausible_time
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
# Fields that are stored. The list is explicit, because Twilio may add fields at any time and some are secrets
# (CallToken).
STORED_FIELDS: Final = frozenset(
    {
        "CallSid", "AccountSid", "From", "To", "CallStatus", "Direction", "ForwardedFrom", "ParentCallSid",
        "StirVerstat", "SequenceNumber", "Timestamp", "CallbackSource", "CallDuration", "SipResponseCode", "AnsweredBy",
        "MachineDetectionDuration", "ErrorCode", "RecordingSid", "RecordingUrl", "RecordingStatus", "RecordingDuration",
        "RecordingChannels", "RecordingSource", "DialCallStatus", "DialCallSid", "DialCallDuration",
        "StreamSid", "StreamEvent", "StreamError",
    }
)  # fmt: skip
# These fields are read but not stored: a key may be a digit of a payment card, and words may contain anything.
_KEYS: Final = "Digits"
_WORDS: Final = "SpeechResult"
_KNOWN_RESULTS: Final = frozenset({"machine", "human", "fax"})
_MAX_TEXT_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class TwilioForm:
    """The fields of a request, and the values in our own URL.

    Attributes:
        call_id: Our id of the call.
        leg: Number of the stream that ended.
        language: The agent's locale.
        transfer_id: Set for a call to the target of a warm transfer.
        step: Set for a call to the target of a warm transfer.
        keys: Keys that were collected.
        words: Words that were recognized.
    """

    fields: Mapping[str, str]
    call_id: UUID | None = None
    leg: int = 0
    language: str = "en"
    transfer_id: UUID | None = None
    step: str = ""
    keys: str = ""
    words: str = ""

    def __getitem__(self, name: str) -> str:
        """Return the field. Empty if it is missing."""
        return self.fields.get(name, "")

    @property
    def call_sid(self) -> str:
        """Twilio's id of the call."""
        return self["CallSid"]

    @property
    def status(self) -> CallStatus | None:
        """The call's status. None for an unknown CallStatus."""
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
    """Return the form from the body's fields and the URL's query, which are both signed."""
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
    """Return the event as it is stored.

    Its id consists of signed fields, because Twilio's I-Twilio-Idempotency-Token is an unsigned header.
    """
    payload: dict[str, Any] = {
        "form": dict(form.fields),
        "call": str(form.call_id or ""),
        "leg": form.leg,
        "language": form.language,
    }
    return StoredEvent("twilio", f"{_identity(kind, form)}"[:_MAX_TEXT_LENGTH], kind, payload)


def from_stored_payload(payload: Mapping[str, Any]) -> TwilioForm:
    """Convert the payload of a row of webhook_events to a form."""
    language = payload.get("language", "en")  # rows of the previous version have no language
    return TwilioForm(payload["form"], parse_uuid(payload["call"]), payload["leg"], language)


def incoming_call(form: TwilioForm) -> IncomingCall:
    """Return the call of a form for an inbound call."""
    return IncomingCall("twilio", form.call_sid, form["From"], form["To"], _attestation(form["StirVerstat"]))


def _attestation(verstat: str) -> Attestation | None:
    """Return the attestation for a value such as TN-Validation-Passed-A or TN-Validation-Failed-C.

    Docs: voice/trusted-calling-with-shakenstir.
    """
    if verstat.startswith("TN-Validation-Failed"):
        return "failed"
    return _ATTESTATIONS.get(verstat.removeprefix("TN-Validation-Passed-")[:1]) if "Passed" in verstat else None


def call_status(form: TwilioForm, now: datetime) -> CarrierStatus:
    """Return the status that a status callback reports."""
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
    """Return why the call was not answered: the error code, else the SIP code. Empty for answered calls."""
    return form["ErrorCode"] or form["SipResponseCode"] if form.status in _UNREACHED else ""


def machine_status(form: TwilioForm, now: datetime) -> CarrierStatus:
    """Return the result of answering-machine detection (docs: voice/api/call-resource, AnsweredBy)."""
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
    """Return the recording, or None if it is incomplete or absent."""
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
    """Return facts for the call's record: Twilio could not make the recording."""
    return _carrier_status(form, now, facts=non_empty(recording=form["RecordingStatus"], error=form["ErrorCode"]))


def _carrier_status(
    form: TwilioForm, at: datetime, *, status: CallStatus | None = None, **fields: Any
) -> CarrierStatus:
    return CarrierStatus("twilio", form.call_sid, status, at, call_id=form.call_id, **fields)


def continue_event_id(call_sid: str, leg: int) -> str:
    """Return the id of the stored request for the instruction after a stream."""
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
    """Return the time. Return `now` if the text is missing, malformed or implausible.

    Args:
        text: RFC 2822.
    """
    try:
        return plausible_time(parsedate_to_datetime(text), now)
    except ValueError:
        return now


def parse_iso_time(text: str, now: datetime) -> datetime:
    """Return the time. Return `now` if the text is missing, malformed or implausible.

    Args:
        text: ISO 8601, as in reports of streams.
    """
    try:
        return plausible_time(datetime.fromisoformat(text), now)
    except ValueError:
        return now


def _parse_int(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


# Characters outside of XML 1.0's Char production (section 2.2). Escaping does not make them valid.
_NOT_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_SAY_LENGTH: Final = 3_000
DIAL_TIMEOUT_S: Final = 30


def connect(
    stream_url: str, token: str, action: str, *, stream_callback: str = "", recording_callback: str = ""
) -> str:
    """Return TwiML that connects the call to a media socket. When the stream ends, Twilio requests `action`.

    The token is a <Parameter>, because Twilio drops the query in the URL of <Stream> (docs: TwiML <Stream>, error
    31920).

    Args:
        stream_callback: Where Twilio reports the start and end of the stream. Empty: no reports.
        recording_callback: Where Twilio reports a recording that starts with the stream. Empty: no recording. With it,
            an inbound call is recorded from its first moment. A REST request could not do this, because it is refused
            before the call is in progress (docs: TwiML <Recording>).
    """
    report = f' statusCallback={_quoted(stream_callback)} statusCallbackMethod="POST"' if stream_callback else ""
    stream = f'<Stream url={_quoted(stream_url)}{report}><Parameter name="token" value={_quoted(token)}/></Stream>'
    start = _start_recording(recording_callback) if recording_callback else ""
    return _response(f'{start}<Connect action={_quoted(action)} method="POST">{stream}</Connect>')


def say_and_hang_up(text: str, locale: str) -> str:
    """Return TwiML that speaks up to 3,000 characters with Twilio's voice for the locale (en-US), then hangs up."""
    return _response(f"{_say(text, locale)}<Hangup/>")


def hang_up() -> str:
    """Return TwiML that ends the call."""
    return _response("<Hangup/>")


def reject(reason: Literal["rejected", "busy"]) -> str:
    """Return TwiML that rejects a call before it is answered, which Twilio does not bill.

    Args:
        reason: What Twilio plays (docs: TwiML <Reject>): a standard message that the number is not in service, or a
            busy signal. The caller's network may play something else.
    """
    return _response(f'<Reject reason="{reason}"/>')


def dial(number: str, caller: str, action: str, limit_s: int, *, words: str = "", locale: str = "") -> str:
    """Return TwiML that transfers the caller for up to `limit_s` seconds. Afterwards Twilio requests `action`.

    Args:
        number: May have an extension, or be a SIP URI.
        caller: The number to show, which must be one of the call's numbers or ours (docs: TwiML <Dial>). Empty leaves
            the choice to Twilio.
        words: Text that Twilio's voice speaks before the transfer. May be empty.
    """
    caller_id = f" callerId={_quoted(caller)}" if caller else ""
    said = _say(words, locale) if words else ""
    return _response(
        f'{said}<Dial{caller_id} timeout="{DIAL_TIMEOUT_S}" timeLimit="{limit_s}" action={_quoted(action)} '
        f'method="POST">{_noun(number)}</Dial>'
    )


def _noun(target: str) -> str:
    """Return the noun that <Dial> calls (docs: TwiML <Number>, <Sip>).

    Each "w" is a pause of 0.5 s, because menus do not accept keys immediately.
    """
    number, _, extension = target.partition(";ext=")
    if target.lower().startswith("sip"):
        return f"<Sip>{escape(_clean(target))}</Sip>"
    keys = f" sendDigits={_quoted(EXTENSION_PAUSE + extension)}" if extension else ""
    return f"<Number{keys}>{escape(_clean(number))}</Number>"


def ask(question: str, locale: str, action: str, wait_s: int, *, first: str = "", hints: Sequence[str] = ()) -> str:
    """Return TwiML that asks a question and collects one key or, with hints, words, for up to `wait_s` seconds.

    Twilio then requests `action`, with or without an answer (docs: TwiML <Gather>).

    Args:
        first: Spoken before the question. A key ends it, but words are ignored, because people say "hello" or "yes?"
            when they answer.
        hints: Words that the recognizer should expect.
    """
    prelude = f"<Gather {_gather('dtmf', action, 1)}>{_say(first, locale)}</Gather>" if first else ""
    heard = f' language={_quoted(locale)} hints={_quoted(", ".join(hints))} speechTimeout="1"' if hints else ""
    taken = _gather("dtmf speech" if hints else "dtmf", action, wait_s)
    return _response(f'{prelude}<Gather {taken}{heard} actionOnEmptyResult="true">{_say(question, locale)}</Gather>')


def join_conference(name: str, limit_s: int, action: str = "") -> str:
    """Return TwiML that joins a conference of two, which is silent for a single participant.

    The conference ends when either participant leaves (docs: TwiML <Conference>).

    Args:
        action: What Twilio requests afterwards. Empty: the call ends.
    """
    after = f' action={_quoted(action)} method="POST"' if action else ""
    return _response(
        f'<Dial timeLimit="{limit_s}"{after}><Conference beep="false" waitUrl="" startConferenceOnEnter="true" '
        f'endConferenceOnExit="true" maxParticipants="2">{escape(_clean(name))}</Conference></Dial>'
    )


def _gather(taken: str, action: str, wait_s: int) -> str:
    """Return the attributes that all questions share."""
    return f'input="{taken}" numDigits="1" timeout="{wait_s}" action={_quoted(action)} method="POST"'


def _start_recording(callback: str) -> str:
    """Return the recording instruction.

    The recording is not trimmed, so that the audio matches the transcript's times.
    """
    return (
        '<Start><Recording channels="dual" track="both" trim="do-not-trim" '
        f'recordingStatusCallback={_quoted(callback)} recordingStatusCallbackMethod="POST"/></Start>'
    )


def _say(text: str, locale: str) -> str:
    voice = choose_voice(locale)
    attributes = f"voice={_quoted(voice.name)} language={_quoted(voice.language)}"
    return f"<Say {attributes}>{escape(_clean(text)[:_MAX_SAY_LENGTH])}</Say>"


def _response(verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>'


def _quoted(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(value: str) -> str:
    return _NOT_XML.sub("", value)
