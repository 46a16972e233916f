"""Our caller's turn from Soniox's tokens, which are made final on request; pure.

`finalize` makes all tokens of the audio before it final, and the token `<fin>` follows them: what is known then is the
answer. Whether requests that follow each other soon have a `<fin>` each, is not documented: one answers the oldest, and
those after it whose audio it makes final, too. With endpoint detection the vendor also does so by itself where it
believes that the caller has finished, and says `<end>`.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from media.providers.vendors.soniox_wire import ENDPOINT, FINALISED, SonioxToken, read_message
from shared.providers.speech import RecognisedText, TimedWord, TurnSignal, most_spoken, read_language
from shared.providers.turn_calibration import CALIBRATIONS

# Speech is noticed about so long after it began, so that a word that ends so shortly before is one of it.
TOLERANCE_MS: Final = 50.0
# A text is asked for after 200 ms of silence: an end that the vendor told before it heard more than so much less may be
# of earlier speech, because one that takes over is sent a minute at once.
UNHEARD_MS: Final = 200.0
# An end comes without a figure.
_CERTAIN: Final = 1.0
_CALIBRATION: Final = CALIBRATIONS["soniox"]


class SonioxTranscript:
    """One session's current turn. finalize: the message that asks for its text."""

    def __init__(self, provider: str, finalize: str) -> None:
        self._provider = provider
        self._finalize = finalize
        self._finals: list[SonioxToken] = []
        self._interim: list[SonioxToken] = []
        self._answered = 0  # final tokens that were in the last answer
        self._asked: deque[float] = deque()  # where requests without an answer stand in the audio
        self._stale = 0  # of these, those of earlier turns
        self._early = 0  # requests that the `<fin>` of an earlier one has answered
        self._token: int | None = None
        self._speech_ms = 0.0  # where the caller began to speak, the last time
        self._is_over = False  # the vendor believes that the caller has finished
        self._final_ms = 0.0  # audio before this is in final tokens
        self._heard_ms = 0.0  # audio that the vendor has worked on
        self._last_finals: list[SonioxToken] = []
        self._signal: TurnSignal | None = None

    def started(self, position_ms: float) -> None:
        """The caller speaks since this position: what the vendor thought of the silence before is out of date."""
        self._speech_ms, self._is_over = position_ms, False

    def finalise(self, token: int, position_ms: float) -> str:
        """The message that asks for the text; empty if the vendor has heard all of it and ended the turn, because all
        is final then."""
        self._token = token
        if self._is_over and not self._asked and self._heard_ms >= position_ms - UNHEARD_MS:
            return ""
        self._asked.append(position_ms)
        return self._finalize

    def next_turn(self) -> None:
        """What was said before the last `finalise` has been taken."""
        self._token, self._stale, self._is_over = None, len(self._asked), False
        del self._finals[: self._answered]
        self._answered = 0
        if self._stale:
            self._finals.clear()
            self._interim.clear()

    def read(self, message: bytes, position_ms: float) -> RecognisedText | None:
        """Takes a message; returns the turn's text when it may be new. Raises ProviderError."""
        found = read_message(self._provider, message)
        tokens, self._heard_ms = found.tokens, max(self._heard_ms, found.total_audio_proc_ms or 0.0)
        if not tokens:
            return None
        finals = [one for one in tokens if one.is_final and one.text not in (FINALISED, ENDPOINT)]
        is_repeated = bool(finals) and finals == self._last_finals
        self._last_finals = finals or self._last_finals
        self._interim = []
        answer = None
        for one in tokens:
            if one.text == FINALISED:
                answer = self._take_answer(found.final_audio_proc_ms or 0.0) or answer
            elif one.text == ENDPOINT:
                self._end()
            elif not (is_repeated and one.is_final):
                self._add(one)
        return answer or (None if self._stale else RecognisedText(_join([*self._finals, *self._interim]), final=False))

    def take_signal(self) -> TurnSignal | None:
        """What the vendor believes of the turn's end, once for each message that tells it."""
        signal, self._signal = self._signal, None
        return signal

    def settle(self, *, is_overdue: bool) -> RecognisedText | None:
        """The text if the vendor has ended the turn by itself. Each request is answered: without that it hangs."""
        is_known = self._is_over and not self._asked and self._token is not None
        return self._answer() if is_known else None

    def _add(self, token: SonioxToken) -> None:
        """Takes a token of the current turn; drops one that may change and comes after those that took its place."""
        if self._stale:
            return
        if token.is_final:
            self._finals.append(token)
            self._final_ms = max(self._final_ms, token.end_ms or 0.0)
        elif token.end_ms is None or token.end_ms > self._final_ms:
            self._interim.append(token)
        else:
            return
        self._is_over = False

    def _end(self) -> None:
        """The vendor believes that the caller has finished; of speech before the latest it says nothing."""
        text = _join(self._finals[self._answered :])
        if self._stale or not text:
            return
        self._signal = TurnSignal(_join(self._finals), _CALIBRATION.probability(_CERTAIN))
        self._is_over = self._final_ms + TOLERANCE_MS >= self._speech_ms

    def _take_answer(self, final_ms: float) -> RecognisedText | None:
        """final_ms: audio before it is final now."""
        if self._early and (not self._asked or final_ms < self._asked[0] - UNHEARD_MS):
            self._early -= 1
            return None
        answered = max(1, sum(position_ms <= final_ms for position_ms in self._asked))
        for _ in range(min(answered, len(self._asked))):
            self._asked.popleft()
        self._early += answered - 1
        self._stale = max(0, self._stale - answered)
        return None if self._asked or self._token is None else self._answer()

    def _answer(self) -> RecognisedText:
        token, self._token = self._token, None
        self._answered, self._interim = len(self._finals), []
        language = most_spoken((read_language(one.language), one.text) for one in self._finals)
        words = _join_words(self._finals)
        return RecognisedText(_join(self._finals), final=True, token=token, words=words, language=language)


def _join(tokens: Iterable[SonioxToken]) -> str:
    return "".join(one.text for one in tokens).strip()


def _join_words(tokens: Iterable[SonioxToken]) -> tuple[TimedWord, ...]:
    """The words with their times; none if a token has none. A word begins where a blank is."""
    words: list[TimedWord] = []
    is_apart = True
    for one in tokens:
        text = one.text.strip()
        is_apart = is_apart or one.text[:1].isspace()
        if not text:
            is_apart = True
            continue
        if one.start_ms is None or one.end_ms is None:
            return ()
        if is_apart:
            words.append(TimedWord(text, one.start_ms, one.end_ms))
        else:
            words[-1] = TimedWord(words[-1].text + text, words[-1].start_ms, one.end_ms)
        is_apart = one.text[-1:].isspace()
    return tuple(words)
