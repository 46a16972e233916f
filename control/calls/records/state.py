"""The state of a call, and how control changes it: pure functions from one state to the next.

What carriers report is applied in `control/calls/carrier_reports/rules.py`, what media reports in
`control/calls/events/state_changes.py`, and a transfer that leads back in `control/calls/transfers/rules.py`. Reports
come late, repeated and in any order. Rules:
- A final status is never left, whoever reports. One exception: a call that counted as unanswered becomes completed if
  the answer is reported after the end.
- Media knows best why a conversation ended and how long it was. It corrects what was concluded from a carrier's report,
  but not what control decided.
- A transferred caller is still on the line: only the carrier knows how long. If the target is not reached, the call
  continues with the agent, and is not over (`take_back`).
- What the record says about announcements, consent, opt-outs and providers is the same in any order of the events.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from control.calls.records.details import CallDetails, CallSource, ConsentRecord, StreamLoss, Transfer
from control.calls.records.refusals import REFUSALS, RefusalReason
from control.carriers.rules import PlacedCall
from shared.bus.checkpoints import Checkpoint
from shared.events import CallStatus, EndReason, RecordingRefused

# Longest call in seconds. No agent's limit may exceed it.
LONGEST_S: Final = 14_400
# Longest transfer in seconds.
TRANSFER_S: Final = 3_600
# A transferred caller is on the line for at most this long: ringing, and the time limit set at the carrier.
LONGEST_TRANSFER: Final = timedelta(seconds=TRANSFER_S + 60)
Direction = Literal["inbound", "outbound"]
# The column `carrier` of test calls in a browser.
BROWSER: Final[Literal["browser"]] = "browser"
# Statuses that a call never leaves.
FINAL: frozenset[CallStatus] = frozenset({"completed", "failed", "busy", "no_answer", "canceled"})


@dataclass(frozen=True, slots=True)
class CallState:
    """The columns of a call's row that may change, and the columns that decide how.

    Attributes:
        caller_number: Empty if it was withheld.
    """

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


def mark_dialed(state: CallState, placed: PlacedCall, at: datetime) -> CallState:
    """Returns the state of an outbound call that the carrier has accepted under this id."""
    details = state.details
    if placed.session_id:
        details = replace(details, carrier=details.carrier.merge({"session": placed.session_id}))
    started = earliest(state.started_at, at)
    after = replace(state, carrier_call_id=placed.carrier_call_id, started_at=started, details=details)
    return order_times(after)


def mark_answered(state: CallState, at: datetime) -> CallState:
    """Returns the state of an answered call. The earliest of several reported times is kept."""
    status: CallStatus = state.status if state.is_final else "in_progress"
    answered, started = earliest(state.answered_at, at), earliest(state.started_at, at)
    after = order_times(replace(state, status=status, answered_at=answered, started_at=started))
    return _complete_unanswered(after) if state.details.unanswered else after


def close(
    state: CallState, status: CallStatus, reason: EndReason | None, detail: str | None, at: datetime, by: CallSource
) -> CallState:
    """Returns the state of a call that ends now. A call that is over stays as it is."""
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
    return order_times(ended)


def refuse(state: CallState, reason: RefusalReason, now: datetime) -> CallState:
    """Returns the state of a refused call. A call that is over stays as it is.

    A call whose agent has already talked ends as lost. After cut_off the call stays open, because its state is unknown:
    media, the carrier or the duty `lost_calls` ends it.
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


def _complete_unanswered(state: CallState) -> CallState:
    """Completes a call whose answer is reported after its end, by the carrier, which keeps no order, or by media."""
    after = replace(state, status="completed", details=replace(state.details, unanswered=None))
    if after.details.ended_by != "carrier" or after.ended_at is None or after.carrier != "telnyx":
        return after  # Twilio has reported the duration
    return replace(after, duration_seconds=_seconds_between(after.answered_at, after.ended_at))


def mark_lost(state: CallState, leg: int, at: datetime) -> CallState:
    """Returns the state after the stream `leg` was lost with its node, which can no longer report.

    If the carrier has reported the end of the call, the loss becomes the reason. A late report of media still corrects
    it.
    """
    if loss_leg(state) >= leg:
        return state
    loss = StreamLoss(reason="media_lost", at=at.isoformat(), leg=leg)
    after = replace(state, details=replace(state.details, lost=loss))
    is_concluded = state.is_final and state.details.ended_by == "carrier" and state.end_reason == "caller_hangup"
    return replace(after, end_reason=lost_reason(after) or state.end_reason) if is_concluded else after


def loss_leg(state: CallState) -> int:
    """Returns the latest stream that was lost; -1 for none."""
    return -1 if state.details.lost is None else state.details.lost.leg


def lost_reason(state: CallState) -> EndReason | None:
    """Returns the end reason of a call that ended while it had no stream.

    Returns:
        None if no stream was lost, or another stream followed.
    """
    lost = state.details.lost
    is_followed = lost is not None and any(gap.leg > lost.leg for gap in state.details.gaps)
    return None if lost is None or is_followed else lost.reason


def store_transfer(state: CallState, talked_s: int, until: datetime | None, number: str) -> CallState:
    """Returns the state of a transferred call.

    Args:
        until: None once the carrier has reported the end.
        number: The target.
    """
    before = state.details.transfer or Transfer(talked_s=talked_s)
    transfer = replace(before, talked_s=talked_s, until=until, number=number)
    return replace(state, details=replace(state.details, transfer=transfer))


def order_times(state: CallState) -> CallState:
    """Returns the state with created ≤ started ≤ answered ≤ ended, in whichever form the times were reported.

    Carriers round to whole seconds, and the clocks of carriers, nodes and APIs differ. The creation stays, and the end
    limits the times in between. Clamping and taking the earliest report commute, so the result is the same in any order
    of reports.
    """
    ended = None if state.ended_at is None else max(state.ended_at, state.created_at)
    answered = _cut(state.answered_at, state.created_at, ended)
    started = _cut(state.started_at, state.created_at, ended if answered is None else answered)
    return replace(state, started_at=started, answered_at=answered, ended_at=ended)


def _cut(at: datetime | None, earliest: datetime, latest: datetime | None) -> datetime | None:
    if at is None:
        return None
    return max(at, earliest) if latest is None else min(max(at, earliest), latest)


def earliest(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else min(known, at)


def _seconds_between(since: datetime | None, until: datetime) -> int:
    return max(0, round((until - since).total_seconds())) if since else 0


def apply_refusal(state: CallState, event: RecordingRefused, at: datetime) -> CallState:
    """Stores that the caller refused to be recorded.

    The call no longer has a recording; a job deletes existing recordings.
    """
    before = state.details.consent
    if before.refused_at is not None and before.refused_at <= at:
        return state
    refused = replace(before, refused_at=at, refused_by=event.by)
    return replace(with_consent(state, refused), recording_key=None, recording_seconds=None)


def apply_checkpoint(state: CallState, checkpoint: Checkpoint, at: datetime) -> CallState:
    """Stores which announcements and refusals only the checkpoint of a lost node has. The checkpoint's time is the
    latest possible time.

    If the event arrives after all, it has the true time.

    Args:
        at: The time of the checkpoint.
    """
    before = state.details.consent
    disclosed, announced = (at if kind in checkpoint.announced else None for kind in ("disclosure", "recording"))
    known = replace(
        before, disclosed_at=before.disclosed_at or disclosed, announced_at=before.announced_at or announced
    )
    after = with_consent(state, known)
    is_news = checkpoint.recording_refused and not before.is_refused
    return apply_refusal(after, RecordingRefused(0, "words"), at) if is_news else after


def with_consent(state: CallState, consent: ConsentRecord) -> CallState:
    return replace(state, details=replace(state.details, consent=consent))
