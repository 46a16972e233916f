"""A call's state and how it may change: pure, from one value to the next.

Words about a call come from its carrier, from media and from us, late, twice and in any order. Rules:
- A final status is never left, whoever speaks. One exception: what was taken for a call that nobody answered, at a
  carrier that tells no durations, was completed if word of the answer comes after that of the end.
- Media knows best why a conversation ended and how long it was: it corrects what a carrier's word was taken to mean,
  but not what we decided ourselves.
- A caller who was put through is on the line still: how long that lasts, only the carrier can tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from control.calls.model import FINAL, Direction, Progress
from control.calls.policy import TRANSFER_S
from shared.events import CallEnded, CallResumed, EndReason, Interrupted, RecordingReady, Status

Teller = Literal["carrier", "media", "control"]

# The end of one media stream only: the carrier comes back to ask, and the call may go on in another one.
LEG_LOST: Final = ("carrier_error", "media_lost")
# The longest that a caller who was put through may be on the line: it rings, and is bounded at the carrier.
PUT_THROUGH: Final = timedelta(seconds=TRANSFER_S + 60)
# In details: it counts as not answered, for all that is known.
UNANSWERED: Final = "unanswered"
_RANK: Final[dict[Status, int]] = {"queued": 0, "ringing": 1, "in_progress": 2}


@dataclass(frozen=True, slots=True)
class State:
    """What of a call's row may change. details: leg, legs, carrier, amd, usage, interruptions, gaps, recordings,
    end_by (who told of the end), put_through (talked_s: seconds before; until: when it is over at the latest, while the
    carrier has not told its end), and what is noted on the way."""

    id: UUID
    workspace_id: UUID
    created_at: datetime
    is_test: bool
    direction: Direction
    carrier: str
    carrier_call_id: str | None
    status: Status
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
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Whether it is over."""
        return self.status in FINAL

    def noted(self, **details: Any) -> "State":
        """With these of its details."""
        return replace(self, details={**self.details, **details})


def answered(state: State, at: datetime) -> State:
    """The line is open. Of several words on when, the earliest stands."""
    at = max(at, state.created_at)  # a carrier that tells whole seconds seems to have been there before
    status: Status = state.status if state.is_final else "in_progress"
    after = replace(
        state, status=status, answered_at=_first(state.answered_at, at), started_at=_first(state.started_at, at)
    )
    return _answered_after_all(after) if UNANSWERED in state.details else after


def closed(
    state: State, status: Status, reason: EndReason | None, detail: str | None, at: datetime, by: Teller
) -> State:
    """Over; nothing for one that is so already."""
    if state.is_final:
        return state
    seconds = max(0, round((at - state.answered_at).total_seconds())) if state.answered_at else 0
    ended = replace(state, status=status, end_reason=reason, end_detail=detail, ended_at=at, duration_seconds=seconds)
    return ended.noted(end_by=by)


def progressed(state: State, told: Progress) -> State:
    """What the carrier says."""
    after = _carrier_noted(state, told)
    if told.answered_by:
        after = after.noted(amd=told.answered_by)
    if told.status is None:
        return after
    if told.status == "in_progress":
        return answered(after, told.at)
    if told.status in FINAL:
        return _carrier_ended(after, told)
    if not after.is_final and _RANK[told.status] > _RANK[after.status]:
        after = replace(after, status=told.status)
    if told.status == "ringing":
        after = replace(after, started_at=_first(after.started_at, told.at))
    return after


def media_ended(state: State, event: CallEnded, at: datetime) -> State:
    """The conversation's end, by the word of the one who held it."""
    after = state.noted(usage=msgspec.to_builtins(event.usage))
    if event.end_reason in LEG_LOST:
        return after.noted(lost={"reason": event.end_reason, "at": at.isoformat()})
    seconds = max(0, round(event.duration_ms / 1000))
    if not after.is_final:
        ended = closed(after, event.status, event.end_reason, event.detail or None, at, "media")
        ended = replace(ended, duration_seconds=seconds)
        return _put_through(ended, seconds, at + PUT_THROUGH) if event.end_reason == "transferred" else ended
    if after.details.get("end_by") != "carrier":
        return replace(after, duration_seconds=seconds)
    after = replace(after, end_reason=event.end_reason, end_detail=event.detail or None).noted(end_by="media")
    if event.end_reason != "transferred":
        return replace(after, duration_seconds=seconds)
    return _put_through(replace(after, duration_seconds=max(seconds, after.duration_seconds)), seconds, None)


def resumed(state: State, event: CallResumed, at: datetime) -> State:
    """It goes on after a gap."""
    gaps = [*state.details.get("gaps", ()), {"leg": event.leg, "lost_ms": event.lost_ms, "at_ms": event.at_ms}]
    return answered(state, at).noted(gaps=sorted(gaps, key=lambda gap: int(gap["leg"])))


def interrupted(state: State, _: Interrupted) -> State:
    """Once more."""
    return state.noted(interruptions=state.details.get("interruptions", 0) + 1)


def recorded(state: State, event: RecordingReady) -> State:
    """A stream's recording is in storage. The first is the call's until several are joined; a key of another
    workspace, or none at all, is not believed."""
    if not event.path.startswith(recordings_of(state.workspace_id)) or ".." in event.path:
        return state
    others = [one for one in state.details.get("recordings", ()) if one["key"] != event.path]
    kept = [*others, {"key": event.path, "leg": event.leg, "duration_ms": event.duration_ms}]
    after = state.noted(recordings=sorted(kept, key=lambda one: int(one["leg"])))
    if after.details.get("joined") or (len(kept) > 1 and after.recording_key):
        return after
    return replace(after, recording_key=event.path, recording_seconds=event.duration_ms / 1000)


def recordings_of(workspace_id: UUID) -> str:
    """Where a workspace's recordings lie."""
    return f"recordings/{workspace_id}/"


def _put_through(state: State, talked_s: int, until: datetime | None) -> State:
    """until: None once the carrier told the end."""
    open_until = {} if until is None else {"until": until.isoformat()}
    return state.noted(put_through={"talked_s": talked_s, **open_until})


def _hung_up(state: State, told: Progress) -> State:
    """The end of one that was put through, by its carrier, who may not tell how long it was (Telnyx)."""
    put_through = state.details["put_through"]
    if "until" not in put_through:  # told before
        return replace(state, duration_seconds=max(told.duration_s or 0, state.duration_seconds))
    since = state.answered_at or told.at
    seconds = told.duration_s if told.duration_s is not None else round((told.at - since).total_seconds())
    ended_at = max(state.ended_at or told.at, told.at)
    over = replace(state, ended_at=ended_at, duration_seconds=max(seconds, state.duration_seconds))
    return _put_through(over, put_through["talked_s"], None)


def _first(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else min(known, at)


def _carrier_noted(state: State, told: Progress) -> State:
    """Its own words, the later ones (by its numbers, where it numbers) winning."""
    before: Mapping[str, Any] = state.details.get("carrier", {})
    new: dict[str, Any] = dict(told.details or {})
    if told.duration_s is not None:
        new["duration_s"] = told.duration_s
    if told.sequence is not None:
        new["sequence"] = told.sequence
    if not new:
        return state
    is_late = told.sequence is not None and told.sequence < before.get("sequence", -1)
    return state.noted(carrier={**new, **before} if is_late else {**before, **new})


def _carrier_ended(state: State, told: Progress) -> State:
    status = told.status or "completed"
    if state.is_final:
        if "put_through" in state.details:
            return _hung_up(state, told)
        if told.duration_s is not None and state.details.get("end_by") == "carrier":
            return replace(state, duration_seconds=told.duration_s)
        return state
    reason = _reason(state, told)
    if status == "completed" and state.answered_at is None and _says_unanswered(told):
        # Nobody spoke: the caller gave up, or nobody picked up.
        status = "canceled" if state.direction == "inbound" else "no_answer"
        if told.duration_s is None:
            state = state.noted(**{UNANSWERED: True})
    ended = closed(state, status, reason, None, told.at, "carrier")
    return ended if told.duration_s is None else replace(ended, duration_seconds=told.duration_s)


def _says_unanswered(told: Progress) -> bool:
    """Of a call of whose answer nothing is known. Telnyx tells no duration, and clears normally what nobody answered
    too; Twilio tells 0."""
    return told.duration_s == 0 or (told.carrier == "telnyx" and told.duration_s is None)


def _answered_after_all(state: State) -> State:
    """The answer is told after the end, by the carrier, which keeps no order, or by media."""
    details = {name: value for name, value in state.details.items() if name != UNANSWERED}
    after = replace(state, status="completed", details=details)
    if after.details.get("end_by") != "carrier" or after.ended_at is None or after.answered_at is None:
        return after
    return replace(after, duration_seconds=max(0, round((after.ended_at - after.answered_at).total_seconds())))


def _reason(state: State, told: Progress) -> EndReason | None:
    """Why, as far as it is known without media, which corrects it."""
    if told.end_reason is not None:
        return told.end_reason
    if told.status == "failed":
        return "carrier_error"
    if told.status != "completed":
        return None
    meant: EndReason | None = state.details.get("end_meant")
    lost: Mapping[str, Any] = state.details.get("lost", {})
    return meant or lost.get("reason") or "caller_hangup"
