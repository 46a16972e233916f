"""Switches a call to the caller's language, turn by turn."""

from collections.abc import Callable

from media.call.call_language import CallLanguage
from media.call.caller_turns import CallerTurns
from media.call.clock import CallClock
from media.turn.agent_question import AgentQuestion, read_question
from media.turn.asked_names import asks_for_names
from media.turn.expected_reply import ExpectedReply
from media.turn.floor import Floor
from shared.events import Event, LanguageSwitched


class LanguageSwitch:
    """Decides the call's language after each turn of the caller."""

    def __init__(
        self,
        language: CallLanguage,
        floor: Floor,
        turns: CallerTurns,
        clock: CallClock,
        emit: Callable[[Event], None],
    ) -> None:
        self._language, self._floor, self._turns, self._clock = language, floor, turns, clock
        self._emit = emit
        self._is_dictated = False  # whether the agent's last words ask for dictation

    def read_question(self, agent_text: str) -> AgentQuestion:
        """Return what the agent's words ask, in the call's language. The caller's next words are judged by it."""
        asked = read_question(agent_text, self._language.tag)
        is_spelled = asked.dictated is not None or asked.expect is ExpectedReply.SPELLING
        self._is_dictated = is_spelled or asks_for_names(agent_text)
        return asked

    def preview(self, text: str) -> str:
        """Return the language that the call will have if the caller's turn ends with this text."""
        return self._language.preview(self._floor.turn, text, is_dictated=self._is_dictated)

    def turn_ended(self, text: str, *, is_opening: bool) -> bool:
        """Choose the call's language for the answer to a turn of the caller.

        Args:
            text: All words of the floor's turn.
            is_opening: The agent's announcements or its greeting come first, which are in its main language, so the
                next turn decides.

        Returns:
            Whether the language has changed.
        """
        if is_opening:
            return False
        before = self._language.take_turn(self._floor.turn, text, is_dictated=self._is_dictated)
        if before:
            at_ms = round(self._clock.now())
            self._emit(LanguageSwitched(self._turns.number, self._language.tag, before, at_ms))
        return bool(before)
