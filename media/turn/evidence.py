"""Evidence in a pause for whether the caller's turn is over."""

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

# Probabilities of what the words alone decide: "I'd like a table and" goes on, "I'd like to speak to" mostly does, and
# "yes" to a yes/no question does not.
GOES_ON: Final = 0.02
MAY_GO_ON: Final = 0.08
IS_DONE: Final = 0.98
_ENGLISH: Final = "en"
# A pause of this length inside a turn, in ms, shows a caller who needs more patience, if it is not the first one.
LONG_PAUSE_MS: Final = 500
# What each further long pause adds to the log-odds against an end, at most how much, and what share is left of the
# count of pauses after each turn.
PATIENCE_STEP, PATIENCE_MOST, PATIENCE_KEPT = 0.8, 2.4, 0.7
_SPELLS: Final = DictationState(Progress.PARTIAL)


class CompletenessJudge(Protocol):
    """Tells from the words alone whether a caller has finished; at most 1 ms for a text, because calls wait for it."""

    def supports(self, language: str) -> bool:
        """Whether it knows the language."""

    def probabilities(
        self, texts: Sequence[str], *, language: str = _ENGLISH, asked: ExpectedReply = ExpectedReply.REPLY
    ) -> list[float]:
        """For each text of a caller's turn the probability (0-1) that it ends there, whatever its last mark is."""


@dataclass(frozen=True, slots=True)
class TurnEvidence:
    """What is known of a pause; None where nothing is.

    text: probability (0-1) that the words end here. second: the same by a second judge of the words. sound: the same
    from how they sound (smart-turn). vendor: the same from the recognizer itself, if it is trained for that. asked:
    what the agent's last words expect. dictation: how much there is of what the caller dictates. hesitation: how much
    the caller's earlier pauses in this call lower the log-odds of the end.
    """

    text: float | None = None
    second: float | None = None
    sound: float | None = None
    vendor: float | None = None
    asked: ExpectedReply = ExpectedReply.REPLY
    dictation: DictationState | None = None
    hesitation: float = 0.0


class EvidenceCollector:
    """Collects the evidence of one call's pauses. judge: None where no model is loaded.

    sound: as in `TurnEvidence`, of the present pause; the floor sets it when it comes. is_dictating: what was collected
    last is part of a number or the like.
    """

    def __init__(self, rules: TurnRules, judge: CompletenessJudge | None = None) -> None:
        self._is_used = rules.adaptive
        self._judges = judge
        self.set_language(rules.language)
        self._long_pauses = 0.0  # of this call, older ones count less
        self._unproven = 0  # long pauses after which no new words have come yet: the sound may be somebody else's
        self._is_by_model = False  # not by a rule
        self._opinion: tuple[str, float] | None = None  # of the second judge, and of which text
        self.sound: float | None = None
        self._signal: tuple[list[str], float] | None = None  # of the recognizer, and after which words
        self.is_dictating = False

    def set_language(self, language: str) -> None:
        """The caller's words are judged as of this language (BCP 47) from now on."""
        judge = self._judges
        self._language = language.partition("-")[0].lower()
        self._judge = judge if judge is not None and judge.supports(self._language) else None
        self._judged: tuple[str, ExpectedReply] = ("", ExpectedReply.REPLY)
        self._probability: float | None = None

    @property
    def judged_once(self) -> tuple[str, float]:
        """The latest text with the model's probability; empty if a rule decided it, or a second judge has answered."""
        text, known = self._judged[0], self._probability
        is_open = known is not None and self._is_by_model and self._second() is None
        return (text, known) if is_open and known is not None else ("", 0.0)

    def add_opinion(self, text: str, finished: float) -> None:
        """Takes the second judge's probability (0-1) that the caller has finished after this text."""
        self._opinion = (text, finished)

    def add_signal(self, text: str, finished: float | None) -> None:
        """Takes the recognizer's probability (0-1) that the caller has finished after this text, which counts while
        the words are the same; anything else than a probability: it says nothing."""
        words = split_words(text)
        is_known = finished is not None and 0 <= finished <= 1 and bool(words)
        self._signal = (words, finished) if is_known and finished is not None else None

    def begin_pause(self) -> None:
        """A pause begins: what was heard in the one before says nothing of it."""
        self.sound = None

    def went_on(self, pause_ms: int) -> None:
        """The caller continues the same turn after so long a pause."""
        self._unproven += pause_ms >= LONG_PAUSE_MS

    def end_turn(self) -> None:
        """Another turn begins: earlier pauses count less."""
        self._long_pauses *= PATIENCE_KEPT
        self._unproven = 0

    def collect(self, text: str, asked: ExpectedReply, dictated: ExpectedDictation | None = None) -> TurnEvidence:
        """Returns what is known of a pause after these words: nothing if the rules are not adaptive. The model is asked
        only when the words are new.

        dictated: what the agent has asked for that is dictated."""
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
        """The recognizer's own probability, if it is about these words."""
        return self._signal[1] if self._signal is not None and self._signal[0] == split_words(text) else None

    def _second(self) -> float | None:
        """The second judge's probability, if it has answered for these words and the model has judged them."""
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
    """None while nothing is being dictated."""
    if asked is ExpectedReply.MESSAGE or declines_dictation(text):
        return None
    if asked is ExpectedReply.SPELLING:
        return _SPELLS if ends_in_letters(split_words(text)) else None
    state = dictation_state(text, dictated)
    is_day = dictated is not None and dictated.kind is DictationKind.DATE and not dictated.needs_year
    if state.progress is Progress.EMPTY or (is_day and state.progress is Progress.PARTIAL):
        return None  # "on the fifteenth" says enough unless a date of birth was asked for
    return state
