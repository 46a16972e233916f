"""The typed forms of the JSON columns `calls.details` and `calls.analysis`. Only this module decodes and encodes them.

The keys of CallDetails are shared with programs of other versions that run at the same time. So a key or a nested field
that this version does not know, or whose value it cannot read, is stored in `unknown` and written back unchanged.
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


# Fields of a dataclass that holds a part of the column: `unknown` is ours, the others are JSON keys.
_UNKNOWN: Final = "unknown"
_KEY: Final = "key"
# A carrier's cost of one call from this on, in US dollars, is taken for an error of its report.
MAX_COST: Final = 10_000
# Facts whose names begin so are costs of legs that transfers called; the leg's id follows.
LEG_COST: Final = "cost_of_leg:"
P = TypeVar("P", bound="DetailsPart")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsPart:
    """Base of an object in the column. unknown: its JSON keys that this version cannot read."""

    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLeg(DetailsPart):
    """A media stream of the call and the node that it was assigned to. at: ISO 8601. stream: the carrier's id of the
    stream, where its end is reported by that id (Telnyx)."""

    leg: int
    node_id: str
    at: str
    stream: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierReport(DetailsPart):
    """What the carrier reported. duration_s: connected seconds. sequence: the number of its latest report, if it
    numbers them. cause: why it ended the call (Telnyx: hangup_cause; Twilio: its error code, else the SIP code, if no
    conversation took place). sip: the SIP status code of the end. transfer_called: id of the leg of the transfer's
    target, as soon as the carrier reports it (Telnyx); transfer_leg: the same once it was reached. session: the id of
    the call that stays when its carrier_call_id changes (Telnyx). unknown: the carrier's other facts."""

    duration_s: int | None = None
    sequence: int | None = None
    cause: str | None = None
    sip: str | None = None
    transfer_called: str | None = None
    transfer_leg: str | None = None
    session: str | None = None

    @property
    def has_estimated_cost(self) -> bool:
        """Whether a part of total_cost is our estimate (control/calls/carrier_reports/twilio_extras.py)."""
        cost = self.unknown.get("cost")
        return isinstance(cost, Mapping) and "estimated" in cost

    @property
    def total_cost(self) -> Decimal | None:
        """What the carrier charges us for the whole call, US dollars; None before it said so. Telnyx reports each leg's
        cost by itself (call.cost): those of transfers are added, whether or not the target was reached."""
        own = _cost_of(self.unknown.get("cost"))
        if own is None:
            return None
        legs = (_cost_of(value) for name, value in self.unknown.items() if name.startswith(LEG_COST))
        return own + sum((cost for cost in legs if cost is not None), Decimal(0))

    def merge(self, facts: Mapping[str, Any]) -> "CarrierReport":
        """Adds facts. They replace the ones from before, unless their sequence number is lower."""
        before = _encode(self)
        sequence = facts.get("sequence")
        is_late = sequence is not None and self.sequence is not None and sequence < self.sequence
        return _decode(CarrierReport, {**facts, **before} if is_late else {**before, **facts})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(DetailsPart):
    """Where the call continued after its media stream was lost. at_ms: since the call began."""

    leg: int
    lost_ms: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecording(DetailsPart):
    """A recording by media of one stream. storage_key: in object storage. is_redacted: it is silent where something
    was said that the workspace does not keep."""

    storage_key: str = field(metadata={_KEY: "key"})
    leg: int
    duration_ms: int
    is_redacted: bool = field(default=False, metadata={_KEY: "redacted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCarrierRecording(DetailsPart):
    """A recording by the carrier. id, leg: the carrier's ids of the recording and of the leg; either may be empty.
    url: where the carrier offered it. place: 0 for the call's first. storage_key: in object storage, once fetched.
    found: the recording's id, if it had to be looked up by the leg."""

    id: str
    url: str
    duration_s: int | None
    leg: str
    place: int
    storage_key: str | None = field(default=None, metadata={_KEY: "key"})
    found: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(DetailsPart):
    """The caller was transferred. talked_s: connected seconds before. until: when the transfer is over at the latest;
    None once the carrier reported the end. number: where to (E.164); empty where media did not tell."""

    talked_s: int
    until: datetime | None = None
    number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedTransfer(DetailsPart):
    """A transfer that led back to the agent. leg: the media stream before it. failure: a TransferFailure. at: when it
    failed. number: where to (E.164); empty before media has told. target: the carrier's id of the leg that was called;
    empty without one. talked_s, detail: of the transferred call's row, whose end media had reported by then."""

    leg: int
    failure: TransferFailure
    at: datetime
    number: str = ""
    target: str = ""
    talked_s: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLoss(DetailsPart):
    """The media stream `leg` was lost, the latest one that was. at: ISO 8601."""

    reason: EndReason
    at: str
    leg: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence(DetailsPart):
    """No media node reports the call. since: the first time that it was missing; at: the latest."""

    since: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord(DetailsPart):
    """What the caller heard to its end and said about being recorded. disclosed_at: that an artificial voice speaks.
    announced_at: that the call is recorded, which it was not before. refused_by: "words" or "key"; empty without a
    refusal."""

    disclosed_at: datetime | None = None
    announced_at: datetime | None = None
    refused_at: datetime | None = None
    refused_by: str = ""

    @property
    def heard(self) -> tuple[str, ...]:
        """The kinds of the announcements that were heard."""
        times = {"disclosure": self.disclosed_at, "recording": self.announced_at}
        return tuple(kind for kind, at in times.items() if at is not None)

    @property
    def is_refused(self) -> bool:
        """Whether the caller does not want to be recorded."""
        return self.refused_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionRecord(DetailsPart):
    """What is left out of what is kept of the call. kinds: of control/redaction/finder.py; empty: nothing.
    withheld: why its recording stays withheld for good; empty while it may still be redacted."""

    kinds: tuple[str, ...] = ()
    withheld: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDetails(DetailsPart):
    """leg: of the current media stream. answered_by: result of answering-machine detection. usage: counters as
    shared.events.CallUsage encodes them; media of another version may count other things. joined: keys of the
    recordings that the call's recording was made of. ended_by: who reported the end. meant_end: why we hang up.
    leaves_message: an answering machine gets a message after its greeting. call_screening: what phones that ask who
    calls get, by the rule of the campaign; None: as the agent says.
    unanswered: the carrier reported the end before any answer. placing_at: when dialing was first tried.
    carrier_recordings: by the recording's id, or by the leg's where the carrier gave none. recordings_deleted_at: when
    its recordings were to be deleted, by retention or on the caller's request. contents_deleted_at: when the caller's
    data was deleted from it. failed_providers: by role; None: not known, because the call has not ended or a program of
    the version before recorded it. latency: histograms of the turns (control/analytics/latency.py) by role.
    transfer: of a caller who is with another number now, or was to the end; returns: those that led back to the agent.
    attestation: of the caller's number (control/calls/records/callers.py). screened_at: when the called phone asked who
    calls. opted_out_at: when the person on the phone asked not to be called again; opted_out_by: "words" or "key".
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
        """Whether the current media stream was given to a node."""
        return any(leg.leg == self.leg for leg in self.legs)

    @property
    def deletes_recordings(self) -> bool:
        """Whether every recording of the call is to be deleted, one that comes later, too."""
        return self.consent.is_refused or self.recordings_deleted_at is not None

    @property
    def is_recording_withheld(self) -> bool:
        """Whether the call was recorded, and no recording of it may be read as it is."""
        return bool(self.redaction.kinds and (self.recordings or self.carrier_recordings))


# How the values of the fields that hold other parts are nested.
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
    """Reads the column's value. Never fails: what cannot be read is in `unknown`."""
    return _decode(CallDetails, raw)


def encode_details(details: CallDetails) -> dict[str, Any]:
    """The column's value. Fields with their default value are left out."""
    return _encode(details)


def _cost_of(cost: Any) -> Decimal | None:
    """cost: as the carrier's report has it."""
    try:
        total = Decimal(str(cost["total"])) if isinstance(cost, Mapping) else None
    except (KeyError, InvalidOperation):
        return None
    return total if total is not None and total.is_finite() and 0 <= total < MAX_COST else None


def _decode(kind: type[P], raw: Mapping[str, Any]) -> P:
    """Raises ValidationError when a required field is missing or unreadable."""
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
    """By JSON key: the attribute's name, and how its value is read."""
    types = get_type_hints(kind)
    return {_key(one): (one.name, _reader(one.name, types[one.name])) for one in fields(kind) if one.name != _UNKNOWN}


def _reader(name: str, wanted: Any) -> Callable[[Any], Any]:
    if name in _ONE:
        return lambda value: _decode(_ONE[name], _object(value))
    if name in _LISTS:
        return lambda value: tuple(_decode(_LISTS[name], _object(one)) for one in msgspec.convert(value, list[Any]))
    if name == "carrier_recordings":
        return lambda value: {key: _decode(StoredCarrierRecording, _object(one)) for key, one in _object(value).items()}
    return lambda value: msgspec.convert(value, wanted)


def _object(value: Any) -> dict[str, Any]:
    return msgspec.convert(value, dict[str, Any])


def _encode(part: DetailsPart) -> dict[str, Any]:
    values = {_key(one): getattr(part, one.name) for one in fields(part) if _is_written(part, one)}
    return {**part.unknown, **{key: _plain(value) for key, value in values.items()}}


def _is_written(part: DetailsPart, one: Field[Any]) -> bool:
    """Required fields always are: programs of other versions read them without asking."""
    if one.name == _UNKNOWN:
        return False
    default = one.default_factory() if one.default_factory is not MISSING else one.default
    return bool(getattr(part, one.name) != default)


def _plain(value: Any) -> Any:
    if isinstance(value, DetailsPart):
        return _encode(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return value


def _key(one: Field[Any]) -> str:
    return str(one.metadata.get(_KEY, one.name))


_READERS: Final = {
    kind: _make_readers(kind) for kind in (CallDetails, StoredCarrierRecording, *_ONE.values(), *_LISTS.values())
}


# --- The column calls.analysis --------------------------------------------------------------------------------------

AnalysisOutcomeStatus = Literal["done", "failed", "skipped"]
AnalysisStatus = Literal["pending", AnalysisOutcomeStatus]
AnalysisMethod = Literal["model", "heuristic"]
Sentiment = Literal["positive", "neutral", "negative"]


class AnalysisRecord(Struct, frozen=True, omit_defaults=True):
    """The column calls.analysis. reason: why it failed or was skipped, or why the method is heuristic. provider, model:
    that answered. success_reason: the model's words. extracted: by the agent's schema. tokens: used for the call so
    far. runs: attempts so far. at: of the last one."""

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
    """Reads the column's value; null becomes an empty record."""
    return NO_RECORD if stored is None else msgspec.convert(stored, AnalysisRecord)


def encode_record(record: AnalysisRecord) -> Any:
    """Returns the value for the column."""
    return msgspec.to_builtins(record)
