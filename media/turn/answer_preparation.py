"""Decides when to prepare the answer, which is shortly before the caller's turn ends."""

from typing import Final

from media.turn.decisions import NOTHING, Decisions, PrepareAnswer
from media.turn.endpoint import TurnRules
from media.turn.turn_text import TurnText

# The maximum number of requests in one turn. A caller who pauses often would cause many requests, and each is billed.
MOST_PER_TURN: Final = 3


class AnswerPreparation:
    """The requests for a prepared answer in one caller's turn."""

    def __init__(self, rules: TurnRules) -> None:
        self._ahead_ms = rules.prepare_ms if rules.adaptive else 0
        self._count = 0
        self._prepared = ""  # the text whose answer is being prepared

    def is_due(self, silent_ms: int, needed_ms: int) -> bool:
        """Return whether the end of the turn is near.

        Args:
            silent_ms: The length of the pause so far.
            needed_ms: The length of the pause that ends the turn.
        """
        return self._ahead_ms > 0 and needed_ms - self._ahead_ms <= silent_ms

    def decide(self, t: int, text: TurnText, *, over_agent: bool) -> Decisions:
        """Return PrepareAnswer if the final words need an answer that is not prepared yet and the turn's limit is not
        reached.

        Args:
            over_agent: The caller spoke over the agent.
        """
        words = text.text
        is_needed = text.needs_answer if over_agent else bool(text.new_words)
        if not is_needed or words == self._prepared or self._count >= MOST_PER_TURN:
            return NOTHING
        self._prepared = words
        self._count += 1
        return (PrepareAnswer(t, words),)

    def drop(self) -> None:
        """Drop the prepared answer, because the caller continues."""
        self._prepared = ""

    def end_turn(self) -> None:
        """Start a new turn."""
        self._prepared = ""
        self._count = 0
