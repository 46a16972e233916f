"""Measures the latency of an answer, from the end of the caller's speech to the first audible audio."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from media.call.reply import ReplyTimes
from shared.events import Event, TurnLatency


@dataclass(frozen=True, slots=True)
class TurnTimes:
    """When a caller's turn ended, in ms on the call's clock.

    ended: true end of the sound. due: when the silence was long enough. decided: when the text was there, too. reason:
    what decided how long the silence had to be; empty if no silence ended the turn.
    """

    ended: float
    due: float
    decided: float
    reason: str = ""


class AnswerLatency:
    """Reports the latency of one answer at a time, once it is known when it sounded. Times as in TurnTimes."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._turn = 0
        self._times: TurnTimes | None = None

    def begin(self, turn: int, times: TurnTimes | None) -> None:
        """An utterance begins. times: None if it answers no turn of the caller's: nothing is reported."""
        self._turn, self._times = turn, times

    def report(self, reply: ReplyTimes, sounded_at: float | None) -> None:
        """Reports it, once. sounded_at: of the first audible sample at the carrier; None while it is not known, and if
        nothing was heard: there is no latency then."""
        times = self._times
        if times is None or sounded_at is None:
            return
        self._times = None
        sent = reply.first_audio or sounded_at
        points = (times.ended, times.due, times.decided, reply.first_word or sent, sent, sounded_at)
        rounded = [round(point - times.ended) for point in points]
        endpoint, stt, first_token, first_byte, playback = (later - earlier for earlier, later in pairwise(rounded))
        self._emit(
            TurnLatency(
                turn=self._turn,
                total_ms=rounded[-1],
                endpoint_ms=endpoint,
                stt_ms=stt,
                llm_first_token_ms=first_token,
                tts_first_byte_ms=first_byte,
                playback_ms=playback,
                waited_for=times.reason,
            )
        )
