"""The local voice as what simulated vendors speak with."""

import re
from typing import Final

import numpy as np

from media.providers.local.voice import Voice
from simulator.carrier.mulaw import RATE, encode
from simulator.vendors.voice import SpokenText, SpokenWord

_PER_MS: Final = RATE // 1_000
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+")


class LocalVoice:
    """Loads the voice when constructed. Raises SpeechModelError."""

    def __init__(self) -> None:
        self._voice = Voice()

    def __call__(self, text: str) -> SpokenText:
        """Speaks a text, sentence by sentence, because the time that one takes grows with its length."""
        ulaw, words = b"", list[SpokenWord]()
        for sentence in _SENTENCE.split(text.strip()):
            begins_ms = len(ulaw) / _PER_MS
            speech = self._voice.synthesise(sentence)
            ulaw += encode(np.frombuffer(speech.pcm, "<i2"))
            words += [
                SpokenWord(word.text.strip(), word.start_ms + begins_ms, word.end_ms + begins_ms)
                for word in speech.words
                if word.text.strip()
            ]
        return SpokenText(ulaw, tuple(words))
