"""What a call's record says about announcements and consent: pure, and the same in any order of the events."""

from dataclasses import replace
from datetime import datetime

from control.calls.details import ConsentRecord
from control.calls.state import CallState
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


def _with_consent(state: CallState, consent: ConsentRecord) -> CallState:
    return replace(state, details=replace(state.details, consent=consent))


def _earliest(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else min(known, at)
