"""Taking things down: a message, a name and number, the wish for an appointment, each read back until it is right."""

import re
from dataclasses import replace
from typing import Final

from media.providers.receptionist import phrases
from media.providers.receptionist.intent import Utterance
from media.providers.receptionist.lexicon import listed
from media.providers.receptionist.rules import Intent
from media.providers.receptionist.slots import Slots, slots_in
from media.providers.receptionist.state import Asks, Noted, Reply, State
from media.providers.receptionist.text import words

Step = tuple[State, Reply]

# A correction this long, compared with the message, takes its place; a shorter one is added to it.
REPLACES: Final = 0.5
# A name or a number has seldom more words than this; more is a message.
NAME_WORDS: Final = 6
# Digits (spoken or written) that make a phone number.
NUMBER_DIGITS: Final = 7

_LEAD_IN: Final = re.compile(
    r"^\W*(?:(?:hello|hi|hey|yes|yeah|okay|ok|um|uh|well|so|good \w+)\W+)*"
    r"(?:(?:i|i'd|i\u2019d|would|want|need|like|to|can|could|may|you|please|just|wanna)\W+)*"
    r"(?:leave|take|give|pass on|record|send)\W+(?:(?:a|the|my|this|you|him|her|them|short|quick)\W+)*message\b"
    r"(?:\W+please)?[\s,.:;!?]*(?:(?:that|saying|to say|which is)\b(?:\W+that\b)?)?[\s,:;]*",
    re.IGNORECASE,
)
_RECIPIENT: Final = re.compile(r"^for\b[^.,;:!?]{1,40}", re.IGNORECASE)
_DIGIT_WORDS: Final = frozenset(listed("zero oh one two three four five six seven eight nine"))
_SAID: Final = re.compile(r"^(?:i said|i meant|it's|it is|it should be|the message is)\b", re.IGNORECASE)


def message(state: State, utterance: Utterance) -> Step:
    """The caller wants something passed on, and may have said it already."""
    recipient, content = _content(utterance.said)
    state = replace(state, recipient=recipient or state.recipient)
    if len(words(content)) < 2:
        return state, Reply(phrases.TAKE_MESSAGE, Asks.MESSAGE)
    return read_back(state, content)


def read_back(state: State, content: str, before: str = "") -> Step:
    """Reads the caller's words back."""
    state = replace(state, draft=content, confirming=Noted.MESSAGE, reached=state.reached or _has_number(content))
    text = phrases.read_back(content, state.recipient)
    return state, Reply(f"{before} {text}".strip(), Asks.CONFIRM)


def on_message(state: State, utterance: Utterance) -> Step:
    """The caller was asked for the message."""
    if utterance.intent is Intent.NEVER_MIND or (utterance.no and not utterance.rest):
        return dropped(state)
    if utterance.yes and not utterance.rest:
        return state, Reply(phrases.LISTENING, Asks.MESSAGE)
    if utterance.intent is Intent.MESSAGE and _LEAD_IN.match(utterance.said):
        return message(state, utterance)
    return read_back(state, utterance.said)


def on_confirm(state: State, utterance: Utterance) -> Step:
    """The caller was asked whether what was noted is right."""
    more = utterance.rest if utterance.yes or utterance.no else utterance.said
    if utterance.intent is Intent.NEVER_MIND:
        return dropped(state)
    if utterance.yes and len(Utterance(more).core) < 2:
        return _settled(state)
    if state.confirming is Noted.APPOINTMENT:
        return _other_slots(state, utterance)
    if utterance.no and not more:
        return _ask_again(state)
    if state.confirming is Noted.CONTACT:
        return _contact(state, more if utterance.no else _added(state.contact, more))
    return read_back(state, _corrected(state.draft, utterance, more))


def on_contact(state: State, utterance: Utterance) -> Step:
    """The caller was asked for name and number."""
    if utterance.intent is Intent.NEVER_MIND or (utterance.no and len(words(utterance.rest)) < 2):
        return noted(state)
    if utterance.yes and len(words(utterance.rest)) < 2:
        return state, Reply(phrases.CONTACT, Asks.CONTACT)
    given = f"{state.contact}, {utterance.said}" if state.contact else utterance.said
    if not state.contact and not _digits(given) and len(utterance.words) <= NAME_WORDS:
        return replace(state, contact=given.rstrip(" .,")), Reply(phrases.NUMBER, Asks.CONTACT)
    return _contact(state, given)


def appointment(state: State, utterance: Utterance) -> Step:
    """The caller wants to come."""
    return _slots(replace(state, missed=0), slots_in(utterance.line), phrases.APPOINTMENT)


def on_slots(state: State, utterance: Utterance) -> Step:
    """The caller was asked for day or time."""
    known = state.slots or Slots()
    slots = known.with_more(slots_in(utterance.line, time_asked=not known.time))
    if slots == known and (utterance.intent is Intent.NEVER_MIND or (utterance.no and not utterance.rest)):
        return dropped(state)
    if slots == known and state.missed:
        wish = "I would like an appointment. " + utterance.said
        return read_back(replace(state, slots=None, missed=0), wish)
    missed = state.missed + (slots == known)
    return _slots(replace(state, missed=missed), slots, phrases.APPOINTMENT_AGAIN)


def noted(state: State) -> Step:
    """Everything is right."""
    kept = State(contact=state.contact, reached=True, topic=state.topic)
    return kept, Reply(phrases.NOTED, Asks.ELSE)


def dropped(state: State) -> Step:
    """The caller would rather not."""
    return State(contact=state.contact, reached=state.reached), Reply(phrases.DROPPED, Asks.ELSE)


def _settled(state: State) -> Step:
    if state.reached or state.confirming is Noted.CONTACT:
        return noted(state)
    return replace(state, contact=""), Reply(phrases.NOTED_CONTACT, Asks.CONTACT)


def _ask_again(state: State) -> Step:
    if state.confirming is Noted.CONTACT:
        return replace(state, contact=""), Reply(f"I'm sorry. {phrases.CONTACT}", Asks.CONTACT)
    return replace(state, draft=""), Reply(phrases.TAKE_AGAIN, Asks.MESSAGE)


def _contact(state: State, given: str) -> Step:
    return replace(state, contact=given, confirming=Noted.CONTACT), Reply(phrases.read_back(given), Asks.CONFIRM)


def _slots(state: State, slots: Slots, question: str) -> Step:
    state = replace(state, slots=slots, confirming=Noted.APPOINTMENT)
    if slots.day and slots.time:
        return state, Reply(phrases.appointment(slots.day, slots.time), Asks.CONFIRM)
    asks = phrases.ask_slot(slots.day, slots.time) if slots.day or slots.time else question
    return state, Reply(asks, Asks.SLOTS)


def _other_slots(state: State, utterance: Utterance) -> Step:
    found = slots_in(utterance.line)
    if utterance.no and found == Slots():
        return _slots(state, Slots(), phrases.APPOINTMENT_AGAIN)
    return _slots(state, (state.slots or Slots()).with_more(found), phrases.APPOINTMENT_AGAIN)


def _corrected(draft: str, utterance: Utterance, more: str) -> str:
    """What the caller corrected or added, always in the caller's own words."""
    if utterance.no and len(words(more)) >= REPLACES * len(words(draft)):
        return _SAID.sub("", more).strip() or more
    return _added(draft, utterance.said if utterance.no else more)


def _added(before: str, more: str) -> str:
    """The two as sentences."""
    stop = "" if not before or before.rstrip().endswith((".", "!", "?", ",")) else "."
    return f"{before.rstrip()}{stop} {more}".strip()


def _content(said: str) -> tuple[str, str]:
    """For whom, and the message itself, without the request to take one."""
    match = _LEAD_IN.match(said)
    if not match:
        return "", said
    content = said[match.end() :].strip()
    recipient = _RECIPIENT.match(content)
    if not recipient:
        return "", content
    rest = content[recipient.end() :].strip(" ,.;:!?")
    return (recipient.group().strip(), rest) if len(words(rest)) >= 2 or not rest else ("", content)


def _has_number(text: str) -> bool:
    return _digits(text) >= NUMBER_DIGITS


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text)) + sum(word in _DIGIT_WORDS for word in words(text))
