"""Requests that a caller can make at any time: a person, no recording, no further calls."""

from collections.abc import Callable, Sequence
from typing import Final, Literal

from media.call.announcements import Announcements
from media.call.call_language import CallLanguage
from media.call.recording_consent import RecordingConsent
from media.call.request_languages import patterns_for
from media.call.request_patterns import RequestPatterns, is_question, plain_text, split_sentences
from media.call.termination import CallTermination
from media.call.utterance import Utterance
from media.turn.endpoint import ExpectedReply, expected_reply
from shared.events import CallerOptedOut, Event
from shared.plan import CallPlan

# The key that reaches a person if the agent has a number for that.
PERSON_KEY: Final = "0"
ASKED_FOR_PERSON: Final = "the caller asked for a person"
# A refusal of at most this many words counts only as a whole sentence that answers the announcement, because "no" is
# frequent.
SHORT_REFUSAL: Final = 2
# With this many words besides a refusal, in its sentence or in others, they need an answer of their own.
MORE_WORDS: Final = 5
ANOTHER_SENTENCE: Final = 2
# If the agent has asked for a number, a key is a part of it.
_NUMBERS: Final = (ExpectedReply.DIGITS, ExpectedReply.CODE)


class CallerRequests:
    """Reads the caller's turns and keys, and carries out the requests. Keys that a tool collects are not read.

    Attributes:
        has_opted_out: The person on the phone asked not to be called again.
    """

    def __init__(
        self,
        plan: CallPlan,
        consent: RecordingConsent,
        announcements: Announcements,
        termination: CallTermination,
        language: CallLanguage,
        emit: Callable[[Event], None],
    ) -> None:
        self._consent, self._announcements, self._termination = consent, announcements, termination
        self._emit, self.has_opted_out = emit, False
        self._number = plan.agent.fallback_number
        self._language = language
        refusal = plan.consent
        self._refusal_key = refusal.refusal_key if refusal is not None else ""
        words = map(self._plain, refusal.refusal_words) if refusal is not None else ()
        self._refusals = [word for word in words if word]
        self._agent_said = ""

    @property
    def _patterns(self) -> RequestPatterns | None:
        return patterns_for(self._language.tag)

    @property
    def _all_patterns(self) -> Sequence[RequestPatterns]:
        """Return the patterns of all languages that the call may use, the present one first.

        A request in another language is understood before the call has switched to it.
        """
        found = map(patterns_for, (self._language.tag, *self._language.others))
        return [patterns for patterns in found if patterns is not None]

    @property
    def has_ended_call(self) -> bool:
        """Whether the call is being ended."""
        return self._termination.reason is not None

    def agent_began(self, utterance: Utterance) -> None:
        """Record that an utterance other than an announcement has become audible. The caller's next words may answer
        it.

        After an answer of the model, "no" refers to that answer.
        """
        self._agent_said = utterance.text
        if utterance.is_answer:
            self._consent.answered()

    def agent_finished(self, utterance: Utterance) -> None:
        """Record that the utterance was heard to its end. If it ends in a question, "no" answers that question."""
        if self._asks_yes_or_no(utterance.text):
            self._consent.answered()

    def read_turn(self, text: str, now: float) -> str:
        """Carry out the requests in a turn. Return what to say about them, or an empty text."""
        sentences = split_sentences(text)
        refused = self._refuse(now, "words") if self._refuses(sentences) else ""
        opted_out = self._opt_out(now) if self._opts_out(sentences) else ""
        if self._number and self._asks_for_person(sentences):
            return self._put_through()
        return " ".join(reply for reply in (refused, opted_out) if reply)

    def is_made_by(self, text: str) -> bool:
        """Return whether a turn with this text may contain a request for `read_turn`. Does nothing."""
        sentences = split_sentences(text)
        is_for_person = bool(self._number and self._asks_for_person(sentences))
        return is_for_person or self._refuses(sentences) or self._opts_out(sentences)

    def read_keys(self, keys: str, now: float) -> str:
        """Carry out the request of keys that were pressed together and that continue no number. See `read_turn`."""
        if not self.is_request(keys):
            return ""
        return self._put_through() if self._asks_for_person_by(keys) else self._refuse(now, "key")

    def is_request(self, keys: str) -> bool:
        """Return whether `read_keys` would act on these keys. Callers in a hurry may press 0 several times."""
        if expected_reply(self._agent_said) in _NUMBERS or self._may_be_answer():
            return False
        return self._asks_for_person_by(keys) or bool(keys and keys == self._refusal_key)

    def _asks_for_person_by(self, keys: str) -> bool:
        return bool(self._number) and set(keys) == {PERSON_KEY}

    def has_more(self, text: str) -> bool:
        """Return whether a turn with a refusal or an opt-out has so many other words that they need an answer.

        This is also true if its "no" may have answered a question of the agent.
        """
        return self._asks_yes_or_no(self._agent_said) or any(map(self._says_more, split_sentences(text)))

    def _says_more(self, sentence: str) -> bool:
        if self._opts_out([sentence]):
            return False
        rest = self._rest_of_refusal(sentence)
        if rest is None:
            return len(self._plain(sentence).split()) >= ANOTHER_SENTENCE
        return len(self._plain(rest).split()) >= MORE_WORDS

    def _refuse(self, now: float, by: Literal["words", "key"]) -> str:
        """Refuse the recording, which is no longer announced."""
        if not self._consent.refuse(now, by):
            return ""
        self._announcements.drop("recording")
        return self._language.phrases.not_recorded

    def _opt_out(self, now: float) -> str:
        """Opt the person out. The reply is said once; the model answers a repeated request."""
        if self.has_opted_out:
            return ""
        self.has_opted_out = True
        self._emit(CallerOptedOut(round(now), "words"))
        return self._language.phrases.opted_out

    def _put_through(self) -> str:
        self._termination.transfer(self._number, after_speech=True, detail=ASKED_FOR_PERSON)
        self._termination.unsaid_words = self._language.phrases.putting_through
        return self._language.phrases.putting_through

    def _refuses(self, sentences: list[str]) -> bool:
        return any(self._rest_of_refusal(sentence) is not None for sentence in sentences)

    def _opts_out(self, sentences: list[str]) -> bool:
        return any(patterns.opts_out(sentence) for patterns in self._all_patterns for sentence in sentences)

    def _asks_for_person(self, sentences: list[str]) -> bool:
        is_answer = self._may_be_answer()
        return any(
            patterns.asks_for_person(sentence, is_answer=is_answer)
            for patterns in self._all_patterns
            for sentence in sentences
        )

    def _may_be_answer(self) -> bool:
        return self._patterns is not None and self._patterns.is_answerable(self._agent_said)

    def _asks_yes_or_no(self, text: str) -> bool:
        """Return whether an agent's text ends in a question that "no" may answer. False for languages without
        patterns."""
        last = split_sentences(text)[-1:]
        patterns = self._patterns
        return any(
            patterns is not None and is_question(sentence) and not patterns.is_open_question(sentence)
            for sentence in last
        )

    def _rest_of_refusal(self, sentence: str) -> str | None:
        """Return the words besides a refusal in a sentence, or None if it refuses nothing."""
        for patterns in self._all_patterns:
            if (rest := patterns.find_refusal(sentence)) is not None:
                return rest
        plain = self._plain(sentence)
        for words in self._refusals:
            is_short = len(words.split()) <= SHORT_REFUSAL
            if self._consent.is_asked and not is_short and f" {words} " in f" {plain} ":
                return f" {plain} ".replace(f" {words} ", " ", 1)
            if plain in (words, f"{words} {words}") and (self._consent.is_asked or not is_short):
                return ""
        return None

    def _plain(self, text: str) -> str:
        plain = plain_text(text)
        return plain if self._patterns is None else self._patterns.without_courtesy(plain)
