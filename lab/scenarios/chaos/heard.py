"""What a caller heard of the agent: how long each silence was in which an answer was due, and when it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.carrier.caller import TurnReport
from simulator.carrier.mulaw import RATE, decode
from simulator.vendors.silence import LOUD

_PER_MS: Final = RATE // 1_000


@dataclass(frozen=True, slots=True)
class HeardSilence:
    """The longest silence of one turn. Milliseconds of the call."""

    began_ms: float
    ended_ms: float

    @property
    def ms(self) -> float:
        """How long it was."""
        return self.ended_ms - self.began_ms


def find_silences(agent: bytes, reports: Sequence[TurnReport]) -> list[HeardSilence]:
    """One for the greeting and for each turn: the wait for the answer or a gap in it, whichever is longer. No answer is
    due to a turn that the end of the call has cut off.

    A wait ends with the agent's next sound, also where the caller has spoken again meanwhile, or with the call. agent:
    what was played to the caller, in mu-law."""
    loud = np.flatnonzero(np.abs(decode(agent).astype(np.int32)) >= LOUD)
    due = [0.0, *(report.speech_ended_ms for report in reports)]
    until = [*(float(report.began_ms) for report in reports), len(agent) / _PER_MS]
    turns = [(begin, end) for begin, end in zip(due, until, strict=True) if begin is not None]
    return [_longest(loud, begin, end, len(agent)) for begin, end in turns]


def _longest(loud: NDArray[np.intp], due_ms: float, until_ms: float, samples: int) -> HeardSilence:
    later = loud[np.searchsorted(loud, due_ms * _PER_MS) :]
    first = float(later[0]) if later.size else float(samples)
    wait = HeardSilence(due_ms, max(due_ms, first / _PER_MS))
    answer = later[: np.searchsorted(later, until_ms * _PER_MS)]
    if answer.size < 2:
        return wait
    widest = int(np.argmax(np.diff(answer)))
    gap = HeardSilence(float(answer[widest]) / _PER_MS, float(answer[widest + 1]) / _PER_MS)
    return max(wait, gap, key=lambda silence: silence.ms)
