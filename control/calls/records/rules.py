"""Calls as values, and the transitions of a call's state: pure functions from one state to the next.

Reports come from the carrier, from media and from control, late, repeated and in any order. Rules:
- A final status is never left, whoever reports. One exception: a call that counted as unanswered becomes completed if
  the answer is reported after the end.
- Media knows best why a conversation ended and how long it was. It corrects what was concluded from a carrier's report,
  but not what control decided.
- A transferred caller is still on the line: only the carrier knows how long. If the target is not reached, the call
  goes on with the agent, and is not over (`take_back`).
- What the record says about announcements, consent, opt-outs and providers is the same in any order of the events.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from pydantic import Field, StringConstraints

from control.agents.variables import PlannedCall
from control.analytics.latency import add_turn
from control.billing.ledger.rules import ResourceCost
from control.billing.limits.rules import SpendTerms
from control.calls.records.details import (
    CallDetails,
    CallSource,
    ConsentRecord,
    Gap,
    ReturnedTransfer,
    StreamLoss,
    StreamRecording,
    Transfer,
)
from control.calls.records.refusals import REFUSALS, RefusalReason
from control.carriers.rules import CarrierName, PlacedCall
from control.knowledge.tool import SEARCH_KNOWLEDGE, Citation, read_citations
from control.validation import bounded_map
from shared.bus.checkpoints import Checkpoint
from shared.events import (
    AnnouncementHeard,
    CallEnded,
    CallerOptedOut,
    CallResumed,
    CallStatus,
    EndReason,
    ProviderFailed,
    RecordingReady,
    RecordingRefused,
    TransferFailure,
    TurnLatency,
)
from shared.plan import CallPlan
from shared.recording_keys import recordings_prefix

# --- Bounds and settings ---------------------------------------------------------------------------------------------

# Longest call in seconds, whatever an agent's own limit is.
LONGEST_S: Final = 14_400
# Longest transfer in seconds.
TRANSFER_S: Final = 3_600
# A call continues in another media stream at most this often.
MOST_LEGS: Final = 5
# After so many transfers that were not answered the agent offers no more of them, and takes a message instead.
MOST_RETURNS: Final = 3


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """recordings: Who makes them: media (ours), the carrier or both. apology: The first words of an English-speaking
    agent after a media stream was lost."""

    recordings: Literal["ours", "carrier", "both"] = "ours"
    apology: str = "Sorry, we were cut off for a moment."


# --- Calls, as carriers and control tell of them ---------------------------------------------------------------------

Direction = Literal["inbound", "outbound"]
# STIR/SHAKEN (ATIS-1000074). A: the originating carrier knows the caller, who may use the number; B: it knows the
# caller only; C: it knows the gateway only; failed: the signature is not valid.
Attestation = Literal["A", "B", "C", "failed"]
# Statuses that a call never leaves.
FINAL: frozenset[CallStatus] = frozenset({"completed", "failed", "busy", "no_answer", "canceled"})


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call to one of our numbers. caller: E.164, or whatever the carrier sends ("anonymous", a SIP URI). attestation:
    Of the caller's number by STIR/SHAKEN, as in CallDetails."""

    carrier: CarrierName
    carrier_call_id: str
    caller: str
    called: str
    attestation: Attestation | None = None


@dataclass(frozen=True, slots=True)
class AdmittedCall:
    """A call that an agent answers; its plan goes to a media node (control/calls/live/service.py). leg: the plan's;
    above 0 the call continues after its stream was lost. records_at_carrier: the carrier records it from its beginning;
    a recording that has to be announced begins later (control/calls/recordings/tasks.py). spend_terms: what must be
    reserved before it begins; None: nothing. was_assigned: this stream was given to a node before."""

    call_id: UUID
    workspace_id: UUID
    carrier: CarrierName
    carrier_call_id: str
    plan: CallPlan
    leg: int = 0
    records_at_carrier: bool = False
    spend_terms: SpendTerms | None = None
    was_assigned: bool = False


@dataclass(frozen=True, slots=True)
class CarrierStatus:
    """A carrier's report on a call. status: None when it does not change. call_id: ours, where the webhook carries it.
    sequence: the carrier's number of the report, if it numbers them. duration_s: connected seconds. answered_by: result
    of answering-machine detection, empty without one. greeting_ended: of a machine, which records from now on.
    facts: stored as the carrier named them. session_id: the id that
    stays when carrier_call_id changes (Telnyx)."""

    carrier: CarrierName
    carrier_call_id: str
    status: CallStatus | None
    at: datetime
    call_id: UUID | None = None
    end_reason: EndReason | None = None
    duration_s: int | None = None
    sequence: int | None = None
    answered_by: Literal["", "human", "machine", "fax", "unknown"] = ""
    greeting_ended: bool = False
    facts: Mapping[str, Any] | None = None
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class CarrierRecording:
    """A recording made by a carrier. url: where it can be fetched, without our credentials in it. leg_id: the carrier's
    id of the call's leg, by which the recording can be looked up. recording_id, url and leg_id may be empty, not all of
    them. session_id: see CarrierStatus."""

    carrier: CarrierName
    carrier_call_id: str
    recording_id: str
    url: str
    duration_s: int | None
    call_id: UUID | None = None
    leg_id: str = ""
    session_id: str = ""


class StreamFollowed(Exception):
    """Another request has given the call its next media stream meanwhile. leg: The number of its latest stream."""

    def __init__(self, leg: int) -> None:
        super().__init__(f"stream {leg} follows already")
        self.leg = leg


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that is not over, or has been so for less than a minute, or was transferred (see status): what decides
    whether it continues.

    leg: of its latest media stream. media_node: the node that the stream was assigned to, empty before it is stored;
    MediaAssignment.find_node_id finds the one that took it. end_reason: of a call that is over. stream_id: by which the
    end of that stream is reported, where the carrier gives one (Telnyx). carrier_call_id: as the carrier names the call
    now; stored_id: as the row does, empty before it has one. was_answered: the carrier reported so. is_transferring:
    the target of a transfer is being called, or was; is_connected: it was reached.
    transfer_failures: why transfers led back to the agent, by the media stream before each. last_stream: the latest
    media stream that was connected.
    variables: those that the call brought. call_screening: the rule of the campaign, if it has one. announced,
    recording_refused: as in shared.plan.ResumePoint, as far as events were stored."""

    call_id: UUID
    workspace_id: UUID
    agent_id: UUID | None
    agent_version: int | None
    leg: int
    caller_number: str
    called_number: str
    direction: Direction
    status: CallStatus
    carrier: CarrierName
    carrier_call_id: str
    created_at: datetime
    media_node: str = ""
    answered_at: datetime | None = None
    end_reason: EndReason | None = None
    stream_id: str = ""
    stored_id: str = ""
    was_answered: bool = False
    is_transferring: bool = False
    is_connected: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    announced: tuple[str, ...] = ()
    recording_refused: bool = False
    is_test: bool = False
    last_stream: int = 0
    transfer_failures: Mapping[int, TransferFailure] = field(default_factory=dict)
    call_screening: Literal["answer", "end"] | None = None

    @property
    def returned(self) -> TransferFailure | None:
        """Returns why the transfer after the latest media stream led back to the agent; None without such a transfer.
        It stays until the next stream is connected."""
        return self.transfer_failures.get(self.last_stream)

    def to_planned(self, at: datetime) -> PlannedCall:
        """What a plan is made for. at: when it is made."""
        return PlannedCall(
            at=at,
            id=str(self.call_id),
            direction=self.direction,
            caller=self.caller_number,
            called=self.called_number,
            variables=self.variables,
            call_screening=self.call_screening,
        )


# --- The caller, and what customers store with a call ----------------------------------------------------------------

ANONYMOUS: Final = "anonymous"
# What carriers send in place of a withheld number: these words; their letters on a keypad, at Twilio with a plus
# (+266696687 is ANONYMOUS); or a SIP address of RFC 3323, 4.1.1.3.
_WORDS: Final = ("anonymous", "restricted", "blocked", "unavailable", "unknown", "private", "withheld", "nocallerid")
_KEYS: Final = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_KEYED: Final = frozenset(word.translate(_KEYS) for word in _WORDS)
_SIP: Final = re.compile(r"^sips?:(anonymous@|[^@]*@anonymous\.invalid)")
_NUMBER: Final = re.compile(r"^\+?[0-9]+$")


def identify_caller(caller: str) -> str:
    """Returns ANONYMOUS for a caller who withholds the number, otherwise what the carrier sent, without surrounding
    space.

    caller: E.164, or whatever the carrier sends.
    """
    text = caller.strip()
    if _NUMBER.match(text):
        return ANONYMOUS if text.removeprefix("+") in _KEYED else text
    plain = text.lower().replace(" ", "")
    return ANONYMOUS if not plain or plain in _WORDS or _SIP.match(plain) else text


def known_number(caller: str) -> str:
    """Returns what the carrier sent, without surrounding space; empty if the caller withholds the number."""
    identity = identify_caller(caller)
    return "" if identity == ANONYMOUS else identity


# Metadata is for the customer's own programs; the platform does not read it. The bounds are those of Stripe's metadata:
# https://docs.stripe.com/metadata.
MOST_ENTRIES: Final = 50
LONGEST_NAME: Final = 40
LONGEST_VALUE: Final = 500
# As there: no square brackets, which forms use for nesting. No control characters, so that a name can be shown.
MetadataName = Annotated[str, StringConstraints(pattern=r"^[^\u0000-\u001f\u007f\[\]]{1,40}$")]
# Any text without NUL, which PostgreSQL does not store.
MetadataValue = Annotated[str, StringConstraints(max_length=LONGEST_VALUE, pattern=r"^[^\u0000]*$")]
CallMetadata = Annotated[
    dict[MetadataName, MetadataValue],
    Field(
        max_length=MOST_ENTRIES,
        description="Data of your own, returned with the call: up to 50 entries, names of up to 40 and values of up to "
        "500 characters.",
        examples=[{"order": "7731"}],
        json_schema_extra={"additionalProperties": False},
    ),
    bounded_map(MOST_ENTRIES, LONGEST_NAME),
]


# --- The state of a call ---------------------------------------------------------------------------------------------

# These ends concern one media stream only: the carrier asks what comes next, and the call may continue in another one.
LEG_LOST: Final = ("carrier_error", "media_lost")
# A transferred caller is on the line for at most this long: ringing, and the bound set at the carrier.
LONGEST_TRANSFER: Final = timedelta(seconds=TRANSFER_S + 60)
_RANK: Final[dict[CallStatus, int]] = {"queued": 0, "ringing": 1, "in_progress": 2}


@dataclass(frozen=True, slots=True)
class CallState:
    """The columns of a call's row that may change, and the columns that decide how. caller_number: empty if it was
    withheld."""

    id: UUID
    workspace_id: UUID
    created_at: datetime
    is_test: bool
    direction: Direction
    carrier: str
    carrier_call_id: str | None
    status: CallStatus
    caller_number: str = ""
    agent_id: UUID | None = None
    end_reason: EndReason | None = None
    end_detail: str | None = None
    media_node: str | None = None
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    duration_seconds: int = 0
    recording_key: str | None = None
    recording_seconds: Any = None
    transcription: str | None = None
    details: CallDetails = field(default_factory=CallDetails)

    @property
    def is_final(self) -> bool:
        """Returns whether the call is over."""
        return self.status in FINAL


# A call before and after a change.
CallChange = tuple[CallState, CallState]


def accounting_day(state: CallState) -> date:
    """Returns the day (UTC) whose figures count the call: the day of its creation."""
    return state.created_at.astimezone(UTC).date()


def mark_dialled(state: CallState, placed: PlacedCall, at: datetime) -> CallState:
    """Returns the state of an outbound call that the carrier has, under this id."""
    details = state.details
    if placed.session_id:
        details = replace(details, carrier=details.carrier.merge({"session": placed.session_id}))
    started = _earliest(state.started_at, at)
    after = replace(state, carrier_call_id=placed.carrier_call_id, started_at=started, details=details)
    return _order_times(after)


def mark_answered(state: CallState, at: datetime) -> CallState:
    """Returns the state of an answered call. The earliest of several reported times is kept."""
    status: CallStatus = state.status if state.is_final else "in_progress"
    answered, started = _earliest(state.answered_at, at), _earliest(state.started_at, at)
    after = _order_times(replace(state, status=status, answered_at=answered, started_at=started))
    return _complete_unanswered(after) if state.details.unanswered else after


def close(
    state: CallState, status: CallStatus, reason: EndReason | None, detail: str | None, at: datetime, by: CallSource
) -> CallState:
    """Returns the state of a call that ends now; a call that is over stays as it is."""
    if state.is_final:
        return state
    ended = replace(
        state,
        status=status,
        end_reason=reason,
        end_detail=detail,
        ended_at=at,
        duration_seconds=_seconds_between(state.answered_at, at),
        details=replace(state.details, ended_by=by),
    )
    return _order_times(ended)


def refuse(state: CallState, reason: RefusalReason, now: datetime) -> CallState:
    """Returns the state of a refused call; a call that is over stays as it is.

    A call whose agent has talked already ends as lost. After cut_off the call stays open, because nothing is known
    about it: media, the carrier or the duty `lost_calls` ends it.
    """
    if state.is_final:
        return state
    if reason == "cut_off":
        lost = state.details.lost or StreamLoss(reason="media_lost", at=now.isoformat(), leg=state.details.leg)
        return replace(state, details=replace(state.details, lost=lost))
    if state.status == "in_progress" and _has_media(state):
        closed = close(state, "failed", "media_lost", reason, now, "control")
    else:
        end_reason: EndReason | None = "spend_limit" if reason == "spend_limit" else None
        closed = close(state, REFUSALS[reason].status, end_reason, reason, now, "control")
    return replace(closed, details=replace(closed.details, refused=reason))


def was_refused_before_agent(state: CallState) -> bool:
    """Returns whether this is an inbound call that was refused before it was assigned to a media node."""
    return state.direction == "inbound" and state.details.refused is not None and not _has_media(state)


def _has_media(state: CallState) -> bool:
    """Returns whether the call was assigned to a media node. Calls at Telnyx are in progress before that."""
    return bool(state.media_node or state.details.leg)


# --- Reports of carriers ---------------------------------------------------------------------------------------------


def apply_carrier_status(state: CallState, report: CarrierStatus) -> CallState:
    """Returns the state after a carrier's report."""
    after = _store_facts(state, report)
    if report.answered_by:
        after = replace(after, details=replace(after.details, answered_by=report.answered_by))
    if report.status is None:
        return after
    if report.status == "in_progress":
        return mark_answered(after, report.at)
    if report.status in FINAL:
        return _apply_carrier_end(after, report)
    if not after.is_final and _RANK[report.status] > _RANK[after.status]:
        after = replace(after, status=report.status)
    if report.status == "ringing":
        after = _order_times(replace(after, started_at=_earliest(after.started_at, report.at)))
    return after


def _apply_carrier_end(state: CallState, report: CarrierStatus) -> CallState:
    status = report.status or "completed"
    if state.is_final:
        if state.details.transfer is not None:
            return _end_transfer(state, state.details.transfer, report)
        if report.duration_s is not None and state.details.ended_by == "carrier":
            return replace(state, duration_seconds=report.duration_s)
        return state
    reason = _end_reason(state, report)
    if status == "completed" and state.answered_at is None and _may_be_unanswered(report):
        # Nobody talked: the caller gave up, or the called party did not answer.
        status = "canceled" if state.direction == "inbound" else "no_answer"
        state = replace(state, details=replace(state.details, unanswered=True))
    ended = close(state, status, reason, None, report.at, "carrier")
    return ended if report.duration_s is None else replace(ended, duration_seconds=report.duration_s)


def _may_be_unanswered(report: CarrierStatus) -> bool:
    """Returns whether a call without a reported answer may have been unanswered.

    Telnyx reports no duration, and ends unanswered calls with the cause normal_clearing, too. Twilio reports 0 seconds,
    also for a call that was answered for less than one second.
    """
    return report.duration_s == 0 or (report.carrier == "telnyx" and report.duration_s is None)


def _complete_unanswered(state: CallState) -> CallState:
    """Completes a call whose answer is reported after its end: by the carrier, which keeps no order, or by media."""
    after = replace(state, status="completed", details=replace(state.details, unanswered=None))
    if after.details.ended_by != "carrier" or after.ended_at is None or after.carrier != "telnyx":
        return after  # Twilio has reported the duration
    return replace(after, duration_seconds=_seconds_between(after.answered_at, after.ended_at))


def _end_reason(state: CallState, report: CarrierStatus) -> EndReason | None:
    """Returns why the call ended, as far as it is known without media, whose report corrects it."""
    if report.end_reason is not None:
        return report.end_reason
    if report.status == "failed":
        return "carrier_error"
    if report.status != "completed":
        return None
    return state.details.meant_end or _lost_reason(state) or "caller_hangup"


# --- Reports of media ------------------------------------------------------------------------------------------------


def apply_media_end(state: CallState, event: CallEnded, at: datetime, leg: int = 0) -> CallState:
    """Returns the state after media has reported the end of the conversation, or of its stream `leg`."""
    details = replace(state.details, usage=msgspec.to_builtins(event.usage))
    after = replace(state, details=details)
    if event.end_reason in LEG_LOST:
        loss = StreamLoss(reason=event.end_reason, at=at.isoformat(), leg=leg)
        return after if _loss_leg(after) > leg else replace(after, details=replace(details, lost=loss))
    seconds = max(0, round(event.duration_ms / 1000))
    if not after.is_final:
        ended = close(after, event.status, _media_reason(after, event), event.detail or None, at, "media")
        ended = replace(ended, duration_seconds=seconds)
        is_transfer = event.end_reason == "transferred"
        return _store_transfer(ended, seconds, at + LONGEST_TRANSFER, event.transfer_to) if is_transfer else ended
    if details.ended_by != "carrier":
        return replace(after, duration_seconds=seconds)
    after = replace(
        after,
        end_reason=_media_reason(after, event),
        end_detail=event.detail or None,
        details=replace(details, ended_by="media"),
    )
    if event.end_reason != "transferred":
        return replace(after, duration_seconds=seconds)
    talked = replace(after, duration_seconds=max(seconds, after.duration_seconds))
    return _store_transfer(talked, seconds, None, event.transfer_to)


def _media_reason(state: CallState, event: CallEnded) -> EndReason:
    """Returns why the conversation ended. A hang-up by the carrier, ordered by the staff, looks to media like a hang-up
    by the caller."""
    is_ordered = state.details.meant_end == "admin" and event.end_reason == "caller_hangup"
    return "admin" if is_ordered else event.end_reason


def mark_lost(state: CallState, leg: int, at: datetime) -> CallState:
    """Returns the state once it is known that the stream `leg` was lost with its node, which can no longer report.

    If the carrier has reported the end of the call, the loss is taken for the reason. A late report of media still
    corrects that.
    """
    if _loss_leg(state) >= leg:
        return state
    loss = StreamLoss(reason="media_lost", at=at.isoformat(), leg=leg)
    after = replace(state, details=replace(state.details, lost=loss))
    is_concluded = state.is_final and state.details.ended_by == "carrier" and state.end_reason == "caller_hangup"
    return replace(after, end_reason=_lost_reason(after) or state.end_reason) if is_concluded else after


def _loss_leg(state: CallState) -> int:
    """Returns the latest stream that was lost; -1 for none."""
    return -1 if state.details.lost is None else state.details.lost.leg


def _lost_reason(state: CallState) -> EndReason | None:
    """Returns why the call ended, if it ended while it had no stream. None: No stream was lost, or another stream
    followed."""
    lost = state.details.lost
    is_followed = lost is not None and any(gap.leg > lost.leg for gap in state.details.gaps)
    return None if lost is None or is_followed else lost.reason


def apply_resume(state: CallState, event: CallResumed, at: datetime) -> CallState:
    """Returns the state of a call that continues in another media stream."""
    gap = Gap(leg=event.leg, lost_ms=event.lost_ms, at_ms=event.at_ms)
    after = mark_answered(state, at)
    gaps = tuple(sorted((*state.details.gaps, gap), key=lambda one: one.leg))
    return replace(after, details=replace(after.details, gaps=gaps))


def count_interruption(state: CallState) -> CallState:
    """Counts one interruption by the caller."""
    return replace(state, details=replace(state.details, interruptions=state.details.interruptions + 1))


def mark_screened(state: CallState, at: datetime) -> CallState:
    """Returns the state of a call whose called phone asked who calls. The earliest of several reports is kept."""
    known = state.details.screened_at
    return replace(state, details=replace(state.details, screened_at=at if known is None else min(known, at)))


def add_recording(state: CallState, event: RecordingReady) -> CallState:
    """Adds the recording of a stream, which is in storage. A key outside the workspace's prefix is ignored.

    The first recording is the call's recording until several are joined.
    """
    if not event.path.startswith(recordings_prefix(state.workspace_id)) or ".." in event.path:
        return state
    one = StreamRecording(storage_key=event.path, leg=event.leg, duration_ms=event.duration_ms)
    others = [other for other in state.details.recordings if not _is_same_stream(other, one, state)]
    recordings = tuple(sorted((*others, one), key=lambda each: each.leg))
    after = replace(state, details=replace(state.details, recordings=recordings))
    if after.details.redaction.kinds:
        return after  # nobody reads it before it is redacted (control/calls/recordings/tasks.py)
    if after.details.deletes_recordings:
        return after  # it is deleted (control/calls/recordings/tasks.py)
    if after.details.joined or (len(recordings) > 1 and after.recording_key):
        return after
    return replace(after, recording_key=event.path, recording_seconds=event.duration_ms / 1000)


def _is_same_stream(other: StreamRecording, one: StreamRecording, state: CallState) -> bool:
    """Returns whether both are of the same stream. A node that uploads a recording again reports its first key, which a
    redacted recording no longer has."""
    return other.storage_key == one.storage_key or bool(state.details.redaction.kinds and other.leg == one.leg)


def _store_transfer(state: CallState, talked_s: int, until: datetime | None, number: str) -> CallState:
    """until: None once the carrier has reported the end. number: The target."""
    before = state.details.transfer or Transfer(talked_s=talked_s)
    transfer = replace(before, talked_s=talked_s, until=until, number=number)
    return replace(state, details=replace(state.details, transfer=transfer))


def _end_transfer(state: CallState, transfer: Transfer, report: CarrierStatus) -> CallState:
    """Applies a carrier's report that a transferred call has ended. Telnyx does not report how long it was."""
    if transfer.until is None:  # reported before
        return replace(state, duration_seconds=max(report.duration_s or 0, state.duration_seconds))
    since = state.answered_at or report.at
    seconds = report.duration_s if report.duration_s is not None else round((report.at - since).total_seconds())
    ended_at = max(state.ended_at or report.at, report.at)
    after = replace(state, ended_at=ended_at, duration_seconds=max(seconds, state.duration_seconds))
    return _store_transfer(after, transfer.talked_s, None, transfer.number)


def _order_times(state: CallState) -> CallState:
    """The state with created ≤ started ≤ answered ≤ ended, whatever was reported: carriers round to whole seconds, and
    the clocks of carriers, nodes and APIs differ. The creation stands, and the end bounds the two between. Cutting to
    bounds and taking the earliest report may change places, so that the outcome is the same in any order of reports."""
    ended = None if state.ended_at is None else max(state.ended_at, state.created_at)
    answered = _cut(state.answered_at, state.created_at, ended)
    started = _cut(state.started_at, state.created_at, ended if answered is None else answered)
    return replace(state, started_at=started, answered_at=answered, ended_at=ended)


def _cut(at: datetime | None, earliest: datetime, latest: datetime | None) -> datetime | None:
    if at is None:
        return None
    return max(at, earliest) if latest is None else min(max(at, earliest), latest)


def _earliest(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else min(known, at)


def _seconds_between(since: datetime | None, until: datetime) -> int:
    return max(0, round((until - since).total_seconds())) if since else 0


def _store_facts(state: CallState, report: CarrierStatus) -> CallState:
    facts: dict[str, Any] = dict(report.facts or {})
    if any(returned.target and returned.target == facts.get("transfer_called") for returned in state.details.returns):
        # A late event of a leg that the caller has left.
        facts = {name: value for name, value in facts.items() if name not in ("transfer_called", "transfer_leg")}
    if report.duration_s is not None:
        facts["duration_s"] = report.duration_s
    if report.sequence is not None:
        facts["sequence"] = report.sequence
    if not facts:
        return state
    return replace(state, details=replace(state.details, carrier=state.details.carrier.merge(facts)))


# --- Transfers that lead back to the agent ---------------------------------------------------------------------------

# A caller who hangs up while the target's phone rings ends both legs; Telnyx's times of the two differ by the moment in
# which it ends the second one. Nobody has heard the agent again after so short a time.
SAME_MOMENT: Final = timedelta(seconds=0.5)


def may_return(state: CallState) -> bool:
    """Returns whether the caller may still be on the line.

    If the call counts as over, the carrier must not have reported its end: media's reports may come later than the
    carrier's report of the failed transfer.
    """
    if not state.is_final:
        return True
    transfer = state.details.transfer
    is_over = transfer is not None and transfer.until is None
    return state.end_reason == "transferred" and not is_over


def take_back(
    state: CallState, failure: TransferFailure, at: datetime, *, leg: int | None = None, target: str = ""
) -> CallState:
    """The call goes on with the agent; only for one that `may_return`. Repeated, it changes nothing.

    leg: the media stream before the transfer, None for the latest. target: the carrier's id of the leg that was called.
    The ledger has nothing of a call that goes on, so its seconds are charged when it is over, as one call.
    """
    details, leg = state.details, state.details.leg if leg is None else leg
    transfer = details.transfer
    is_known = any(target and one.target == target for one in details.returns)
    if is_known or has_returned(state, leg):
        return state
    returned = ReturnedTransfer(
        leg=leg,
        failure=failure,
        at=at,
        number=transfer.number if transfer is not None else "",
        target=target,
        talked_s=transfer.talked_s if transfer is not None else None,
        detail=state.end_detail,
    )
    return replace(
        state,
        status="in_progress",
        end_reason=None,
        end_detail=None,
        ended_at=None,
        duration_seconds=0,
        details=replace(
            details,
            returns=(*details.returns, returned),
            transfer=None,
            ended_by=None,
            carrier=replace(details.carrier, transfer_called=None, transfer_leg=None),
        ),
    )


def has_returned(state: CallState, leg: int) -> bool:
    """Returns whether the transfer after this media stream led back to the agent."""
    return any(returned.leg == leg for returned in state.details.returns)


def apply_returned_end(state: CallState, event: CallEnded, leg: int) -> CallState:
    """Applies media's report of a transfer that has led back already: its target, and the length of the call before
    it."""
    seconds = max(0, round(event.duration_ms / 1000))
    returns = tuple(
        replace(returned, number=event.transfer_to, talked_s=seconds, detail=event.detail or None)
        if returned.leg == leg
        else returned
        for returned in state.details.returns
    )
    return replace(state, details=replace(state.details, returns=returns))


def undo_return(state: CallState, report: CarrierStatus) -> CallState:
    """Returns the state before the last return, if the report says that the caller had gone when the transfer failed.

    Then the target was not reached because the caller hung up, whichever of the two ends is reported first
    (docs/decisions/0102-callers-who-leave-a-transfer.md).
    """
    if state.is_final or report.status not in FINAL or not state.details.returns:
        return state
    *others, last = state.details.returns
    if report.at > last.at + SAME_MOMENT:
        return state
    details = replace(state.details, returns=tuple(others))
    if last.talked_s is None:  # media's report of the transfer comes later
        return replace(state, details=details)
    transfer = Transfer(talked_s=last.talked_s, until=last.at, number=last.number)
    return replace(
        state,
        status="completed",
        end_reason="transferred",
        end_detail=last.detail,
        ended_at=min(last.at, report.at),
        duration_seconds=last.talked_s,
        details=replace(details, transfer=transfer, ended_by="media"),
    )


# --- Announcements, consent and opt-outs -----------------------------------------------------------------------------


def apply_announcement(state: CallState, event: AnnouncementHeard, at: datetime) -> CallState:
    """Stores that the caller has heard an announcement to its end; the earliest of several times is kept. Kinds of a
    later version change nothing."""
    before = state.details.consent
    if event.kind == "disclosure":
        return _with_consent(state, replace(before, disclosed_at=_earliest(before.disclosed_at, at)))
    if event.kind == "recording":
        return _with_consent(state, replace(before, announced_at=_earliest(before.announced_at, at)))
    return state


def apply_refusal(state: CallState, event: RecordingRefused, at: datetime) -> CallState:
    """Stores that the caller does not want to be recorded: the call no longer has a recording. A job deletes what there
    is."""
    before = state.details.consent
    if before.refused_at is not None and before.refused_at <= at:
        return state
    refused = replace(before, refused_at=at, refused_by=event.by)
    return replace(_with_consent(state, refused), recording_key=None, recording_seconds=None)


def apply_checkpoint(state: CallState, checkpoint: Checkpoint, at: datetime) -> CallState:
    """Stores what only the checkpoint of a lost node knows: what was heard or refused, at this time at the latest.

    If the event arrives after all, it brings the true time. at: The time of the checkpoint.
    """
    before = state.details.consent
    disclosed, announced = (at if kind in checkpoint.announced else None for kind in ("disclosure", "recording"))
    known = replace(
        before, disclosed_at=before.disclosed_at or disclosed, announced_at=before.announced_at or announced
    )
    after = _with_consent(state, known)
    is_news = checkpoint.recording_refused and not before.is_refused
    return apply_refusal(after, RecordingRefused(0, "words"), at) if is_news else after


def _with_consent(state: CallState, consent: ConsentRecord) -> CallState:
    return replace(state, details=replace(state.details, consent=consent))


def apply_opt_out(state: CallState, event: CallerOptedOut, at: datetime) -> CallState:
    """Stores that the person on the phone asked not to be called again; the earliest of several requests is kept."""
    known = state.details.opted_out_at
    if known is not None and known <= at:
        return state
    return replace(state, details=replace(state.details, opted_out_at=at, opted_out_by=event.by))


# --- Quality of the providers ----------------------------------------------------------------------------------------

# The part of a turn's latency that each role takes.
_PARTS: Final[Mapping[str, str]] = {"stt": "stt_ms", "llm": "llm_first_token_ms", "tts": "tts_first_byte_ms"}


def add_latency(state: CallState, event: TurnLatency) -> CallState:
    """Adds a turn to the histograms."""
    before = state.details.latency
    parts = {role: add_turn(before.get(role, {}), getattr(event, name)) for role, name in _PARTS.items()}
    return replace(state, details=replace(state.details, latency={**before, **parts}))


def add_failure(state: CallState, event: ProviderFailed) -> CallState:
    """Stores that the provider failed in this call, however often."""
    before = state.details.failed_providers or {}
    names = tuple(sorted({*before.get(event.kind, ()), event.provider}))
    return replace(state, details=replace(state.details, failed_providers={**before, event.kind: names}))


def complete_failures(state: CallState) -> CallState:
    """Stores, when a stream of the call has ended, that providers without a reported failure did not fail."""
    if state.details.failed_providers is not None:
        return state
    return replace(state, details=replace(state.details, failed_providers={}))


# --- Analyses, as they are stored ------------------------------------------------------------------------------------

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


# --- Calls, as people read them --------------------------------------------------------------------------------------

LATENCY: Final = ("total_ms", "endpoint_ms", "stt_ms", "llm_first_token_ms", "tts_first_byte_ms", "playback_ms")


@dataclass(slots=True)
class ConversationTurn:
    """What the caller said, and what the caller heard of the answer."""

    turn: Annotated[int, Field(description="Number of the turn; 0 is the greeting.", examples=[1])]
    caller: Annotated[
        str, Field(description="What the caller said; empty for nothing.", examples=["I need an appointment."])
    ] = ""
    agent: Annotated[
        str,
        Field(
            description="What the caller heard of the agent's answer; empty for nothing.",
            examples=["Of course. Which day suits you?"],
        ),
    ] = ""
    start_ms: Annotated[
        int | None, Field(description="When it began, in ms since the call began.", examples=[4200])
    ] = None
    interrupted: Annotated[bool, Field(description="Whether the caller interrupted the agent.")] = False
    latency_ms: Annotated[
        dict[str, int] | None,
        Field(
            description="Ms from the end of the caller's speech to the agent's first audible sound, as the "
            "caller perceived it (`total`), and its parts; null without an answer.",
            examples=[
                {"total": 640, "endpoint": 220, "stt": 90, "llm_first_token": 210, "tts_first_byte": 80, "playback": 40}
            ],
        ),
    ] = None
    tools: Annotated[
        list[str], Field(description="Names of the tools that the agent used.", examples=[["collect_digits"]])
    ] = field(default_factory=list)
    citations: Annotated[list[Citation], Field(description="Passages of documents that the model was given.")] = field(
        default_factory=list
    )


def make_turns(events: Iterable[Mapping[str, Any]]) -> list[ConversationTurn]:
    """Returns the turns of a conversation. events: Their data with the type in it, in the order of their numbers."""
    turns: dict[int, ConversationTurn] = {}
    for event in events:
        number = event.get("turn")
        if not isinstance(number, int):
            continue
        turn = turns.setdefault(number, ConversationTurn(number))
        match event["type"]:
            case "caller.said":
                turn.caller = _joined(turn.caller, event["text"])
                turn.start_ms = max(0, event["start_ms"])
            case "agent.said":
                turn.agent = _joined(turn.agent, event["text"])
                turn.interrupted = turn.interrupted or event.get("interrupted", False)
                turn.start_ms = max(0, event["start_ms"]) if turn.start_ms is None else turn.start_ms
            case "turn.latency":
                turn.latency_ms = {name.removesuffix("_ms"): event.get(name, 0) for name in LATENCY}
            case "tool.ran":
                turn.tools.append(event["name"])
                if event["name"] == SEARCH_KNOWLEDGE.name and event.get("ok"):
                    turn.citations += read_citations(event.get("result", ""))
    return [turns[number] for number in sorted(turns)]


def _joined(before: str, more: str) -> str:
    return f"{before} {more}".strip()


# The number that a resource's unit is part of, as in CallUsage (shared/events.py).
_NUMBERS: Final[Mapping[tuple[str, str], str]] = {
    ("stt", "ms"): "stt_ms",
    ("llm", "prompt_tokens"): "llm_prompt_tokens",
    ("llm", "cached_tokens"): "llm_prompt_tokens",
    ("llm", "cache_write_tokens"): "llm_prompt_tokens",
    ("llm", "completion_tokens"): "llm_completion_tokens",
    ("tts", "characters"): "tts_characters",
}


def make_usage(reported: Mapping[str, int] | None, costs: Iterable[ResourceCost]) -> Mapping[str, int] | None:
    """Returns what the call consumed: the ledger's numbers replace what media reported at the end. None: Both are
    empty.

    While the call runs, only the ledger's numbers are known.
    """
    booked: dict[str, int] = {}
    for cost in costs:
        name = _NUMBERS.get((cost.resource_type, cost.unit))
        if name is not None:
            booked[name] = booked.get(name, 0) + int(cost.quantity)
    return {**(reported or {}), **booked} if booked else reported


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are listed. caller_number: E.164. since: From this moment on. until: Before this moment. text: What
    the transcript holds, as `websearch_to_tsquery` reads it."""

    workspace_id: UUID | None = None
    agent_id: UUID | None = None
    status: CallStatus | None = None
    direction: Direction | None = None
    caller_number: str | None = None
    carrier_call_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class CallSummary:
    """A call in a list. caller_number: None if the caller withheld it. cost_list: its minutes at list price;
    cost_total: what is billed of it, after included and trial minutes. currency: of both. variables, metadata: what an
    outbound call brought."""

    id: UUID
    workspace_id: UUID
    workspace_name: str
    agent_id: UUID | None
    agent_name: str | None
    caller_number: str | None
    called_number: str | None
    direction: Direction
    status: CallStatus
    end_reason: EndReason | None
    end_detail: str | None
    is_test: bool
    carrier: str
    carrier_call_id: str | None
    duration_seconds: int
    cost_total: Decimal
    cost_list: Decimal
    currency: str
    created_at: datetime
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    variables: Mapping[str, str]
    metadata: Mapping[str, str]

    @property
    def caller_withheld(self) -> bool:
        """Returns whether the caller withheld the number."""
        return self.direction == "inbound" and not self.is_test and self.caller_number is None


@dataclass(frozen=True, slots=True)
class CallReport:
    """A call in full. costs: what it consumed so far, by resource. success, analysis: see control/calls/analysis."""

    summary_line: CallSummary
    agent_version: int | None
    phone_number_id: UUID | None
    media_node: str | None
    recording_key: str | None
    recording_seconds: Decimal | None
    transcription: str | None
    summary: str | None
    sentiment: str | None
    sentiment_score: float | None
    success: bool | None
    analysis_status: AnalysisStatus | None
    details: CallDetails
    analysis: AnalysisRecord
    turns: Sequence[ConversationTurn] = field(default_factory=list)
    costs: Sequence[ResourceCost] = ()


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event of a call."""

    seq: Annotated[int, Field(description="Sequence number of the event.", examples=[7])]
    event_type: Annotated[str, Field(description="Type of the event.", examples=["caller.said"])]
    event_data: Annotated[
        Mapping[str, Any],
        Field(
            description="The event's fields, its type included.",
            examples=[
                {"type": "caller.said", "turn": 1, "text": "I need an appointment.", "start_ms": 4200, "end_ms": 5900}
            ],
        ),
    ]
    timestamp: Annotated[datetime, Field(description="When it happened (UTC).")]
