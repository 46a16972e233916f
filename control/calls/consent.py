"""What a call's record says about announcements and consent: pure, and the same in any order of the events."""

from dataclasses import replace
from datetime import datetime

from control.calls.details import ConsentRecord
from control.calls.state import CallState
from shared.bus.checkpoints import Checkpoint
from shared.events import AnnouncementHeard, RecordingRefused


def apply_announcement(state: CallState, event: AnnouncementHeard, at: datetime) -> CallState:
    """The caller heard an announcement to its end; the earliest of several times is stored. Kinds of a later version
    change nothing."""
    before = state.details.consent
    if event.kind == "disclosure":
        return _with_consent(state, replace(before, disclosed_at=_earliest(before.disclosed_at, at)))
    if event.kind == "recording":
        return _with_consent(state, replace(before, announced_at=_earliest(before.announced_at, at)))
    return state


def apply_refusal(state: CallState, event: RecordingRefused, at: datetime) -> CallState:
    """The caller does not want to be recorded: the call has no recording any more. A job deletes what there is."""
    before = state.details.consent
    if before.refused_at is not None and before.refused_at <= at:
        return state
    refused = replace(before, refused_at=at, refused_by=event.by)
    return replace(_with_consent(state, refused), recording_key=None, recording_seconds=None)


def apply_checkpoint(state: CallState, checkpoint: Checkpoint, at: datetime) -> CallState:
    """What a lost node's checkpoint knows and no event has told: heard, or refused, by then at the latest. The event,
    if it comes after all, brings the true time. at: of the checkpoint."""
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


def _earliest(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else min(known, at)
