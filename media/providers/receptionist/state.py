"""What the receptionist knows of the call so far, and what it asked last, judged by what the caller heard of it."""

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from media.providers.receptionist.slots import Slots
from media.providers.receptionist.text import words


class Asks(Enum):
    """What the receptionist's last words ask for."""

    NOTHING = auto()
    MESSAGE = auto()
    CONFIRM = auto()
    CONTACT = auto()
    SLOTS = auto()
    OFFER = auto()
    ELSE = auto()


class Noted(Enum):
    """What was read back."""

    MESSAGE = auto()
    CONTACT = auto()
    APPOINTMENT = auto()


@dataclass(frozen=True, slots=True)
class Reply:
    """tool: the tool to be called after the words, "" for none."""

    text: str
    asks: Asks = Asks.NOTHING
    tool: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Rebuilt from the conversation for every reply, turn by turn.

    draft, recipient: the message that isn't settled yet. slots: the appointment in the making. contact: name and number
    as the caller gave them. reached: they are known, or the caller would not give them. topic: the words of the
    last question that a fact answered. unclear, missed: turns in a row that could not be understood, or told no slot.
    loose: what the caller said in the turn before, if nothing could be made of it.
    last: the reply as it was planned.
    """

    draft: str = ""
    recipient: str = ""
    slots: Slots | None = None
    contact: str = ""
    reached: bool = False
    confirming: Noted = Noted.MESSAGE
    topic: tuple[str, ...] = ()
    unclear: int = 0
    missed: int = 0
    loose: str = ""
    last: Reply = field(default=Reply(""))


# How the questions sound, in order; they also know those that another brain may have asked before.
_SOUNDS: Final = (
    (
        Asks.CONFIRM,
        r"\b(?:is|was) (?:that|it|this|everything) (?:all )?(?:right|correct)\b|did i get (?:that|it) right",
    ),
    (
        Asks.OFFER,
        r"(?:(?:shall|should|can|may) i (?:take|pass on)\b|(?:would|do) you (?:like|want) to leave\b).{0,20}message",
    ),
    (Asks.ELSE, r"\banything else\b"),
    (Asks.NOTHING, r"\b(?:can|may|could) i (?:help|do for) you|\bhelp you\b"),
    (Asks.CONTACT, r"\b(?:your|the) (?:\w+ ){0,3}?(?:name|number)\b|\bcall you back\b|\breach you\b"),
    (Asks.MESSAGE, r"\bpass on\b|\b(?:your|the|a|what) (?:short )?message\b|after the (?:beep|tone)"),
    (Asks.SLOTS, r"\b(?:what|which|on what|at what) (?:day|time|date)\b|\bwhen would you\b|\bwhen (?:do|can) you\b"),
)
# Words of the end of a reply within which its question is looked for.
_TAIL: Final = 16
# So much of a question may be missing and the caller still knew what was asked.
_GUESSABLE: Final = 2


def asked(last: Reply, heard: str) -> Asks:
    """What the caller was asked, by what was heard of the planned reply (or of somebody else's words)."""
    planned, came = words(last.text), words(heard)
    same = _common(planned, came)
    if planned and same == len(planned):
        return _sounding(came[same:]) if same < len(came) else last.asks
    if planned and came and same == len(came):
        known = last.asks is Asks.CONFIRM or len(planned) - same <= _GUESSABLE
        return last.asks if known else Asks.NOTHING
    return _sounding(came)


def again(last: Reply, heard: str) -> str:
    """The last words of the receptionist, whole even if they were cut."""
    return last.text if _common(words(last.text), words(heard)) else heard


def _sounding(came: list[str]) -> Asks:
    tail = " ".join(came[-_TAIL:])
    return next((asks for asks, sound in _SOUNDS if re.search(sound, tail)), Asks.NOTHING)


def _common(one: list[str], other: list[str]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
