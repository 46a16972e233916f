"""What the caller's words do: agree, refuse, ask, greet, leave, or want something that the receptionist knows of."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from media.providers.receptionist.lexicon import RULE_WORDS
from media.providers.receptionist.rules import (
    AGREES,
    ASKING,
    COURTESY,
    FAREWELL,
    GREETING,
    HESITATION,
    LEANS,
    NO,
    NOT_APPOINTMENT,
    QUESTION,
    RULES,
    YES,
    Intent,
)
from media.providers.receptionist.text import nearest, words

# More than this is never looked at; the caller's words themselves are kept whole.
MOST_CHARACTERS: Final = 3_000
LONG_WORDS: Final = 12


@dataclass(frozen=True)
class Utterance:
    """One turn of the caller. said: the words as recognised, verbatim, whitespace evened."""

    said: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Lower-case words; those that are nearly a word of the rules are taken for it."""
        return tuple(_meant(word) for word in words(self.said[:MOST_CHARACTERS]))

    @cached_property
    def line(self) -> str:
        """The words in one line."""
        return " ".join(self.words)

    @cached_property
    def core(self) -> tuple[str, ...]:
        """The words without greetings, thanks, farewells, and hesitation."""
        bare = FAREWELL.sub(" ", COURTESY.sub(" ", FAREWELL.sub(" ", self.line)))
        return tuple(word for word in bare.split() if word not in HESITATION)

    @cached_property
    def intent(self) -> Intent:
        """What the utterance does as a whole."""
        if not any(word not in HESITATION for word in self.words):
            return Intent.UNCLEAR
        for intent, most, rule in RULES:
            if len(self.words) <= most and rule.search(self.line) and not self._is_about_appointments(intent):
                return intent
        return self._courtesy()

    @cached_property
    def is_question(self) -> bool:
        """It asks for something."""
        marked = self.said.rstrip().endswith("?") and not self.is_long  # recognisers are free with question marks
        return marked or bool(QUESTION.match(self.line) or ASKING.search(self.line))

    @property
    def is_long(self) -> bool:
        """More than a receptionist is asked in one sentence."""
        return len(self.words) > LONG_WORDS

    @cached_property
    def is_double(self) -> bool:
        """It may ask for two things at once."""
        return not {"and", "also", "plus"}.isdisjoint(self.words[1:])

    @cached_property
    def leans_back(self) -> bool:
        """It can only be understood together with the question before ("and on Sunday?")."""
        return bool(LEANS.match(self.line))

    @cached_property
    def yes(self) -> bool:
        """It agrees (perhaps with more behind it)."""
        return not self.no and bool(YES.match(self.line))

    @cached_property
    def no(self) -> bool:
        """It refuses or contradicts (perhaps with more behind it)."""
        return not AGREES.match(self.line) and bool(NO.match(self.line))

    @cached_property
    def leaves(self) -> bool:
        """It says goodbye (perhaps with more before it)."""
        return bool(FAREWELL.search(self.line))

    @cached_property
    def rest(self) -> str:
        """What comes behind the yes or no, verbatim; courtesies alone don't count."""
        match = NO.match(self.line) if self.no else YES.match(self.line)
        count = len(match.group().split()) if match else 0
        starts = [found.start() for found in re.finditer(r"\S*\w\S*", self.said)]
        behind = self.said[starts[count] :].lstrip(" ,.;:!") if count < len(starts) else ""
        return behind if Utterance(behind).core else ""

    def _is_about_appointments(self, intent: Intent) -> bool:
        return intent is Intent.APPOINTMENT and bool(NOT_APPOINTMENT.search(self.line))

    def _courtesy(self) -> Intent:
        if self.core and self.core not in (("no",), ("yes",), ("no", "no"), ("yes", "yes")):
            return Intent.OTHER
        if self.leaves:
            return Intent.GOODBYE
        if self.yes or self.no:
            return Intent.OTHER
        if "thank" in self.line:
            return Intent.THANKS
        return Intent.HELLO if re.search(rf"\b(?:{GREETING})\b", self.line) else Intent.OTHER


def _meant(word: str) -> str:
    return word if word in RULE_WORDS else nearest(word, RULE_WORDS) or word
