"""A call's state and its transitions: pure functions from one state to the next.

Reports come from the carrier, from media and from control, late, repeated and in any order. Rules:
- A final status is never left, whoever reports. One exception: a call that counted as unanswered, at a carrier that
  reports no durations (Telnyx), becomes completed if the answer is reported after the end.
- Media knows best why a conversation ended and how long it was. It corrects what was concluded from a carrier's report,
  but not what control decided.
- A transferred caller is still on the line: only the carrier knows how long. If the target is not reached, the call
  goes on with the agent, and is not over (control/calls/transfer_return.py).
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from control.calls.details import CallDetails, Gap, StreamLoss, StreamRecording, Transfer
from control.calls.model import FINAL, CallSource, CarrierStatus, Direction
from control.calls.policy import TRANSFER_S
from control.carriers.rules import PlacedCall
from shared.events import CallEnded, CallResumed, CallStatus, EndReason, RecordingReady
from shared.recording_keys import recordings_prefix

# These ends concern one media stream only: the carrier asks what comes next, and the call may continue in another one.
LEG_LOST: Final = ("carrier_error", "media_lost")
# A transferred caller is on the line for at most this long: ringing, and the bound set at the carrier.
LONGEST_TRANSFER: Final = timedelta(seconds=TRANSFER_S + 60)
_RANK: Final[dict[CallStatus, int]] = {"queued": 0, "ringing": 1, "in_progress": 2}


@dataclass(frozen=True, slots=True)
class CallState:
    """The columns of a call's row that may change, and those that decide how."""

    id: UUID
    workspace_id: UUID
    created_at: datetime
    is_test: bool
    direction: Direction
    carrier: str
    carrier_call_id: str | None
    status: CallStatus
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
        """Whether the call is over."""
        return self.status in FINAL


def mark_dialled(state: CallState, placed: PlacedCall, at: datetime) -> CallState:
    """The carrier has the outbound call, under this id."""
    details = state.details
    if placed.session_id:
        details = replace(details, carrier=details.carrier.merge({"session": placed.session_id}))
    started = _earliest(state.started_at, at)
    after = replace(state, carrier_call_id=placed.carrier_call_id, started_at=started, details=details)
    return _order_times(after)


def mark_answered(state: CallState, at: datetime) -> CallState:
    """The call was answered. The earliest of several reported times is stored."""
    status: CallStatus = state.status if state.is_final else "in_progress"
    answered, started = _earliest(state.answered_at, at), _earliest(state.started_at, at)
    after = _order_times(replace(state, status=status, answered_at=answered, started_at=started))
    return _complete_unanswered(after) if state.details.unanswered else after


def close(
    state: CallState, status: CallStatus, reason: EndReason | None, detail: str | None, at: datetime, by: CallSource
) -> CallState:
    """Ends the call; a call that is over stays as it is."""
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


def apply_carrier_status(state: CallState, report: CarrierStatus) -> CallState:
    """The state after a carrier's report."""
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


def apply_media_end(state: CallState, event: CallEnded, at: datetime, leg: int = 0) -> CallState:
    """The state after media reported the end of the conversation, or of its stream `leg`."""
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
    """The state once the stream `leg` is known to have been lost with its node, which can tell nothing of it. A call
    that the carrier has reported as over ended by that, for all that is known; media's report, which may only be late,
    still corrects it."""
    if _loss_leg(state) >= leg:
        return state
    loss = StreamLoss(reason="media_lost", at=at.isoformat(), leg=leg)
    after = replace(state, details=replace(state.details, lost=loss))
    is_concluded = state.is_final and state.details.ended_by == "carrier" and state.end_reason == "caller_hangup"
    return replace(after, end_reason=_lost_reason(after) or state.end_reason) if is_concluded else after


def _loss_leg(state: CallState) -> int:
    """The latest stream that was lost; -1: none was."""
    return -1 if state.details.lost is None else state.details.lost.leg


def _lost_reason(state: CallState) -> EndReason | None:
    """Why the call ended if it did so while it had no stream; None if it had none lost, or another one followed."""
    lost = state.details.lost
    is_followed = lost is not None and any(gap.leg > lost.leg for gap in state.details.gaps)
    return None if lost is None or is_followed else lost.reason


def apply_resume(state: CallState, event: CallResumed, at: datetime) -> CallState:
    """The call continues in another media stream."""
    gap = Gap(leg=event.leg, lost_ms=event.lost_ms, at_ms=event.at_ms)
    after = mark_answered(state, at)
    gaps = tuple(sorted((*state.details.gaps, gap), key=lambda one: one.leg))
    return replace(after, details=replace(after.details, gaps=gaps))


def has_returned(state: CallState, leg: int) -> bool:
    """Whether the transfer after this media stream led back to the agent."""
    return any(one.leg == leg for one in state.details.returns)


def apply_returned_end(state: CallState, event: CallEnded, leg: int) -> CallState:
    """Media's report of a transfer that has led back already: new is where to, and how long the call was before."""
    seconds = max(0, round(event.duration_ms / 1000))
    returns = tuple(
        replace(one, number=event.transfer_to, talked_s=seconds, detail=event.detail or None) if one.leg == leg else one
        for one in state.details.returns
    )
    return replace(state, details=replace(state.details, returns=returns))


def count_interruption(state: CallState) -> CallState:
    """Counts one interruption by the caller."""
    return replace(state, details=replace(state.details, interruptions=state.details.interruptions + 1))


def mark_screened(state: CallState, at: datetime) -> CallState:
    """The called phone asked who calls. The earliest of several reports is stored."""
    known = state.details.screened_at
    return replace(state, details=replace(state.details, screened_at=at if known is None else min(known, at)))


def add_recording(state: CallState, event: RecordingReady) -> CallState:
    """A stream's recording is in storage. The first one is the call's until several are joined. A key outside the
    workspace's prefix is ignored."""
    if not event.path.startswith(recordings_prefix(state.workspace_id)) or ".." in event.path:
        return state
    one = StreamRecording(storage_key=event.path, leg=event.leg, duration_ms=event.duration_ms)
    others = [other for other in state.details.recordings if not _is_same_stream(other, one, state)]
    recordings = tuple(sorted((*others, one), key=lambda each: each.leg))
    after = replace(state, details=replace(state.details, recordings=recordings))
    if after.details.redaction.kinds:
        return after  # nobody reads it before it is redacted (control/calls/recording_redaction.py)
    if after.details.discards_recordings:
        return after  # it is deleted (control/calls/recording_discard.py)
    if after.details.joined or (len(recordings) > 1 and after.recording_key):
        return after
    return replace(after, recording_key=event.path, recording_seconds=event.duration_ms / 1000)


def _is_same_stream(other: StreamRecording, one: StreamRecording, state: CallState) -> bool:
    """A node that uploads a recording again reports it under its first key, which a redacted one has lost."""
    return other.storage_key == one.storage_key or bool(state.details.redaction.kinds and other.leg == one.leg)


def _store_transfer(state: CallState, talked_s: int, until: datetime | None, number: str) -> CallState:
    """until: None once the carrier reported the end. number: where to."""
    before = state.details.transfer or Transfer(talked_s=talked_s)
    transfer = replace(before, talked_s=talked_s, until=until, number=number)
    return replace(state, details=replace(state.details, transfer=transfer))


def _end_transfer(state: CallState, transfer: Transfer, report: CarrierStatus) -> CallState:
    """The carrier reports the end of a transferred call. It may not report how long that was (Telnyx)."""
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
    if any(one.target and one.target == facts.get("transfer_called") for one in state.details.returns):
        # A late event of a leg that the caller has left.
        facts = {name: value for name, value in facts.items() if name not in ("transfer_called", "transfer_leg")}
    if report.duration_s is not None:
        facts["duration_s"] = report.duration_s
    if report.sequence is not None:
        facts["sequence"] = report.sequence
    if not facts:
        return state
    return replace(state, details=replace(state.details, carrier=state.details.carrier.merge(facts)))


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
        if report.duration_s is None:
            state = replace(state, details=replace(state.details, unanswered=True))
    ended = close(state, status, reason, None, report.at, "carrier")
    return ended if report.duration_s is None else replace(ended, duration_seconds=report.duration_s)


def _may_be_unanswered(report: CarrierStatus) -> bool:
    """Of a call without a reported answer. Telnyx reports no duration, and ends unanswered calls with the cause
    normal_clearing too; Twilio reports 0 seconds."""
    return report.duration_s == 0 or (report.carrier == "telnyx" and report.duration_s is None)


def _complete_unanswered(state: CallState) -> CallState:
    """The answer is reported after the end: by the carrier, which keeps no order, or by media."""
    after = replace(state, status="completed", details=replace(state.details, unanswered=None))
    if after.details.ended_by != "carrier" or after.ended_at is None:
        return after
    return replace(after, duration_seconds=_seconds_between(after.answered_at, after.ended_at))


def _end_reason(state: CallState, report: CarrierStatus) -> EndReason | None:
    """Why the call ended, as far as it is known without media, which corrects it."""
    if report.end_reason is not None:
        return report.end_reason
    if report.status == "failed":
        return "carrier_error"
    if report.status != "completed":
        return None
    return state.details.meant_end or _lost_reason(state) or "caller_hangup"
