"""Decides when to prepare the answer: shortly before the caller's turn ends."""

from typing import Final

from media.turn.decisions import NOTHING, Decisions, PrepareAnswer
from media.turn.endpoint import TurnRules
from media.turn.turn_text import TurnText

# So often in one turn. Who pauses more often pauses everywhere, and each request is paid for.
MOST_PER_TURN: Final = 3


class AnswerPreparation:
    """The requests of one caller's turn."""

    def __init__(self, rules: TurnRules) -> None:
        self._ahead_ms = rules.prepare_ms if rules.adaptive else 0
        self._count = 0
        self._prepared = ""  # the text for which it is

    def is_due(self, silent_ms: int, needed_ms: int) -> bool:
        """Whether the end of the turn is so near. silent_ms: of the pause so far. needed_ms: what ends the turn."""
        return self._ahead_ms > 0 and needed_ms - self._ahead_ms <= silent_ms

    def decide(self, t: int, text: TurnText, *, over_agent: bool) -> Decisions:
        """PrepareAnswer if the words, which are final, need an answer that is not prepared yet, and not too many were
        in this turn. over_agent: the words were said over the agent's."""
        words = text.text
        is_needed = text.needs_answer if over_agent else bool(text.new_words)
        if not is_needed or words == self._prepared or self._count >= MOST_PER_TURN:
            return NOTHING
        self._prepared = words
        self._count += 1
        return (PrepareAnswer(t, words),)

    def drop(self) -> None:
        """The caller goes on: nothing is prepared any more."""
        self._prepared = ""

    def end_turn(self) -> None:
        """Another turn begins."""
        self._prepared = ""
        self._count = 0
