"""What media's events make of a call: pure, and the same in whatever order they come, each taken once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from control.calls import state as states
from control.calls.state import State
from shared.events import (
    AgentSaid,
    CallEnded,
    CallerSaid,
    CallResumed,
    CallStarted,
    Event,
    Interrupted,
    RecordingReady,
)

Words = Sequence[Mapping[str, Any]]
_SPEAKERS: Final = {"caller": "Caller", "agent": "Agent"}


@dataclass(frozen=True, slots=True)
class Fresh:
    """An event that was not seen before."""

    seq: int
    at: datetime
    event: Event


def applied(state: State, words: Words, events: Iterable[Fresh]) -> tuple[State, Words]:
    """The call and what was heard in it, after these."""
    heard = list(words)
    for one in sorted(events, key=lambda fresh: fresh.seq):
        match one.event:
            case CallStarted():
                state = states.answered(state, one.at)
            case CallResumed():
                state = states.resumed(state, one.event, one.at)
            case CallEnded():
                state = states.media_ended(state, one.event, one.at)
            case Interrupted():
                state = states.interrupted(state, one.event)
            case RecordingReady():
                state = states.recorded(state, one.event)
            case CallerSaid(text=text, start_ms=start, end_ms=end):
                heard.append(_word("caller", text, start, end))
            case AgentSaid(text=text, start_ms=start, end_ms=end) if text:
                heard.append(_word("agent", text, start, end))
    if len(heard) == len(words):
        return state, words
    heard.sort(key=lambda word: (word["start_ms"], word["end_ms"], word["speaker"]))
    return replace(state, transcription=transcription(heard)), heard


def transcription(words: Words) -> str:
    """As people read it, a line for each turn."""
    return "\n".join(f"{_SPEAKERS[word['speaker']]}: {word['text']}" for word in words)


def _word(speaker: str, text: str, start_ms: int, end_ms: int) -> dict[str, Any]:
    return {"speaker": speaker, "text": text, "start_ms": start_ms, "end_ms": end_ms}
