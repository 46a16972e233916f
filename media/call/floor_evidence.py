"""Passes the recognizer's texts and signals to the floor, and queries other judges in pauses.

Smart-turn's opinion of the sound and a second judge's opinion of the words arrive later or never. Nothing waits for
them: the floor uses them while it still waits, and ignores them afterwards.
"""

from collections.abc import Callable

from media.call.call_language import CallLanguage
from media.call.clock import CallClock
from media.call.components import CascadeComponents
from media.call.plan_turns import make_turn_rules
from media.providers.ports import RecognizedText, TurnSignal
from media.turn.decisions import Decisions
from media.turn.evidence import GOES_ON
from media.turn.floor import Floor
from shared.plan import TurnPlan


def make_floor(components: CascadeComponents, turn: TurnPlan, clock: CallClock, language: str) -> Floor:
    """Return the floor of a call in this language (BCP 47), with the judge of its words and its voice track."""
    rules = make_turn_rules(turn, language)
    track = components.track
    return Floor(
        rules,
        clock.now,
        judge=components.completeness,
        may_begin=track.may_begin,
        others_may_talk=track.others_may_talk,
        may_be_speech=track.may_be_speech,
        onset_ms=lambda: track.onset_ms,
    )


class FloorEvidence:
    """Collects the evidence of one call.

    Args:
        language: Notified when a recognizer detects the language.
        apply: Carries out the floor's decisions.
        on_words: Called with the words of the caller's turn so far.
    """

    __slots__ = ("_apply", "_asked", "_clock", "_floor", "_hints", "_language", "_on_words", "_second_judge", "_token")

    def __init__(
        self,
        components: CascadeComponents,
        floor: Floor,
        language: CallLanguage,
        clock: CallClock,
        apply: Callable[[Decisions], None],
        on_words: Callable[[str], None],
    ) -> None:
        self._hints, self._second_judge = components.hints, components.second_judge
        self._floor, self._language, self._clock = floor, language, clock
        self._on_words = on_words
        self._apply: Callable[[Decisions], None] | None = apply  # None once the call is over
        self._token = 0
        self._asked: tuple[int, str] = (0, "")

    def take(self, event: RecognizedText | TurnSignal) -> None:
        """Process a report of the recognizer."""
        if self._apply is None:
            return
        now = self._clock.audio_ms
        if isinstance(event, TurnSignal):
            finished = GOES_ON if event.resumed else event.finished
            return self._apply(self._floor.turn_signal(now, event.text, finished))
        if event.final:
            self._language.heard(self._floor.turn, event.language)
        self._on_words(event.text)
        self._apply(self._floor.transcript(now, event.text, event.final, event.token))
        self._ask_second_judge()

    def paused(self, token: int) -> None:
        """Query all judges about a pause of the caller. `token` identifies the pause."""
        self._token = token
        if self._hints is not None:
            self._hints.request(lambda finished: self._take_opinion(token, finished))
        self._ask_second_judge()

    def end(self) -> None:
        """Stop notifying the floor after the call has ended, because further words are reported as the last ones.

        Also drops the reference to the call, which refers back to this object.
        """
        self._apply = None

    def _ask_second_judge(self) -> None:
        """Query the second judge once about each text of a pause that it could decide."""
        if self._second_judge is None:
            return
        token, text = self._token, self._floor.open_text
        if text and (token, text) != self._asked:
            self._asked = (token, text)
            self._second_judge.request(text, lambda finished: self._take_opinion(token, finished, text))

    def _take_opinion(self, token: int, finished: float, text: str | None = None) -> None:
        if self._apply is not None:
            self._apply(self._floor.hint(self._clock.audio_ms, token, finished, text))
