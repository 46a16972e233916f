"""Classifies the caller's words: agree, refuse, ask, greet, say goodbye, or another intent of the rules."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from media.providers.receptionist.rules import (
    AGREES,
    ASKING,
    COURTESY,
    FAREWELL,
    FOLLOW_UP,
    GREETING,
    HESITATION,
    NO,
    NOT_APPOINTMENT,
    QUESTION,
    RULES,
    YES,
    Intent,
)
from media.providers.receptionist.vocabulary import RULE_WORDS
from media.providers.receptionist.word_forms import find_nearest, split_words

# The number of characters that are classified. The caller's words are stored completely.
MAX_CHARACTERS: Final = 3_000
LONG_WORDS: Final = 12


@dataclass(frozen=True)
class CallerUtterance:
    """One turn of the caller.

    Attributes:
        text: The recognized words, with single spaces.
    """

    text: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words in lower case. Words that nearly match a word of the rules are replaced by it."""
        return tuple(_correct_word(word) for word in split_words(self.text[:MAX_CHARACTERS]))

    @cached_property
    def line(self) -> str:
        """The words in one line."""
        return " ".join(self.words)

    @cached_property
    def core(self) -> tuple[str, ...]:
        """The words without greetings, thanks, farewells and hesitation."""
        bare = FAREWELL.sub(" ", COURTESY.sub(" ", FAREWELL.sub(" ", self.line)))
        return tuple(word for word in bare.split() if word not in HESITATION)

    @cached_property
    def intent(self) -> Intent:
        """The intent of the whole utterance."""
        if not any(word not in HESITATION for word in self.words):
            return Intent.UNCLEAR
        for intent, max_words, rule in RULES:
            if len(self.words) <= max_words and rule.search(self.line) and not self._is_about_appointments(intent):
                return intent
        return self._courtesy()

    @cached_property
    def is_question(self) -> bool:
        """Whether the utterance is a question."""
        marked = self.text.rstrip().endswith("?") and not self.is_long  # recognizers often add question marks
        return marked or bool(QUESTION.match(self.line) or ASKING.search(self.line))

    @property
    def is_long(self) -> bool:
        """Whether the utterance is longer than a typical question to a receptionist."""
        return len(self.words) > LONG_WORDS

    @cached_property
    def is_double(self) -> bool:
        """Whether the utterance may contain two questions."""
        return not {"and", "also", "plus"}.isdisjoint(self.words[1:])

    @cached_property
    def is_follow_up(self) -> bool:
        """Whether the utterance depends on the previous question ("and on Sunday?")."""
        return bool(FOLLOW_UP.match(self.line))

    @cached_property
    def yes(self) -> bool:
        """Whether the utterance agrees. More may follow."""
        return not self.no and bool(YES.match(self.line))

    @cached_property
    def no(self) -> bool:
        """Whether the utterance refuses or contradicts. More may follow."""
        return not AGREES.match(self.line) and bool(NO.match(self.line))

    @cached_property
    def says_goodbye(self) -> bool:
        """Whether the utterance contains a farewell."""
        return bool(FAREWELL.search(self.line))

    @cached_property
    def rest(self) -> str:
        """The text after the yes or no, verbatim. Empty if only courtesies follow."""
        match = NO.match(self.line) if self.no else YES.match(self.line)
        count = len(match.group().split()) if match else 0
        starts = [found.start() for found in re.finditer(r"\S*\w\S*", self.text)]
        behind = self.text[starts[count] :].lstrip(" ,.;:!") if count < len(starts) else ""
        return behind if CallerUtterance(behind).core else ""

    def _is_about_appointments(self, intent: Intent) -> bool:
        return intent is Intent.APPOINTMENT and bool(NOT_APPOINTMENT.search(self.line))

    def _courtesy(self) -> Intent:
        if self.core and self.core not in (("no",), ("yes",), ("no", "no"), ("yes", "yes")):
            return Intent.OTHER
        if self.says_goodbye:
            return Intent.GOODBYE
        if self.yes or self.no:
            return Intent.OTHER
        if "thank" in self.line:
            return Intent.THANKS
        return Intent.HELLO if re.search(rf"\b(?:{GREETING})\b", self.line) else Intent.OTHER


def _correct_word(word: str) -> str:
    return word if word in RULE_WORDS else find_nearest(word, RULE_WORDS) or word
