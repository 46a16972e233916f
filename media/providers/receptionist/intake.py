"""Takes a message, a name and number, or a request for an appointment. All are read back until they are confirmed."""

import re
from dataclasses import replace
from typing import Final

from media.providers.english import word_list
from media.providers.receptionist import phrases
from media.providers.receptionist.dialogue_state import DialogueState, Question, ReadBack, ReceptionistReply
from media.providers.receptionist.intent import CallerUtterance
from media.providers.receptionist.rules import Intent
from media.providers.receptionist.slots import AppointmentSlots, find_slots
from media.providers.receptionist.word_forms import split_words

Step = tuple[DialogueState, ReceptionistReply]

# A correction with at least this share of the message's words replaces the message. A shorter correction is appended.
REPLACE_SHARE: Final = 0.5
# Names and numbers rarely have more words than this.
MAX_NAME_WORDS: Final = 6
# The minimum number of digits (spoken or written) of a phone number.
MIN_PHONE_DIGITS: Final = 7
# The maximum lengths of the arguments of take_message.
MAX_ARGUMENT: Final = 4_000
MAX_NAME: Final = 200
MAX_NUMBER: Final = 60

_LEAD_IN: Final = re.compile(
    r"^\W*(?:(?:hello|hi|hey|yes|yeah|okay|ok|um|uh|well|so|good \w+)\W+)*"
    r"(?:(?:i|i'd|i\u2019d|would|want|need|like|to|can|could|may|you|please|just|wanna)\W+)*"
    r"(?:leave|take|give|pass on|record|send)\W+(?:(?:a|the|my|this|you|him|her|them|short|quick)\W+)*message\b"
    r"(?:\W+please)?[\s,.:;!?]*(?:(?:that|saying|to say|which is)\b(?:\W+that\b)?)?[\s,:;]*",
    re.IGNORECASE,
)
_RECIPIENT: Final = re.compile(r"^for\b[^.,;:!?]{1,40}", re.IGNORECASE)
_NUMBER_LEAD_IN: Final = re.compile(r"[\s,]*\b(?:and )?(?:my|the) (?:phone )?number(?: is|'s)?\s*$", re.IGNORECASE)
_DIGIT_WORDS: Final = frozenset(word_list("zero oh one two three four five six seven eight nine"))
_CORRECTION_PREFIX: Final = re.compile(r"^(?:i said|i meant|it's|it is|it should be|the message is)\b", re.IGNORECASE)


def start_message(state: DialogueState, utterance: CallerUtterance) -> Step:
    """Start a message. The caller may already have said its content."""
    recipient, content = _split_recipient(utterance.text)
    state = replace(state, recipient=recipient or state.recipient)
    if len(split_words(content)) < 2:
        return state, ReceptionistReply(phrases.TAKE_MESSAGE, Question.MESSAGE)
    return read_back(state, content)


def read_back(state: DialogueState, content: str, before: str = "") -> Step:
    """Store the content as a message and read it back.

    Args:
        before: A sentence that precedes the read-back.
    """
    state = replace(
        state,
        draft=content,
        confirming=ReadBack.MESSAGE,
        contact_settled=state.contact_settled or _has_phone_number(content),
    )
    text = phrases.read_back(content, state.recipient)
    return state, ReceptionistReply(f"{before} {text}".strip(), Question.CONFIRM)


def handle_message(state: DialogueState, utterance: CallerUtterance) -> Step:
    """Handle the answer to the question for the message."""
    if utterance.intent is Intent.NEVER_MIND or (utterance.no and not utterance.rest):
        return discard(state)
    if utterance.yes and not utterance.rest:
        return state, ReceptionistReply(phrases.LISTENING, Question.MESSAGE)
    if utterance.intent is Intent.MESSAGE and _LEAD_IN.match(utterance.text):
        return start_message(state, utterance)
    return read_back(state, utterance.text)


def handle_confirmation(state: DialogueState, utterance: CallerUtterance) -> Step:
    """Handle the answer to a read-back."""
    more = utterance.rest if utterance.yes or utterance.no else utterance.text
    if utterance.intent is Intent.NEVER_MIND:
        return discard(state)
    if utterance.yes and len(CallerUtterance(more).core) < 2:
        return _ask_contact_or_finish(state)
    if state.confirming is ReadBack.APPOINTMENT:
        return _other_slots(state, utterance)
    if utterance.no and not more:
        return _ask_again(state)
    if state.confirming is ReadBack.CONTACT:
        return _contact(state, more if utterance.no else _append(state.contact, more))
    return read_back(state, _correct(state.draft, utterance, more))


def handle_contact(state: DialogueState, utterance: CallerUtterance) -> Step:
    """Handle the answer to the question for name and number."""
    if utterance.intent is Intent.NEVER_MIND or (utterance.no and len(split_words(utterance.rest)) < 2):
        return finish(state)
    if utterance.yes and len(split_words(utterance.rest)) < 2:
        return state, ReceptionistReply(phrases.CONTACT, Question.CONTACT)
    contact = f"{state.contact}, {utterance.text}" if state.contact else utterance.text
    if not state.contact and not _count_digits(contact) and len(utterance.words) <= MAX_NAME_WORDS:
        return replace(state, contact=contact.rstrip(" .,")), ReceptionistReply(phrases.NUMBER, Question.CONTACT)
    return _contact(state, contact)


def start_appointment(state: DialogueState, utterance: CallerUtterance) -> Step:
    """Start an appointment. The caller may already have said its day and time."""
    return _slots(replace(state, missed_slots=0), find_slots(utterance.line), phrases.APPOINTMENT)


def handle_slots(state: DialogueState, utterance: CallerUtterance) -> Step:
    """Handle the answer to the question for day or time."""
    known = state.slots or AppointmentSlots()
    slots = known.updated_with(find_slots(utterance.line, time_asked=not known.time))
    if slots == known and (utterance.intent is Intent.NEVER_MIND or (utterance.no and not utterance.rest)):
        return discard(state)
    if slots == known and state.missed_slots:
        wish = "I would like an appointment. " + utterance.text
        return read_back(replace(state, slots=None, missed_slots=0), wish)
    missed = state.missed_slots + (slots == known)
    return _slots(replace(state, missed_slots=missed), slots, phrases.APPOINTMENT_AGAIN)


def finish(state: DialogueState) -> Step:
    """End the intake with all data confirmed."""
    noted = describe_noted(state)
    state = DialogueState(contact=state.contact, contact_settled=True, topic=state.topic)
    return state, ReceptionistReply(phrases.NOTED, Question.ELSE, noted=noted)


def describe_noted(state: DialogueState) -> dict[str, str]:
    """Return the confirmed data as arguments of the tool take_message, or an empty dictionary if there is none."""
    slots = state.slots
    wish = f"An appointment {slots.day} {slots.time}." if slots and slots.day and slots.time else ""
    recipient = f"{state.recipient[:1].upper()}{state.recipient[1:]}: " if state.recipient else ""
    name, number = split_contact(state.contact)
    message = f"{recipient}{' '.join(filter(None, (state.draft, wish))) or state.contact}"
    if not message:
        return {}
    return {"message": message[:MAX_ARGUMENT], "caller_name": name[:MAX_NAME], "callback_number": number[:MAX_NUMBER]}


def split_contact(contact: str) -> tuple[str, str]:
    """Return (name, number) in the caller's words. The number is empty if there are too few digits."""
    words = contact.split()
    for index, word in enumerate(words):
        if _count_digits(word) and _has_phone_number(" ".join(words[index:])):
            return _NUMBER_LEAD_IN.sub("", " ".join(words[:index])).strip(" ,."), " ".join(words[index:]).strip(" ,.")
    return contact.strip(), ""


def discard(state: DialogueState) -> Step:
    """End the intake and discard its data."""
    return DialogueState(contact=state.contact, contact_settled=state.contact_settled), ReceptionistReply(
        phrases.DROPPED, Question.ELSE
    )


def _ask_contact_or_finish(state: DialogueState) -> Step:
    if state.contact_settled or state.confirming is ReadBack.CONTACT:
        return finish(state)
    return replace(state, contact=""), ReceptionistReply(phrases.NOTED_CONTACT, Question.CONTACT)


def _ask_again(state: DialogueState) -> Step:
    if state.confirming is ReadBack.CONTACT:
        return replace(state, contact=""), ReceptionistReply(f"I'm sorry. {phrases.CONTACT}", Question.CONTACT)
    return replace(state, draft=""), ReceptionistReply(phrases.TAKE_AGAIN, Question.MESSAGE)


def _contact(state: DialogueState, contact: str) -> Step:
    return replace(state, contact=contact, confirming=ReadBack.CONTACT), ReceptionistReply(
        phrases.read_back(contact), Question.CONFIRM
    )


def _slots(state: DialogueState, slots: AppointmentSlots, question: str) -> Step:
    state = replace(state, slots=slots, confirming=ReadBack.APPOINTMENT)
    if slots.day and slots.time:
        return state, ReceptionistReply(phrases.appointment(slots.day, slots.time), Question.CONFIRM)
    asks = phrases.ask_slot(slots.day, slots.time) if slots.day or slots.time else question
    return state, ReceptionistReply(asks, Question.SLOTS)


def _other_slots(state: DialogueState, utterance: CallerUtterance) -> Step:
    found = find_slots(utterance.line)
    if utterance.no and found == AppointmentSlots():
        return _slots(state, AppointmentSlots(), phrases.APPOINTMENT_AGAIN)
    return _slots(state, (state.slots or AppointmentSlots()).updated_with(found), phrases.APPOINTMENT_AGAIN)


def _correct(draft: str, utterance: CallerUtterance, more: str) -> str:
    """Return the message with the caller's correction or addition, in the caller's own words."""
    if utterance.no and len(split_words(more)) >= REPLACE_SHARE * len(split_words(draft)):
        return _CORRECTION_PREFIX.sub("", more).strip() or more
    return _append(draft, utterance.text if utterance.no else more)


def _append(before: str, more: str) -> str:
    """Join two texts as sentences."""
    stop = "" if not before or before.rstrip().endswith((".", "!", "?", ",")) else "."
    return f"{before.rstrip()}{stop} {more}".strip()


def _split_recipient(said: str) -> tuple[str, str]:
    """Return (recipient, message) without the request to take a message."""
    match = _LEAD_IN.match(said)
    if not match:
        return "", said
    content = said[match.end() :].strip()
    recipient = _RECIPIENT.match(content)
    if not recipient:
        return "", content
    rest = content[recipient.end() :].strip(" ,.;:!?")
    return (recipient.group().strip(), rest) if len(split_words(rest)) >= 2 or not rest else ("", content)


def _has_phone_number(text: str) -> bool:
    return _count_digits(text) >= MIN_PHONE_DIGITS


def _count_digits(text: str) -> int:
    return sum(map(str.isdigit, text)) + sum(word in _DIGIT_WORDS for word in split_words(text))
