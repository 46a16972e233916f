"""Leaves out of media's events what their workspaces do not keep, before and after they are stored.

An event is redacted on its own before it is inserted, so that what one text gives away is never written. A number that
is given in several turns is known once its last turn came: then the stored turns before it are redacted too.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

import msgspec

from control.calls.details import RedactionRecord
from control.calls.event_effects import Utterances, transcription_text
from control.calls.state import CallState
from control.calls.store_redaction import RedactedText
from control.calls.word_times import redact_utterance
from control.redaction.finder import (
    WINDOW,
    SpokenText,
    find_by_text,
    find_sensitive,
    may_hold_any,
    redact_text,
)
from shared.events import AgentSaid, CallerSaid, DigitPressed, DigitsSent, Event, ToolRan

_EVENT_TYPES: Final = {"caller": "caller.said", "agent": "agent.said"}


def redact_event(event: Event, kinds: Collection[str]) -> Event:
    """The event without what its own texts give away. Keys lose their digits, pressed by either side: those of the
    caller come one an event, and a card number would stand in sixteen of them."""
    if not kinds:
        return event
    match event:
        case ToolRan(result=text):
            return msgspec.structs.replace(event, result=redact_text(text, kinds))
        case CallerSaid():
            return _redact_said(event, kinds)
        case AgentSaid(planned=planned):
            return msgspec.structs.replace(_redact_said(event, kinds), planned=redact_text(planned, kinds))
        case DigitPressed():
            return msgspec.structs.replace(event, digit="")
        case DigitsSent():
            return msgspec.structs.replace(event, digits="")
    return event


def _redact_said(event: CallerSaid | AgentSaid, kinds: Collection[str]) -> CallerSaid | AgentSaid:
    spans = find_sensitive([SpokenText("", event.text)], kinds)
    if not spans:
        return event
    redacted = redact_utterance({"text": event.text, "word_ms": event.word_ms}, spans)
    return msgspec.structs.replace(event, text=redacted["text"], word_ms=tuple(redacted.get("word_ms", ())))


def redact_utterances(
    call_id: UUID, before: Utterances, after: Utterances, kinds: Collection[str]
) -> tuple[Utterances, Sequence[RedactedText]]:
    """The utterances of a call, redacted over their turns, and what changes in its events; the same object where
    nothing changes. before: those that were stored, of which `after` has the same objects. Reads from WINDOW utterances
    before the first new one on."""
    known = {id(one) for one in before}
    new = [place for place, one in enumerate(after) if id(one) not in known]
    if not kinds or not any(may_hold_any(after[place]["text"]) for place in new):
        return after, ()
    start = max(0, new[0] - WINDOW)
    found = find_by_text([SpokenText(one["speaker"], one["text"]) for one in after[start:]], kinds)
    if not found:
        return after, ()
    redacted = [redact_utterance(one, found.get(place, ())) for place, one in enumerate(after[start:])]
    changed = [
        RedactedText(call_id, _EVENT_TYPES[one["speaker"]], one["text"], redacted[place]["text"])
        for place, one in enumerate(after[start:])
        if place in found
    ]
    return [*after[:start], *redacted], changed


def with_redaction(state: CallState, kinds: tuple[str, ...]) -> CallState:
    """The call with what is redacted in it: once it is, it stays so, although its workspace turns it off."""
    before = state.details.redaction
    if set(kinds) <= set(before.kinds):
        return state
    all_kinds = tuple(sorted({*before.kinds, *kinds}))
    record: RedactionRecord = replace(before, kinds=all_kinds)
    details = replace(state.details, redaction=record)
    # A recording from before the change holds what is not kept from now on.
    return replace(state, recording_key=None, recording_seconds=None, details=details)


def with_redacted_texts(state: CallState, utterances: Utterances) -> CallState:
    """The call with these utterances, some of which were redacted just now. Its recording is withheld until it is
    silent there, too."""
    return replace(state, transcription=transcription_text(utterances), recording_key=None, recording_seconds=None)
