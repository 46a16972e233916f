"""Determines whether speech over the agent takes the floor, continues the caller's turn, or changes nothing."""

from dataclasses import dataclass

from media.turn.agent_speech import AgentSpeech
from media.turn.caller_voice import CallerVoice
from media.turn.endpoint import TurnRules
from media.turn.hold import Hold
from media.turn.turn_text import TurnText


@dataclass(frozen=True, slots=True)
class SpeechOverAgent:
    """Reads the state of one call without changing it. Times are in ms of audio."""

    rules: TurnRules
    text: TurnText
    agent: AgentSpeech
    voice: CallerVoice
    hold: Hold

    @property
    def may_go_on(self) -> bool:
        """Whether the answer to the caller's turn has only just begun, so that speech continues the turn."""
        return self.agent.leaves_turn_open and self.text.has_answer

    @property
    def is_late(self) -> bool:
        """Whether the current speech began too late to continue the turn."""
        return self.voice.onset_ms >= self.agent.open_until

    @property
    def needs_answer(self) -> bool:
        """Whether the caller said words over the agent that need an answer."""
        return self.text.needs_answer or (self.agent.asks and bool(self.text.new_words))

    def goes_on(self) -> bool:
        """Return whether the speech is long enough to continue the turn.

        A backchannel does not continue it. Neither does a sound after a sound that withdrew an answer without adding
        words.
        """
        if not self.may_go_on or self.text.is_answered_again or self.text.is_backchannel:
            return False
        return self.voice.last_ms - max(self.voice.onset_ms, self.agent.began_at) >= self.rules.continue_ms

    def takes_floor(self, onset: int, *, is_held: bool) -> bool:
        """Return whether the new words interrupt.

        Any word may answer a question that is near its end, and any word that is not a backchannel continues a turn.

        Args:
            is_held: The agent is lowered or silent because of the speech.
        """
        if self.agent.awaits_answer(onset, self.rules.near_end_ms) and self.text.new_words:
            return True
        min_words = 1 if self.may_go_on else self.rules.min_words
        return self.text.interrupts(min_words) and not (is_held and self.is_misheard_nod)

    @property
    def is_misheard_nod(self) -> bool:
        """Return whether the new words are a single word that is often written for a backchannel, and as short.

        If the caller's turn may continue, it is a word of the turn: "I want to go … home".
        """
        is_short = self.voice.last_ms - self.hold.at <= self.rules.nod_ms
        return self.agent.is_audible and is_short and not self.may_go_on and self.text.is_like_nod
