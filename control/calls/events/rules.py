"""How events of media change a call, and which content is redacted. Pure functions.

The changes are the same in any order of the events, as long as each event is applied once. Each event is redacted
before it is inserted, so that sensitive data within one text is never stored. A number that spans several turns is
recognized when its last turn arrives; then the stored turns before it are redacted, too.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from control.calls.events import state_changes
from control.calls.events.state_changes import (
    add_failure,
    add_latency,
    apply_announcement,
    apply_opt_out,
    complete_failures,
)
from control.calls.records import state as records_state
from control.calls.records.details import RedactionRecord
from control.calls.records.state import CallChange, CallState, apply_refusal
from control.calls.records.word_times import Utterances, redact_utterance
from control.calls.transfers import rules as transfers_rules
from control.redaction.finder import WINDOW, SpokenText, find_by_text, find_sensitive, may_hold_any, redact_text
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
    DigitPressed,
    DigitsSent,
    Event,
    EventEnvelope,
    PersonSaid,
    ProviderFailed,
    RecordingReady,
    RecordingRefused,
    SupervisionWhispered,
    ToolRan,
    TransferReturned,
    TurnInterrupted,
    TurnLatency,
)

_Said = TypeVar("_Said", CallerSaid, AgentSaid, PersonSaid)
_SPEAKERS: Final = {"caller": "Caller", "agent": "Agent", "person": "Person"}
_EVENT_TYPES: Final = {"caller": "caller.said", "agent": "agent.said", "person": "person.said"}
# In the conversation as text, what a person said whose words are not known.
_UNKNOWN_WORDS: Final = "(speech without a transcript)"


# --- Events and batches ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """An event as read from the stream.

    Attributes:
        entry: Its id in the stream.
        line: Its bytes.
        proof: The same as in EventEntry.
    """

    entry: str
    line: bytes
    call_id: UUID
    seq: int
    at: datetime
    envelope: EventEnvelope
    proof: bytes = b""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that was not stored before."""

    seq: int
    at: datetime
    event: Event

    @property
    def leg(self) -> int:
        """The number of the event's media stream."""
        return self.seq // SEQ_PER_LEG


@dataclass(frozen=True, slots=True)
class RedactedText:
    """The redacted text of a speech event.

    Attributes:
        event_type: A value of _EVENT_TYPES.
    """

    call_id: UUID
    event_type: str
    text: str
    redacted: str


@dataclass(frozen=True, slots=True)
class SaidInCall:
    """All utterances of a call, including the new ones."""

    call_id: UUID
    workspace_id: UUID
    utterances: Utterances


@dataclass(frozen=True, slots=True)
class EventBatch:
    """New events of media, applied to their calls in memory. The events are stored; their consequences are not.

    Attributes:
        before, after: States of the calls, by id.
        changes: The states that differ.
        said: The calls with new utterances.
        redacted: Texts of stored events that are redacted together with the new ones.
    """

    events: Sequence[IncomingEvent]
    before: Mapping[UUID, CallState]
    after: Mapping[UUID, CallState]
    changes: Sequence[CallChange]
    said: Sequence[SaidInCall]
    redacted: Sequence[RedactedText]

    @property
    def redacted_calls(self) -> set[UUID]:
        """Returns the calls with redacted stored texts."""
        return {text.call_id for text in self.redacted}


# --- Effects on a call -----------------------------------------------------------------------------------------------


def apply_events(state: CallState, utterances: Utterances, events: Iterable[NewEvent]) -> tuple[CallState, Utterances]:  # noqa: C901, PLR0912
    """Returns the call's state and utterances after these events; the same objects if nothing changed."""
    said = list(utterances)
    for new_event in sorted(events, key=lambda new: new.seq):
        match new_event.event:
            case CallStarted():
                state = records_state.mark_answered(state, new_event.at)
            case CallResumed():
                state = state_changes.apply_resume(state, new_event.event, new_event.at)
            case TransferReturned():
                state = records_state.mark_answered(state, new_event.at)
            case CallEnded() if new_event.event.end_reason == "transferred" and transfers_rules.has_returned(
                state, new_event.leg
            ):
                state = state_changes.apply_returned_end(state, new_event.event, new_event.leg)
            case CallEnded():
                state = complete_failures(
                    state_changes.apply_media_end(state, new_event.event, new_event.at, new_event.leg)
                )
            case AnnouncementHeard():
                state = apply_announcement(state, new_event.event, new_event.at)
            case RecordingRefused():
                state = apply_refusal(state, new_event.event, new_event.at)
            case CallerOptedOut():
                state = apply_opt_out(state, new_event.event, new_event.at)
            case CallScreened():
                state = state_changes.mark_screened(state, new_event.at)
            case TurnInterrupted():
                state = state_changes.count_interruption(state)
            case TurnLatency():
                state = add_latency(state, new_event.event)
            case ProviderFailed():
                state = add_failure(state, new_event.event)
            case RecordingReady():
                state = state_changes.add_recording(state, new_event.event)
            case CallerSaid():
                said.append(_utterance("caller", new_event.event))
            case AgentSaid() if new_event.event.text:
                said.append(_utterance("agent", new_event.event))
            case PersonSaid():
                said.append(_utterance("person", new_event.event))
    if len(said) == len(utterances):
        return state, utterances
    said.sort(key=lambda said_text: (said_text["start_ms"], said_text["end_ms"], said_text["speaker"]))
    return replace(state, transcription=transcription_text(said)), said


def transcription_text(utterances: Utterances) -> str:
    """Returns the conversation as text, one line for each utterance."""
    return "\n".join(
        f"{_SPEAKERS[utterance['speaker']]}: {utterance['text'] or _UNKNOWN_WORDS}" for utterance in utterances
    )


def _utterance(speaker: str, said: CallerSaid | AgentSaid | PersonSaid) -> dict[str, Any]:
    """Returns the utterance as stored.

    Nodes of the previous version may report a start just before the call's first frame.
    """
    start_ms, end_ms = max(0, said.start_ms), max(0, said.end_ms)
    word_ms = {"word_ms": list(said.word_ms)} if 0 < len(said.word_ms) <= 2 * MOST_TIMED_WORDS else {}
    return {"speaker": speaker, "text": said.text, "start_ms": start_ms, "end_ms": end_ms, **word_ms}


# --- Redaction -------------------------------------------------------------------------------------------------------


def redact_event(event: Event, kinds: Collection[str]) -> Event:
    """Returns the event without the sensitive data in its texts.

    The digits of pressed keys are always removed: callers' keys arrive one by one, so sixteen events would contain a
    card number.
    """
    if not kinds:
        return event
    match event:
        case ToolRan(result=text):
            return msgspec.structs.replace(event, result=redact_text(text, kinds))
        case CallerSaid():
            return _redact_said(event, kinds)
        case PersonSaid():
            return _redact_said(event, kinds)
        case AgentSaid(planned=planned):
            return msgspec.structs.replace(_redact_said(event, kinds), planned=redact_text(planned, kinds))
        case SupervisionWhispered(text=text):
            return msgspec.structs.replace(event, text=redact_text(text, kinds))
        case DigitPressed():
            return msgspec.structs.replace(event, digit="")
        case DigitsSent():
            return msgspec.structs.replace(event, digits="")
    return event


def _redact_said(event: _Said, kinds: Collection[str]) -> _Said:
    spans = find_sensitive([SpokenText("", event.text)], kinds)
    if not spans:
        return event
    redacted = redact_utterance({"text": event.text, "word_ms": event.word_ms}, spans)
    return msgspec.structs.replace(event, text=redacted["text"], word_ms=tuple(redacted.get("word_ms", ())))


def redact_utterances(
    call_id: UUID, before: Utterances, after: Utterances, kinds: Collection[str]
) -> tuple[Utterances, Sequence[RedactedText]]:
    """Redacts the utterances of a call across its turns.

    Reads from WINDOW utterances before the first new utterance.

    Args:
        before: The stored utterances. `after` contains the same objects.

    Returns:
        The redacted utterances, and the changed texts of stored events. If nothing changes, the same object is
            returned.
    """
    known = {id(utterance) for utterance in before}
    new = [place for place, utterance in enumerate(after) if id(utterance) not in known]
    if not kinds or not any(may_hold_any(after[place]["text"]) for place in new):
        return after, ()
    start = max(0, new[0] - WINDOW)
    found = find_by_text([SpokenText(utterance["speaker"], utterance["text"]) for utterance in after[start:]], kinds)
    if not found:
        return after, ()
    redacted = [redact_utterance(utterance, found.get(place, ())) for place, utterance in enumerate(after[start:])]
    changed = [
        RedactedText(call_id, _EVENT_TYPES[utterance["speaker"]], utterance["text"], redacted[place]["text"])
        for place, utterance in enumerate(after[start:])
        if place in found
    ]
    return [*after[:start], *redacted], changed


def with_redaction(state: CallState, kinds: tuple[str, ...]) -> CallState:
    """Returns the call with the kinds of data that are redacted in it.

    A kind stays redacted if the workspace turns it off later.
    """
    before = state.details.redaction
    if set(kinds) <= set(before.kinds):
        return state
    all_kinds = tuple(sorted({*before.kinds, *kinds}))
    record: RedactionRecord = replace(before, kinds=all_kinds)
    details = replace(state.details, redaction=record)
    # A recording from before the change may contain data that is redacted from now on.
    return replace(state, recording_key=None, recording_seconds=None, details=details)


def with_redacted_texts(state: CallState, utterances: Utterances) -> CallState:
    """Returns the call with these utterances, some of which have just been redacted.

    The recording is withheld until the redacted parts of it are silent.
    """
    return replace(state, transcription=transcription_text(utterances), recording_key=None, recording_seconds=None)
