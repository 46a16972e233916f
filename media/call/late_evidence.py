"""Asks in the caller's pauses for evidence that comes later: smart-turn's of the sound, a second judge's of the words.

Nothing waits for it: the floor takes it while it still waits, and passes it over afterwards.
"""

from collections.abc import Callable

from media.call.clock import CallClock
from media.call.components import CallComponents
from media.turn.decisions import Decisions
from media.turn.floor import Floor


class LateEvidence:
    """The requests of one call. apply: carries out what the floor decides upon an answer."""

    def __init__(
        self, components: CallComponents, floor: Floor, clock: CallClock, apply: Callable[[Decisions], None]
    ) -> None:
        self._hints, self._second_judge = components.hints, components.second_judge
        self._floor, self._clock, self._apply = floor, clock, apply
        self._token = 0
        self._asked: tuple[int, str] = (0, "")

    def paused(self, token: int) -> None:
        """The caller paused: asks for all that there is of this pause. token: of the pause."""
        self._token = token
        if self._hints is not None:
            self._hints.request(lambda finished: self._take(token, finished))
        self.ask_about_words()

    def ask_about_words(self) -> None:
        """The words may be new: asks the second judge once about each text of a pause that it could decide."""
        if self._second_judge is None:
            return
        token, text = self._token, self._floor.open_text
        if text and (token, text) != self._asked:
            self._asked = (token, text)
            self._second_judge.request(text, lambda finished: self._take(token, finished, text))

    def _take(self, token: int, finished: float, text: str | None = None) -> None:
        self._apply(self._floor.hint(self._clock.audio_ms, token, finished, text))
