"""The local voice as what simulated vendors speak with."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np

from media.providers.local.clauses import pause_ms, split_clauses
from media.providers.local.voice import Voice
from simulator.carrier.mulaw import RATE, SILENCE, encode
from simulator.vendors.voice import SpokenText, SpokenWord

# Characters of a first clause that are spoken first: a synthesis takes up to a fifth of the time that it sounds.
FIRST: Final = 32
# Clauses whose audio is kept: agents repeat themselves.
MAX_KEPT: Final = 256
_PER_MS: Final = RATE // 1_000


class LocalVoice:
    """Loads the voice when constructed. Raises SpeechModelError."""

    def __init__(self) -> None:
        self._voice = Voice()
        self._speak = lru_cache(MAX_KEPT)(self._synthesize)

    def __call__(self, text: str) -> Iterator[SpokenText]:
        """Speaks a text piece by piece, each when it is asked for."""
        clauses = list(split_pieces(text))
        for number, clause in enumerate(clauses):
            yield self._speak(clause, is_last=number == len(clauses) - 1)

    def _synthesize(self, clause: str, *, is_last: bool) -> SpokenText:
        speech = self._voice.synthesize(clause)
        pause = b"" if is_last else SILENCE * (pause_ms(clause) * _PER_MS)
        words = [SpokenWord(word.text.strip(), word.start_ms, word.end_ms) for word in speech.words]
        return SpokenText(encode(np.frombuffer(speech.pcm, "<i2")) + pause, tuple(word for word in words if word.text))


def split_pieces(text: str) -> Iterator[str]:
    """The clauses of a text; of a long first one its beginning, then the rest."""
    for number, clause in enumerate(split_clauses(text)):
        cut = clause.rfind(" ", 0, FIRST) + 1
        if number or len(clause) < 2 * FIRST or not cut:
            yield clause
        else:
            yield from (clause[:cut], clause[cut:])
