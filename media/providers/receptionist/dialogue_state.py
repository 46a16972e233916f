"""The state of the receptionist's dialogue, and the last question, as far as the caller heard it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from media.providers.receptionist.slots import AppointmentSlots
from media.providers.receptionist.word_forms import split_words


class Question(Enum):
    """The subject of the question in the receptionist's last reply."""

    NOTHING = auto()
    MESSAGE = auto()
    CONFIRM = auto()
    CONTACT = auto()
    SLOTS = auto()
    OFFER = auto()
    ELSE = auto()


class ReadBack(Enum):
    """The kind of data that was read back last."""

    MESSAGE = auto()
    CONTACT = auto()
    APPOINTMENT = auto()


@dataclass(frozen=True, slots=True)
class ReceptionistReply:
    """A reply to the caller.

    Attributes:
        question: The subject of the text's question.
        tool: The tool that is called after the text, or "".
        arguments: The tool's arguments. If empty, the tool receives the caller's last words.
        noted: The data that this reply confirms, as arguments of take_message.
    """

    text: str
    question: Question = Question.NOTHING
    tool: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    noted: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DialogueState:
    """The state of a dialogue, which is rebuilt from the conversation for every reply, turn by turn.

    Attributes:
        draft: The message that is not confirmed yet.
        recipient: The recipient of that message.
        slots: The appointment that is not confirmed yet.
        contact: Name and number in the caller's words.
        contact_settled: The caller gave or refused name and number.
        confirming: The kind of data that was read back last.
        topic: The words of the last question that a fact answered.
        unclear_turns: The number of consecutive turns that were not understood.
        missed_slots: The number of consecutive turns without a day or time.
        unplaced: The caller's previous turn, if no rule applied to it.
        last: The planned text of the last reply.
    """

    draft: str = ""
    recipient: str = ""
    slots: AppointmentSlots | None = None
    contact: str = ""
    contact_settled: bool = False
    confirming: ReadBack = ReadBack.MESSAGE
    topic: tuple[str, ...] = ()
    unclear_turns: int = 0
    missed_slots: int = 0
    unplaced: str = ""
    last: ReceptionistReply = field(default=ReceptionistReply(""))


# Patterns of the questions, in the order in which they are tried. They also match questions of other language models.
_QUESTION_PATTERNS: Final = (
    (
        Question.CONFIRM,
        r"\b(?:is|was) (?:that|it|this|everything) (?:all )?(?:right|correct)\b|did i get (?:that|it) right",
    ),
    (
        Question.OFFER,
        r"(?:(?:shall|should|can|may) i (?:take|pass on)\b|(?:would|do) you (?:like|want) to leave\b).{0,20}message",
    ),
    (Question.ELSE, r"\banything else\b"),
    (Question.NOTHING, r"\b(?:can|may|could) i (?:help|do for) you|\bhelp you\b"),
    (Question.CONTACT, r"\b(?:your|the) (?:\w+ ){0,3}?(?:name|number)\b|\bcall you back\b|\breach you\b"),
    (Question.MESSAGE, r"\bpass on\b|\b(?:your|the|a|what) (?:short )?message\b|after the (?:beep|tone)"),
    (
        Question.SLOTS,
        r"\b(?:what|which|on what|at what) (?:day|time|date)\b|\bwhen would you\b|\bwhen (?:do|can) you\b",
    ),
)
# The number of words at the end of a reply that are searched for its question.
_TAIL_WORDS: Final = 16
# The number of a question's words that may be missing if the caller still understands the question.
_MAX_MISSING: Final = 2


def heard_question(last: ReceptionistReply, heard: str) -> Question:
    """Return the question that the caller heard, from the part of the planned (or another provider's) reply that was
    played."""
    planned, heard_words = split_words(last.text), split_words(heard)
    same = _common_prefix(planned, heard_words)
    if planned and same == len(planned):
        return _match_question(heard_words[same:]) if same < len(heard_words) else last.question
    if planned and heard_words and same == len(heard_words):
        known = last.question is Question.CONFIRM or len(planned) - same <= _MAX_MISSING
        return last.question if known else Question.NOTHING
    return _match_question(heard_words)


def repeat_text(last: ReceptionistReply, heard: str) -> str:
    """Return the text to repeat: the whole last reply, even if it was cut, or another provider's words as they were
    played."""
    return last.text if _common_prefix(split_words(last.text), split_words(heard)) else heard


def _match_question(heard_words: list[str]) -> Question:
    tail = " ".join(heard_words[-_TAIL_WORDS:])
    return next((question for question, pattern in _QUESTION_PATTERNS if re.search(pattern, tail)), Question.NOTHING)


def _common_prefix(one: list[str], other: list[str]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
