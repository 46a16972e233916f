"""Decides what follows a failed reply: an apology, a transfer to a person, or the end of the call."""

from collections.abc import Sequence
from typing import Final

from media.call.call_language import CallLanguage
from media.call.termination import CallTermination
from media.call.utterance import Utterance
from shared.plan import AgentPlan

# How many replies fail in a row before the caller is transferred to a person, and before the call ends if there is no
# such person, because an outage may be over in a minute. Without a voice the call ends at the second failure.
UNTIL_TRANSFER: Final = 2
UNTIL_END: Final = 4


class FailurePolicy:
    """Counts the replies that failed in a row.

    Fixed texts that were heard, such as the apology, don't reset the count. Only an answer shows that the agent works.
    """

    def __init__(self, agent: AgentPlan, language: CallLanguage, termination: CallTermination) -> None:
        self._number, self._language = agent.fallback_number, language
        self._termination = termination
        self._count = 0

    def order_sentences(self, fillers: Sequence[str]) -> tuple[str, ...]:
        """Return the fixed sentences whose audio a call should have in advance, the most urgent first."""
        phrases = self._language.phrases
        last = phrases.connecting if self._number else phrases.closing
        return (fillers[0], phrases.apology, last, *fillers[1:])

    def answered(self) -> None:
        """Record that the caller heard an answer of the model, or interrupted it."""
        self._count = 0

    def is_voice_failing(self, utterance: Utterance) -> bool:
        """Return whether an utterance failed because of the voice: it had text but no audio, or was a fixed text."""
        return not utterance.is_answer or (bool(utterance.text.strip()) and utterance.speech_at is None)

    def must_give_up(self, *, is_voice_failing: bool) -> bool:
        """Count a failed reply. Return whether it was the last one."""
        self._count += 1
        most = UNTIL_TRANSFER if self._number or is_voice_failing else UNTIL_END
        return self._count >= most

    def give_up(self, words: str, provider: str) -> str:
        """Begin the end of the call, or a transfer if there is a number for it. Return what to say first.

        Args:
            words: What to say before the end of the call.
        """
        if self._number:
            words = self._language.phrases.connecting
            detail = f"provider_error: {provider}" if provider else "provider_error"
            self._termination.transfer(self._number, after_speech=True, detail=detail)
        else:
            self._termination.begin("provider_error", provider, after_speech=True)
        self._termination.unsaid_words = words
        return words
