"""Collects the evidence in a pause for whether the caller's turn is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from media.turn.backchannels import split_words
from media.turn.dictation import DictationState, Progress, dictation_state, ends_in_letters
from media.turn.endpoint import (
    TurnRules,
    declines_dictation,
    ends_message,
    is_plain_answer,
    is_unfinished,
    may_be_unfinished,
)
from media.turn.expected_dictation import DictationKind, ExpectedDictation
from media.turn.expected_reply import ExpectedReply

# Probabilities for cases that the words alone decide: "I'd like a table and" continues, "I'd like to speak to" usually
# does, and "yes" to a yes/no question does not.
GOES_ON: Final = 0.02
MAY_GO_ON: Final = 0.08
IS_DONE: Final = 0.98
_ENGLISH: Final = "en"
# A pause of at least this length inside a turn, in ms, shows a caller who needs more patience, if it is not the first
# such pause.
LONG_PAUSE_MS: Final = 500
# How much each further long pause lowers the log-odds of an end, the maximum of that, and the share of the count of
# pauses that is kept after each turn.
PATIENCE_STEP, PATIENCE_MOST, PATIENCE_KEPT = 0.8, 2.4, 0.7
_SPELLS: Final = DictationState(Progress.PARTIAL)


class CompletenessJudge(Protocol):
    """Estimates from the words alone whether a caller has finished. May take at most 1 ms per text, because calls wait
    for the result."""

    def supports(self, language: str) -> bool:
        """Return whether the judge supports the language."""

    def probabilities(
        self, texts: Sequence[str], *, language: str = _ENGLISH, asked: ExpectedReply = ExpectedReply.REPLY
    ) -> list[float]:
        """Return, for each text of a caller's turn, the probability (0 to 1) that the turn ends there, regardless of
        the final mark."""


@dataclass(frozen=True, slots=True)
class TurnEvidence:
    """The evidence in a pause. None means that there is no evidence of that kind.

    Attributes:
        text: The probability (0 to 1) that the words end here.
        second: The same probability from a second judge of the words.
        sound: The same probability from the sound (smart-turn).
        vendor: The same probability from the recognizer itself, if it is trained for that.
        asked: The kind of reply that the agent's last words expect.
        dictation: How far the caller's dictation has progressed.
        hesitation: How much the caller's earlier pauses in this call lower the log-odds of the end.
    """

    text: float | None = None
    second: float | None = None
    sound: float | None = None
    vendor: float | None = None
    asked: ExpectedReply = ExpectedReply.REPLY
    dictation: DictationState | None = None
    hesitation: float = 0.0


class EvidenceCollector:
    """Collects the evidence of one call's pauses.

    Args:
        judge: The model of the words, or None if no model is loaded.

    Attributes:
        sound: The probability from the sound (see `TurnEvidence`) for the current pause. The floor sets it on arrival.
        is_dictating: The latest collected text is part of a dictation, such as a number.
    """

    def __init__(self, rules: TurnRules, judge: CompletenessJudge | None = None) -> None:
        self._is_used = rules.adaptive
        self._judges = judge
        self.set_language(rules.language)
        self._long_pauses = 0.0  # weighted number of long pauses in this call; older pauses count less
        self._unproven = 0  # long pauses without new words so far, whose sound may belong to other people
        self._is_by_model = False  # whether the model judged the text, and not a rule
        self._opinion: tuple[str, float] | None = None  # the second judge's text and probability
        self.sound: float | None = None
        self._signal: tuple[list[str], float] | None = None  # the recognizer's words and probability
        self.is_dictating = False

    def set_language(self, language: str) -> None:
        """Interpret the caller's words in this language (BCP 47) from now on."""
        judge = self._judges
        self._language = language.partition("-")[0].lower()
        self._judge = judge if judge is not None and judge.supports(self._language) else None
        self._judged: tuple[str, ExpectedReply] = ("", ExpectedReply.REPLY)
        self._probability: float | None = None

    @property
    def judged_once(self) -> tuple[str, float]:
        """The latest text with the model's probability. Empty if a rule decided the text, or if a second judge has
        answered."""
        text, known = self._judged[0], self._probability
        is_open = known is not None and self._is_by_model and self._second() is None
        return (text, known) if is_open and known is not None else ("", 0.0)

    def add_opinion(self, text: str, finished: float) -> None:
        """Add the second judge's probability (0-1) that the caller has finished after this text."""
        self._opinion = (text, finished)

    def add_signal(self, text: str, finished: float | None) -> None:
        """Add the recognizer's probability (0 to 1) that the caller has finished after this text.

        The probability counts until the words change. A value that is not a probability is ignored.
        """
        words = split_words(text)
        is_known = finished is not None and 0 <= finished <= 1 and bool(words)
        self._signal = (words, finished) if is_known and finished is not None else None

    def begin_pause(self) -> None:
        """Begin a pause. The sound of the previous pause no longer applies."""
        self.sound = None

    def went_on(self, pause_ms: int) -> None:
        """Record that the caller continued the same turn after this pause."""
        self._unproven += pause_ms >= LONG_PAUSE_MS

    def end_turn(self) -> None:
        """Begin another turn, in which earlier pauses count less."""
        self._long_pauses *= PATIENCE_KEPT
        self._unproven = 0

    def collect(self, text: str, asked: ExpectedReply, dictated: ExpectedDictation | None = None) -> TurnEvidence:
        """Return the evidence for a pause after these words, or no evidence if the rules are not adaptive.

        The model runs only if the words are new.

        Args:
            asked: The kind of reply that the agent expects.
            dictated: The text that the agent has asked the caller to dictate.
        """
        if not self._is_used:
            return TurnEvidence()
        is_english = self._language == _ENGLISH
        if asked is ExpectedReply.MESSAGE and is_english and ends_message(text):
            asked = ExpectedReply.REPLY
        if text != self._judged[0]:
            self._long_pauses += self._unproven
            self._unproven = 0
        if (text, asked) != self._judged:
            self._judged, self._probability = (text, asked), self._judge_text(text, asked)
        dictation = _judge_dictation(text, asked, dictated) if is_english else None
        self.is_dictating = dictation is not None and dictation.progress is Progress.PARTIAL
        return TurnEvidence(
            text=self._probability,
            second=self._second(),
            sound=self.sound,
            vendor=self._vendor(text),
            asked=asked,
            dictation=dictation,
            hesitation=min(PATIENCE_MOST, PATIENCE_STEP * max(0.0, self._long_pauses - 1)),
        )

    def _vendor(self, text: str) -> float | None:
        """Return the recognizer's own probability if it is about these words."""
        return self._signal[1] if self._signal is not None and self._signal[0] == split_words(text) else None

    def _second(self) -> float | None:
        """Return the second judge's probability if it has answered for these words and the model has judged them."""
        is_theirs = self._is_by_model and self._opinion is not None and self._opinion[0] == self._judged[0]
        return self._opinion[1] if is_theirs and self._opinion is not None else None

    def _judge_text(self, text: str, asked: ExpectedReply) -> float | None:
        self._is_by_model = False
        spoken = split_words(text)
        if not spoken:
            return None
        if self._language == _ENGLISH:
            if is_unfinished(text):
                return GOES_ON
            if asked is ExpectedReply.YES_NO and is_plain_answer(spoken):
                return IS_DONE
            if may_be_unfinished(spoken):
                return MAY_GO_ON
        if self._judge is None:
            return None
        self._is_by_model = True
        return self._judge.probabilities([text], language=self._language, asked=asked)[0]


def _judge_dictation(text: str, asked: ExpectedReply, dictated: ExpectedDictation | None) -> DictationState | None:
    """Return the state of the dictation, or None if nothing is being dictated."""
    if asked is ExpectedReply.MESSAGE or declines_dictation(text):
        return None
    if asked is ExpectedReply.SPELLING:
        return _SPELLS if ends_in_letters(split_words(text)) else None
    state = dictation_state(text, dictated)
    is_day = dictated is not None and dictated.kind is DictationKind.DATE and not dictated.needs_year
    if state.progress is Progress.EMPTY or (is_day and state.progress is Progress.PARTIAL):
        return None  # "on the fifteenth" is enough, unless the agent asked for a date of birth
    return state
