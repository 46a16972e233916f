"""The types of the JSON columns `calls.details` and `calls.analysis`. Only this module decodes and encodes them.

Programs of other versions that run at the same time share the keys of CallDetails. If a key or a nested field is
unknown to this version, or its value is unreadable, it is stored in `unknown` and written back unchanged.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, TypeVar, get_type_hints

import msgspec
from msgspec import Struct

from control.calls.records.refusals import RefusalReason
from shared.events import EndReason, TransferFailure

# Who reported a fact of a call.
CallSource = Literal["carrier", "media", "control"]


# The field of each part that holds unknown JSON keys; the other fields of the dataclass are JSON keys.
_UNKNOWN: Final = "unknown"
_KEY: Final = "key"
# A higher cost of one call, in US dollars, is treated as an error in the carrier's report.
MAX_COST: Final = 10_000
# Prefix of facts that are costs of transferred legs. The leg's id follows.
LEG_COST: Final = "cost_of_leg:"
P = TypeVar("P", bound="DetailsPart")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsPart:
    """Base of an object in the column.

    Attributes:
        unknown: JSON keys that this version cannot read.
    """

    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLeg(DetailsPart):
    """A media stream of the call and the node that it was assigned to.

    Attributes:
        at: ISO 8601.
        stream: The carrier's id of the stream, if the carrier reports its end by that id (Telnyx).
    """

    leg: int
    node_id: str
    at: str
    stream: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierReport(DetailsPart):
    """What the carrier reported.

    Attributes:
        duration_s: Connected seconds.
        sequence: The number of its latest report, if it numbers reports.
        cause: Why it ended the call (Telnyx: hangup_cause; Twilio: its error code, or the SIP code if no conversation
            took place).
        sip: The SIP status code of the end.
        transfer_called: Id of the leg of the transfer's target, as soon as the carrier reports it (Telnyx).
        transfer_leg: The same id, once the target was reached.
        session: The id of the call that stays when its carrier_call_id changes (Telnyx).
        unknown: The carrier's other facts.
    """

    duration_s: int | None = None
    sequence: int | None = None
    cause: str | None = None
    sip: str | None = None
    transfer_called: str | None = None
    transfer_leg: str | None = None
    session: str | None = None

    @property
    def has_estimated_cost(self) -> bool:
        """Returns whether a part of total_cost is our estimate (control/calls/carrier_reports/twilio_extras.py)."""
        cost = self.unknown.get("cost")
        return isinstance(cost, Mapping) and "estimated" in cost

    @property
    def total_cost(self) -> Decimal | None:
        """Returns what the carrier charges us for the whole call, in US dollars; None before the carrier has reported
        it.

        Telnyx reports each leg's cost separately (call.cost). The costs of transfers are included, whether or not the
        target was reached.
        """
        own = _cost_of(self.unknown.get("cost"))
        if own is None:
            return None
        legs = (_cost_of(value) for name, value in self.unknown.items() if name.startswith(LEG_COST))
        return own + sum((cost for cost in legs if cost is not None), Decimal(0))

    def merge(self, facts: Mapping[str, Any]) -> "CarrierReport":
        """Adds facts. They replace earlier facts, unless their sequence number is lower."""
        before = _encode(self)
        sequence = facts.get("sequence")
        is_late = sequence is not None and self.sequence is not None and sequence < self.sequence
        return _decode(CarrierReport, {**facts, **before} if is_late else {**before, **facts})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(DetailsPart):
    """A point where the call continued after its media stream was lost.

    Attributes:
        at_ms: Milliseconds since the call began.
    """

    leg: int
    lost_ms: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecording(DetailsPart):
    """Media's recording of one stream.

    Attributes:
        storage_key: Key in object storage.
        is_redacted: The parts are silent in which something was said that the workspace does not keep.
    """

    storage_key: str = field(metadata={_KEY: "key"})
    leg: int
    duration_ms: int
    is_redacted: bool = field(default=False, metadata={_KEY: "redacted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCarrierRecording(DetailsPart):
    """A recording by the carrier.

    Attributes:
        id, leg: The carrier's ids of the recording and of the leg; either may be empty.
        url: Where the carrier offered it.
        place: 0 for the call's first recording.
        storage_key: Key in object storage, once fetched.
        found: The recording's id, if it had to be looked up by the leg.
    """

    id: str
    url: str
    duration_s: int | None
    leg: str
    place: int
    storage_key: str | None = field(default=None, metadata={_KEY: "key"})
    found: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(DetailsPart):
    """The caller was transferred.

    Attributes:
        talked_s: Connected seconds before the transfer.
        until: When the transfer is over at the latest; None once the carrier has reported the end.
        number: The target (E.164); empty if media did not report it.
    """

    talked_s: int
    until: datetime | None = None
    number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedTransfer(DetailsPart):
    """A transfer that led back to the agent.

    Attributes:
        leg: The media stream before the transfer.
        failure: A TransferFailure.
        at: When it failed.
        number: The target (E.164); empty before media has reported it.
        target: The carrier's id of the leg that was called; empty if unknown.
        talked_s, detail: Values of the transferred call's row, whose end media had reported by then.
    """

    leg: int
    failure: TransferFailure
    at: datetime
    number: str = ""
    target: str = ""
    talked_s: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLoss(DetailsPart):
    """The last media stream that was lost.

    Attributes:
        leg: The number of the stream.
        at: ISO 8601.
    """

    reason: EndReason
    at: str
    leg: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence(DetailsPart):
    """No media node reports the call.

    Attributes:
        since: When the call was first missing.
        at: When the call was last missing.
    """

    since: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord(DetailsPart):
    """What the caller heard to its end, and said, about being recorded.

    Attributes:
        disclosed_at: When the caller heard that an artificial voice speaks.
        announced_at: When the caller heard that the call is recorded; it was not recorded before.
        refused_by: "words" or "key"; empty without a refusal.
    """

    disclosed_at: datetime | None = None
    announced_at: datetime | None = None
    refused_at: datetime | None = None
    refused_by: str = ""

    @property
    def heard(self) -> tuple[str, ...]:
        """Returns the kinds of announcements that the caller has heard."""
        times = {"disclosure": self.disclosed_at, "recording": self.announced_at}
        return tuple(kind for kind, at in times.items() if at is not None)

    @property
    def is_refused(self) -> bool:
        """Returns whether the caller refused to be recorded."""
        return self.refused_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionRecord(DetailsPart):
    """Which data is removed from the call's record.

    Attributes:
        kinds: See control/redaction/finder.py; empty for none.
        withheld: Why the recording stays withheld for good; empty while it may still be redacted.
    """

    kinds: tuple[str, ...] = ()
    withheld: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDetails(DetailsPart):
    """The column calls.details.

    Attributes:
        leg: Number of the current media stream.
        answered_by: Result of answering-machine detection.
        usage: Counters as shared.events.CallUsage encodes them. Media of another version may count other things.
        joined: Keys of the recordings that the call's recording was made of.
        ended_by: Who reported the end.
        meant_end: Why we hang up.
        leaves_message: An answering machine gets a message after its greeting.
        call_screening: The campaign's rule for phones that ask who is calling; None for the agent's rule.
        unanswered: The carrier reported the end before any answer.
        placing_at: When dialing was first tried.
        carrier_recordings: By the recording's id, or by the leg's id if the carrier gave the recording none.
        recordings_deleted_at: When its recordings were to be deleted, by retention or on the caller's request.
        contents_deleted_at: When the caller's data was deleted from it.
        failed_providers: By role. None if unknown, because the call has not ended or a program of the previous version
            recorded it.
        latency: Histograms of the turns (control/analytics/latency.py) by role.
        transfer: Set if the caller is, or was to the end, connected to another number.
        returns: Transfers that led back to the agent.
        attestation: Of the caller's number (control/calls/records/callers.py).
        screened_at: When the called phone asked who is calling.
        opted_out_at: When the person on the phone asked not to be called again.
        opted_out_by: "words" or "key".
    """

    leg: int = 0
    legs: tuple[MediaLeg, ...] = ()
    carrier: CarrierReport = field(default_factory=CarrierReport)
    answered_by: str | None = field(default=None, metadata={_KEY: "amd"})
    usage: Mapping[str, Any] | None = None
    interruptions: int = 0
    gaps: tuple[Gap, ...] = ()
    recordings: tuple[StreamRecording, ...] = ()
    joined: tuple[str, ...] = ()
    carrier_recordings: Mapping[str, StoredCarrierRecording] = field(default_factory=dict)
    ended_by: CallSource | None = field(default=None, metadata={_KEY: "end_by"})
    meant_end: EndReason | None = field(default=None, metadata={_KEY: "end_meant"})
    unanswered: Literal[True] | None = None
    leaves_message: bool = False
    call_screening: Literal["answer", "end"] | None = None
    transfer: Transfer | None = field(default=None, metadata={_KEY: "put_through"})
    returns: tuple[ReturnedTransfer, ...] = ()
    lost: StreamLoss | None = None
    missing: Absence | None = None
    refused: RefusalReason | None = None
    placing_at: datetime | None = None
    consent: ConsentRecord = field(default_factory=ConsentRecord)
    recordings_deleted_at: datetime | None = None
    contents_deleted_at: datetime | None = None
    redaction: RedactionRecord = field(default_factory=RedactionRecord)
    failed_providers: Mapping[str, tuple[str, ...]] | None = None
    latency: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    attestation: str | None = None
    screened_at: datetime | None = None
    opted_out_at: datetime | None = None
    opted_out_by: str = ""

    @property
    def was_assigned(self) -> bool:
        """Returns whether the current media stream was assigned to a node."""
        return any(leg.leg == self.leg for leg in self.legs)

    @property
    def deletes_recordings(self) -> bool:
        """Returns whether every recording of the call is to be deleted, including later recordings."""
        return self.consent.is_refused or self.recordings_deleted_at is not None

    @property
    def is_recording_withheld(self) -> bool:
        """Returns whether the call was recorded, and all its recordings are withheld."""
        return bool(self.redaction.kinds and (self.recordings or self.carrier_recordings))


# Fields that hold a nested part, and the part's type.
_ONE: Final[Mapping[str, type[DetailsPart]]] = {
    "carrier": CarrierReport,
    "transfer": Transfer,
    "lost": StreamLoss,
    "missing": Absence,
    "consent": ConsentRecord,
    "redaction": RedactionRecord,
}
_LISTS: Final[Mapping[str, type[DetailsPart]]] = {
    "legs": MediaLeg,
    "gaps": Gap,
    "recordings": StreamRecording,
    "returns": ReturnedTransfer,
}


def decode_details(raw: Mapping[str, Any]) -> CallDetails:
    """Decodes the column's value. It never fails: unreadable values are in `unknown`."""
    return _decode(CallDetails, raw)


def encode_details(details: CallDetails) -> dict[str, Any]:
    """Returns the column's value. Fields with their default value are left out."""
    return _encode(details)


def _cost_of(cost: Any) -> Decimal | None:
    """Returns a cost of the carrier's report as a Decimal; None if it is missing or unreadable."""
    try:
        total = Decimal(str(cost["total"])) if isinstance(cost, Mapping) else None
    except (KeyError, InvalidOperation):
        return None
    return total if total is not None and total.is_finite() and 0 <= total < MAX_COST else None


def _decode(kind: type[P], raw: Mapping[str, Any]) -> P:
    """Decodes a part. Raises ValidationError if a required field is missing or unreadable."""
    known: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    readers = _READERS[kind]
    for key, value in raw.items():
        name, read = readers.get(key, ("", None))
        try:
            if read is None:
                raise msgspec.ValidationError
            known[name] = read(value)
        except msgspec.ValidationError:
            unknown[key] = value
    try:
        return kind(**known, unknown=unknown)
    except TypeError as error:
        raise msgspec.ValidationError(str(error)) from None


def _make_readers(kind: type[DetailsPart]) -> dict[str, tuple[str, Callable[[Any], Any]]]:
    """Returns, by JSON key, the attribute's name and the function that reads its value."""
    types = get_type_hints(kind)
    return {
        _key(field_): (field_.name, _reader(field_.name, types[field_.name]))
        for field_ in fields(kind)
        if field_.name != _UNKNOWN
    }


def _reader(name: str, wanted: Any) -> Callable[[Any], Any]:
    if name in _ONE:
        return lambda value: _decode(_ONE[name], _object(value))
    if name in _LISTS:
        return lambda value: tuple(_decode(_LISTS[name], _object(item)) for item in msgspec.convert(value, list[Any]))
    if name == "carrier_recordings":
        return lambda value: {
            key: _decode(StoredCarrierRecording, _object(item)) for key, item in _object(value).items()
        }
    return lambda value: msgspec.convert(value, wanted)


def _object(value: Any) -> dict[str, Any]:
    return msgspec.convert(value, dict[str, Any])


def _encode(part: DetailsPart) -> dict[str, Any]:
    values = {_key(field_): getattr(part, field_.name) for field_ in fields(part) if _is_written(part, field_)}
    return {**part.unknown, **{key: _plain(value) for key, value in values.items()}}


def _is_written(part: DetailsPart, field_: Field[Any]) -> bool:
    """Required fields always are: programs of other versions read them without asking."""
    if field_.name == _UNKNOWN:
        return False
    default = field_.default_factory() if field_.default_factory is not MISSING else field_.default
    return bool(getattr(part, field_.name) != default)


def _plain(value: Any) -> Any:
    if isinstance(value, DetailsPart):
        return _encode(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _key(field_: Field[Any]) -> str:
    return str(field_.metadata.get(_KEY, field_.name))


_READERS: Final = {
    kind: _make_readers(kind) for kind in (CallDetails, StoredCarrierRecording, *_ONE.values(), *_LISTS.values())
}


# --- The column calls.analysis --------------------------------------------------------------------------------------

AnalysisOutcomeStatus = Literal["done", "failed", "skipped"]
AnalysisStatus = Literal["pending", AnalysisOutcomeStatus]
AnalysisMethod = Literal["model", "heuristic"]
Sentiment = Literal["positive", "neutral", "negative"]


class AnalysisRecord(Struct, frozen=True, omit_defaults=True):
    """The column calls.analysis.

    Attributes:
        reason: Why the analysis failed or was skipped, or why the method is heuristic.
        provider, model: Which model answered.
        success_reason: In the model's words.
        extracted: By the agent's schema.
        tokens: Used for the call so far.
        runs: Attempts so far.
        at: Time of the last attempt.
    """

    method: AnalysisMethod | None = None
    reason: str = ""
    provider: str = ""
    model: str = ""
    success_reason: str = ""
    extracted: dict[str, Any] | None = None
    tokens: int = 0
    runs: int = 0
    at: datetime | None = None


NO_RECORD: Final = AnalysisRecord()


def decode_record(stored: Any) -> AnalysisRecord:
    """Decodes the column's value. Null becomes an empty record."""
    return NO_RECORD if stored is None else msgspec.convert(stored, AnalysisRecord)


def encode_record(record: AnalysisRecord) -> Any:
    """Returns the value for the column."""
    return msgspec.to_builtins(record)
