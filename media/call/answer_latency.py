"""Measures the latency of an answer, from the end of the caller's speech to the first audible audio."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from media.call.reply import ReplyTimes
from shared.events import Event, TurnLatency


@dataclass(frozen=True, slots=True)
class TurnTimes:
    """When a caller's turn ended, in ms on the call's clock.

    Attributes:
        ended: The true end of the sound.
        due: When the silence was long enough.
        decided: When the text had arrived, too.
        reason: What decided the required length of the silence. Empty if no silence ended the turn.
    """

    ended: float
    due: float
    decided: float
    reason: str = ""


class AnswerLatency:
    """Reports the latency of one answer at a time, once it is known when the answer sounded. Times are as in
    TurnTimes."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._turn = 0
        self._times: TurnTimes | None = None

    def begin(self, turn: int, times: TurnTimes | None) -> None:
        """Begin an utterance. If it answers no turn of the caller, `times` is None and nothing is reported."""
        self._turn, self._times = turn, times

    def report(self, reply: ReplyTimes, sounded_at: float | None) -> None:
        """Report the latency once.

        Args:
            sounded_at: When the carrier played the first audible sample. None while that is unknown, and if nothing was
                heard, in which case there is no latency.
        """
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
