"""A pause in which the caller's turn may end: its text, its evidence and its required length."""

from collections.abc import Callable
from dataclasses import replace

from media.turn.agent_speech import AgentSpeech
from media.turn.answer_preparation import AnswerPreparation
from media.turn.decisions import NOTHING, Decisions
from media.turn.end_reason import EndReason
from media.turn.endpoint import TurnRules
from media.turn.evidence import CompletenessJudge, EvidenceCollector
from media.turn.expected_cost import end_silence
from media.turn.final_text_request import NEVER, FinalTextRequest
from media.turn.second_opinion import is_uncertain
from media.turn.turn_text import TurnText


class TurnPause:
    """The latest pause of one call.

    Attributes:
        needed_ms: The silence that ends the turn according to the latest evidence.
        reason: The evidence that decided the length of `needed_ms`.
    """

    __slots__ = (
        "_evidence", "_may_begin", "_onset_at", "_open_until", "_preparation", "_request", "_rules", "_signal_at",
        "needed_ms", "reason",
    )  # fmt: skip

    def __init__(
        self,
        rules: TurnRules,
        request: FinalTextRequest,
        judge: CompletenessJudge | None,
        may_begin: Callable[[], bool] | None,
    ) -> None:
        """Create the state without a pause.

        Args:
            request: The request for the final text of the words before the pause.
            may_begin: Returns whether a sound has just begun that may become the caller's speech. Called only if the
                rules are adaptive.
        """
        self._rules = rules
        self._request = request
        self._evidence = EvidenceCollector(rules, judge)
        self._preparation = AnswerPreparation(rules)
        self._may_begin = may_begin if rules.adaptive else None
        self._signal_at = NEVER
        # When a sound began to keep the turn open, and when the last such sound stopped doing so.
        self._onset_at = self._open_until = NEVER
        self.needed_ms, self.reason = rules.silence_ms, EndReason.TIMER

    def set_language(self, language: str) -> None:
        """Continue the call in this language (BCP 47)."""
        self._rules = replace(self._rules, language=language)
        self._evidence.set_language(language)

    def begin(self, t: int, voice_end_ms: int, words: str, agent: AgentSpeech) -> int:
        """Begin a pause, for which the final text must be requested. Return the request's token."""
        token = self._request.make(t)
        if self._signal_at <= voice_end_ms:
            self.drop_signal()
        self._evidence.begin_pause()
        self.weigh(words, agent)
        return token

    def weigh(self, words: str, agent: AgentSpeech) -> None:
        """Calculate the silence that new words or new evidence need.

        Args:
            agent: The state of the agent's previous words.
        """
        found = end_silence(self._evidence.collect(words, agent.expect, agent.dictated), self._rules)
        self.needed_ms, self.reason = found.ms, found.reason

    @property
    def open_text(self) -> str:
        """The latest words for which a second judge could change the result. Empty if it could not, or has already
        answered."""
        text, first = self._evidence.judged_once
        return text if is_uncertain(first) else ""

    def add_hint(self, finished: float, text: str | None) -> None:
        """Add smart-turn's probability (0 to 1) that the caller has finished. With `text`, the probability is from the
        second judge and is for these words.

        A value that is not a probability is ignored.
        """
        if not 0 <= finished <= 1:
            return
        if text is None:
            self._evidence.sound = finished
        else:
            self._evidence.add_opinion(text, finished)

    def add_signal(self, t: int, text: str, finished: float | None) -> None:
        """Add the recognizer's own probability (0 to 1) that the caller has finished with this text. None withdraws
        it."""
        self._signal_at = t
        self._evidence.add_signal(text, finished)

    def drop_signal(self) -> None:
        """Drop the recognizer's signal about the silence, because the caller speaks again."""
        self._evidence.add_signal("", None)

    @property
    def has_words(self) -> bool:
        """Whether the final text has arrived and is not a dictation."""
        return self._request.is_answered and not self._evidence.is_dictating

    def may_end(self, t: int) -> bool:
        """Return whether a turn that was silent for long enough ends now.

        The final text must have arrived, or its wait must be over, and no sound may have just begun that could be the
        caller's next word.
        """
        has_waited = self._request.is_answered or self._request.waited_ms(t) >= self._rules.text_wait_ms
        return has_waited and not self._waits_for_sound(t)

    def _waits_for_sound(self, t: int) -> bool:
        if self._may_begin is None or not self._may_begin():
            return False
        if self._onset_at == NEVER:
            self._onset_at = t
        if t - self._onset_at >= self._rules.onset_wait_ms:
            return False
        self._open_until = t
        return True

    def due_ms(self, end: int) -> int:
        """Return the time at which the silence since `end` was long enough and no sound kept the turn open."""
        return max(end + self.needed_ms, self._open_until)

    def prepare(self, t: int, silent_ms: int, text: TurnText, *, over_agent: bool) -> Decisions:
        """Return PrepareAnswer shortly before the silence is long enough.

        Args:
            over_agent: The caller spoke over the agent.
        """
        self._onset_at = self._open_until = NEVER
        if self.has_words and self._preparation.is_due(silent_ms, self.needed_ms):
            return self._preparation.decide(t, text, over_agent=over_agent)
        return NOTHING

    def drop_answer(self) -> None:
        """Drop the prepared answer, because the caller speaks."""
        self._preparation.drop()

    def continued(self, pause_ms: int) -> None:
        """Record that the caller continued the same turn after this pause."""
        self._evidence.went_on(pause_ms)

    def end_turn(self) -> None:
        """Start a new turn."""
        self._evidence.end_turn()
        self._preparation.end_turn()
        self.drop_signal()
