"""The receptionist's dialogue state, and the question last asked, as far as the caller heard it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from media.providers.receptionist.slots import AppointmentSlots
from media.providers.receptionist.word_forms import split_words


class Question(Enum):
    """What the receptionist's last reply asks for."""

    NOTHING = auto()
    MESSAGE = auto()
    CONFIRM = auto()
    CONTACT = auto()
    SLOTS = auto()
    OFFER = auto()
    ELSE = auto()


class ReadBack(Enum):
    """What was read back last."""

    MESSAGE = auto()
    CONTACT = auto()
    APPOINTMENT = auto()


@dataclass(frozen=True, slots=True)
class ReceptionistReply:
    """question: what the text asks for. tool: the tool to be called after the text, "" for none. arguments: of the
    tool; empty: what the caller said last. noted: what was confirmed with this reply, as arguments of take_message."""

    text: str
    question: Question = Question.NOTHING
    tool: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    noted: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DialogueState:
    """Rebuilt from the conversation for every reply, turn by turn.

    draft, recipient: the message that is not confirmed yet. slots: the appointment that is not confirmed yet.
    contact: name and number as the caller gave them. contact_settled: they are known, or the caller refused them.
    confirming: what was read back last. topic: the words of the last question that a fact answered.
    unclear_turns, missed_slots: consecutive turns that were not understood, or that held no day or time.
    unplaced: what the caller said in the turn before, if no rule applied to it. last: the reply as it was planned.
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


# Patterns of the questions, in the order tried; they also match questions of another language model.
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
# Words at the end of a reply in which its question is searched.
_TAIL_WORDS: Final = 16
# Words of a question that may be missing while the caller still knows what was asked.
_MAX_MISSING: Final = 2


def heard_question(last: ReceptionistReply, heard: str) -> Question:
    """Returns what the caller was asked, by what was heard of the planned reply (or of another provider's)."""
    planned, heard_words = split_words(last.text), split_words(heard)
    same = _common_prefix(planned, heard_words)
    if planned and same == len(planned):
        return _match_question(heard_words[same:]) if same < len(heard_words) else last.question
    if planned and heard_words and same == len(heard_words):
        known = last.question is Question.CONFIRM or len(planned) - same <= _MAX_MISSING
        return last.question if known else Question.NOTHING
    return _match_question(heard_words)


def repeat_text(last: ReceptionistReply, heard: str) -> str:
    """The text to repeat: the whole last reply, even if it was cut; another provider's words as they were heard."""
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
