"""What media's events change in a call: pure, and the same in any order, as long as each event is applied once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from control.calls import state as states
from control.calls.consent import apply_announcement, apply_refusal
from control.calls.opt_outs import apply_opt_out
from control.calls.provider_quality import add_failure, add_latency, complete_failures
from control.calls.state import CallState
from shared.events import (
    MOST_TIMED_WORDS,
    SEQ_PER_LEG,
    AgentSaid,
    AnnouncementHeard,
    CallEnded,
    CallerOptedOut,
    CallerSaid,
    CallResumed,
    CallScreened,
    CallStarted,
    Event,
    ProviderFailed,
    RecordingReady,
    RecordingRefused,
    TransferReturned,
    TurnInterrupted,
    TurnLatency,
)

# What was said so far: speaker, text, start_ms, end_ms each, and word_ms where the vendor told
# (control/calls/word_times.py).
Utterances = Sequence[Mapping[str, Any]]
_SPEAKERS: Final = {"caller": "Caller", "agent": "Agent"}


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that was not stored before."""

    seq: int
    at: datetime
    event: Event

    @property
    def leg(self) -> int:
        """The media stream that it is of."""
        return self.seq // SEQ_PER_LEG


def apply_events(state: CallState, utterances: Utterances, events: Iterable[NewEvent]) -> tuple[CallState, Utterances]:  # noqa: C901, PLR0912
    """The call's state and its utterances after these events; the same objects where nothing changed."""
    said = list(utterances)
    for one in sorted(events, key=lambda new: new.seq):
        match one.event:
            case CallStarted():
                state = states.mark_answered(state, one.at)
            case CallResumed():
                state = states.apply_resume(state, one.event, one.at)
            case TransferReturned():
                state = states.mark_answered(state, one.at)
            case CallEnded() if one.event.end_reason == "transferred" and states.has_returned(state, one.leg):
                state = states.apply_returned_end(state, one.event, one.leg)
            case CallEnded():
                state = complete_failures(states.apply_media_end(state, one.event, one.at, one.leg))
            case AnnouncementHeard():
                state = apply_announcement(state, one.event, one.at)
            case RecordingRefused():
                state = apply_refusal(state, one.event, one.at)
            case CallerOptedOut():
                state = apply_opt_out(state, one.event, one.at)
            case CallScreened():
                state = states.mark_screened(state, one.at)
            case TurnInterrupted():
                state = states.count_interruption(state)
            case TurnLatency():
                state = add_latency(state, one.event)
            case ProviderFailed():
                state = add_failure(state, one.event)
            case RecordingReady():
                state = states.add_recording(state, one.event)
            case CallerSaid():
                said.append(_utterance("caller", one.event))
            case AgentSaid() if one.event.text:
                said.append(_utterance("agent", one.event))
    if len(said) == len(utterances):
        return state, utterances
    said.sort(key=lambda one: (one["start_ms"], one["end_ms"], one["speaker"]))
    return replace(state, transcription=transcription_text(said)), said


def transcription_text(utterances: Utterances) -> str:
    """The conversation as text, one line for each utterance."""
    return "\n".join(f"{_SPEAKERS[one['speaker']]}: {one['text']}" for one in utterances)


def _utterance(speaker: str, said: CallerSaid | AgentSaid) -> dict[str, Any]:
    """Nodes of the version before report a start just before the call's first frame."""
    start_ms, end_ms = max(0, said.start_ms), max(0, said.end_ms)
    word_ms = {"word_ms": list(said.word_ms)} if 0 < len(said.word_ms) <= 2 * MOST_TIMED_WORDS else {}
    return {"speaker": speaker, "text": said.text, "start_ms": start_ms, "end_ms": end_ms, **word_ms}
