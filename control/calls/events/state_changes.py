"""Applies an event of media to the state of a call. Pure functions; see `control/calls/records/state.py`."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

import msgspec

from control.analytics.latency import add_turn
from control.calls.records.details import Gap, StreamLoss, StreamRecording
from control.calls.records.state import (
    BROWSER,
    LONGEST_TRANSFER,
    CallState,
    close,
    earliest,
    loss_leg,
    mark_answered,
    store_transfer,
    with_consent,
)
from shared.events import (
    AnnouncementHeard,
    CallEnded,
    CallerOptedOut,
    CallResumed,
    EndReason,
    ProviderFailed,
    RecordingReady,
    TurnLatency,
)
from shared.recording_keys import recordings_prefix

# These reasons end only one media stream: the carrier asks for the next step, and the call may continue in another
# stream. A browser does not ask, so they end its call.
LEG_LOST: Final = ("carrier_error", "media_lost")


def apply_media_end(state: CallState, event: CallEnded, at: datetime, leg: int = 0) -> CallState:
    """Returns the state after media has reported the end of the conversation, or of its stream `leg`."""
    details = replace(state.details, usage=msgspec.to_builtins(event.usage))
    after = replace(state, details=details)
    if event.end_reason in LEG_LOST and state.carrier != BROWSER:
        loss = StreamLoss(reason=event.end_reason, at=at.isoformat(), leg=leg)
        return after if loss_leg(after) > leg else replace(after, details=replace(details, lost=loss))
    seconds = max(0, round(event.duration_ms / 1000))
    if not after.is_final:
        ended = close(after, event.status, _media_reason(after, event), event.detail or None, at, "media")
        ended = replace(ended, duration_seconds=seconds)
        is_transfer = event.end_reason == "transferred"
        return store_transfer(ended, seconds, at + LONGEST_TRANSFER, event.transfer_to) if is_transfer else ended
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
    return store_transfer(talked, seconds, None, event.transfer_to)


def _media_reason(state: CallState, event: CallEnded) -> EndReason:
    """Returns why the conversation ended.

    If the staff have the carrier hang up, media cannot distinguish it from a hang-up by the caller.
    """
    is_ordered = state.details.meant_end == "admin" and event.end_reason == "caller_hangup"
    return "admin" if is_ordered else event.end_reason


def apply_resume(state: CallState, event: CallResumed, at: datetime) -> CallState:
    """Returns the state of a call that continues in another media stream."""
    gap = Gap(leg=event.leg, lost_ms=event.lost_ms, at_ms=event.at_ms)
    after = mark_answered(state, at)
    gaps = tuple(sorted((*state.details.gaps, gap), key=lambda known_gap: known_gap.leg))
    return replace(after, details=replace(after.details, gaps=gaps))


def count_interruption(state: CallState) -> CallState:
    """Counts one interruption by the caller."""
    return replace(state, details=replace(state.details, interruptions=state.details.interruptions + 1))


def mark_screened(state: CallState, at: datetime) -> CallState:
    """Returns the state of a call whose called phone asked who is calling. The earliest of several reports is kept."""
    known = state.details.screened_at
    return replace(state, details=replace(state.details, screened_at=at if known is None else min(known, at)))


def add_recording(state: CallState, event: RecordingReady) -> CallState:
    """Adds the recording of a stream, which is in storage. A key outside the workspace's prefix is ignored.

    The first recording is the call's recording until several are joined.
    """
    if not event.path.startswith(recordings_prefix(state.workspace_id)) or ".." in event.path:
        return state
    recording = StreamRecording(storage_key=event.path, leg=event.leg, duration_ms=event.duration_ms)
    others = [other for other in state.details.recordings if not _is_same_stream(other, recording, state)]
    recordings = tuple(sorted((*others, recording), key=lambda each: each.leg))
    after = replace(state, details=replace(state.details, recordings=recordings))
    if after.details.redaction.kinds:
        return after  # no one reads it before it is redacted (control/calls/recordings/tasks.py)
    if after.details.deletes_recordings:
        return after  # it is deleted (control/calls/recordings/tasks.py)
    if after.details.joined or (len(recordings) > 1 and after.recording_key):
        return after
    return replace(after, recording_key=event.path, recording_seconds=event.duration_ms / 1000)


def _is_same_stream(other: StreamRecording, recording: StreamRecording, state: CallState) -> bool:
    """Returns whether both recordings are of the same stream.

    A node that repeats an upload reports its original key, which a redacted recording no longer has.
    """
    return other.storage_key == recording.storage_key or bool(
        state.details.redaction.kinds and other.leg == recording.leg
    )


def apply_returned_end(state: CallState, event: CallEnded, leg: int) -> CallState:
    """Applies media's report of a transfer that has already led back: its target, and the length of the call
    before it.
    """
    seconds = max(0, round(event.duration_ms / 1000))
    returns = tuple(
        replace(returned, number=event.transfer_to, talked_s=seconds, detail=event.detail or None)
        if returned.leg == leg
        else returned
        for returned in state.details.returns
    )
    return replace(state, details=replace(state.details, returns=returns))


def apply_announcement(state: CallState, event: AnnouncementHeard, at: datetime) -> CallState:
    """Stores that the caller has heard an announcement to its end.

    The earliest of several times is kept. Unknown kinds, from a later version, are ignored.
    """
    before = state.details.consent
    if event.kind == "disclosure":
        return with_consent(state, replace(before, disclosed_at=earliest(before.disclosed_at, at)))
    if event.kind == "recording":
        return with_consent(state, replace(before, announced_at=earliest(before.announced_at, at)))
    return state


def apply_opt_out(state: CallState, event: CallerOptedOut, at: datetime) -> CallState:
    """Stores that the person on the phone asked not to be called again; the earliest of several requests is kept."""
    known = state.details.opted_out_at
    if known is not None and known <= at:
        return state
    return replace(state, details=replace(state.details, opted_out_at=at, opted_out_by=event.by))


# The part of a turn's latency that each role causes.
_PARTS: Final[Mapping[str, str]] = {"stt": "stt_ms", "llm": "llm_first_token_ms", "tts": "tts_first_byte_ms"}


def add_latency(state: CallState, event: TurnLatency) -> CallState:
    """Adds a turn to the histograms."""
    before = state.details.latency
    parts = {role: add_turn(before.get(role, {}), getattr(event, name)) for role, name in _PARTS.items()}
    return replace(state, details=replace(state.details, latency={**before, **parts}))


def add_failure(state: CallState, event: ProviderFailed) -> CallState:
    """Stores that the provider failed in this call. Repeated failures count once."""
    before = state.details.failed_providers or {}
    names = tuple(sorted({*before.get(event.kind, ()), event.provider}))
    return replace(state, details=replace(state.details, failed_providers={**before, event.kind: names}))


def complete_failures(state: CallState) -> CallState:
    """Stores, when a stream of the call has ended, that all other providers did not fail."""
    if state.details.failed_providers is not None:
        return state
    return replace(state, details=replace(state.details, failed_providers={}))
