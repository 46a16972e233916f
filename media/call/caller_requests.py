"""What a caller may ask for at any time, whatever the model would answer: a person, and not to be recorded."""

from typing import Final, Literal

from media.call.announcements import Announcements
from media.call.phrases import phrases_in
from media.call.recording_consent import RecordingConsent
from media.call.request_patterns import patterns_for, plain_text, split_sentences, without_courtesy
from media.call.termination import CallTermination
from shared.plan import CallPlan

# The key that reaches a person, where the agent has a number for that.
PERSON_KEY: Final = "0"
ASKED_FOR_PERSON: Final = "the caller asked for a person"
# A refusal of so few words counts only as a whole sentence, and as the answer to the announcement: "no" is said often.
SHORT_REFUSAL: Final = 2
# Words besides a refusal from which on they are something else that wants an answer.
MORE_WORDS: Final = 5


class CallerRequests:
    """Reads the caller's turns and keys, and does what was asked for. Keys that a tool collects are not read."""

    def __init__(
        self, plan: CallPlan, consent: RecordingConsent, announcements: Announcements, termination: CallTermination
    ) -> None:
        self._consent, self._announcements, self._termination = consent, announcements, termination
        self._number = plan.agent.fallback_number
        self._phrases, self._patterns = phrases_in(plan.agent.language), patterns_for(plan.agent.language)
        refusal = plan.consent
        self._refusal_key = refusal.refusal_key if refusal is not None else ""
        words = map(plain_text, refusal.refusal_words) if refusal is not None else ()
        self._refusals = [one for one in words if one]
        self._agent_asked = ""

    @property
    def has_ended_call(self) -> bool:
        """Whether the call is being ended."""
        return self._termination.reason is not None

    def agent_said(self, text: str) -> None:
        """The agent's latest words: "a person" may answer "for how many?"."""
        self._agent_asked = text

    def read_turn(self, text: str, now: float) -> str:
        """Does what the caller asks for in a turn; returns what to say about it, "" if it was nothing."""
        sentences = split_sentences(text)
        if self._number and any(map(self._wants_person, sentences)):
            return self._put_through()
        return self._refuse(now, "words") if any(map(self._refuses, sentences)) else ""

    def read_keys(self, keys: str, now: float) -> str:
        """The same for keys that were pressed together."""
        if self._number and keys == PERSON_KEY:
            return self._put_through()
        return self._refuse(now, "key") if keys == self._refusal_key else ""

    @staticmethod
    def has_more(text: str) -> bool:
        """Whether a turn that held a refusal says so much more that the rest needs an answer."""
        return len(split_sentences(text)) > 1 and len(plain_text(text).split()) > 2 * MORE_WORDS

    def _refuse(self, now: float, by: Literal["words", "key"]) -> str:
        """A recording that was refused is not announced any more."""
        if not self._consent.refuse(now, by):
            return ""
        self._announcements.drop("recording")
        return self._phrases.not_recorded

    def _put_through(self) -> str:
        self._termination.transfer(self._number, after_speech=True, detail=ASKED_FOR_PERSON)
        self._termination.unsaid_words = self._phrases.putting_through
        return self._phrases.putting_through

    def _wants_person(self, sentence: str) -> bool:
        patterns = self._patterns
        if patterns is None or patterns.amount.search(plain_text(self._agent_asked)):
            return False
        asked = without_courtesy(sentence, patterns)
        return patterns.person.search(asked) is not None and not patterns.not_person.search(asked)

    def _refuses(self, sentence: str) -> bool:
        if self._patterns is not None and self._patterns.refusal.search(sentence):
            return True
        short = without_courtesy(sentence, self._patterns) if self._patterns is not None else sentence
        for words in self._refusals:
            if len(words.split()) > SHORT_REFUSAL:
                if f" {words} " in f" {sentence} ":
                    return True
            elif self._consent.is_asked and short in (words, f"{words} {words}"):
                return True
        return False
