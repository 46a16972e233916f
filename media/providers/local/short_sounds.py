"""Recognizes a short sound ("Yes.", "CMU"): both models list several texts, and the text that is likeliest in all lists
is used.

A single transcription of one word is unreliable, because different silence around it or another speed gives another
word. The right word is nearly always among the likeliest four (docs/experiments/local-recognition.md).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

import numpy as np

from media.providers.local.moonshine import RATE, Alternative, Floats
from media.providers.local.normalizer import PAUSE, normalize
from media.providers.local.short_replies import is_short_reply
from media.providers.local.sound import FRAME, at_speed, frame_energy, smoothed, with_margins

# Maximum length of a short sound in seconds, as a call passes it: with up to 0.7 s before the speech and 0.2 s after
# it.
SHORT_S: Final = 2.0
# If the first model is surer than this (0.8 per token), more transcriptions of a short sound gain nothing.
SURE_SHORT_LOG_PROB: Final = -0.223
# Seconds of silence around the sound, and speeds, at which the first model transcribes it. The larger model uses only
# the first pair.
WAYS: Final = ((0.3, 1.0), (0.1, 1.0), (0.3, 0.93))
# The weight of the larger model. All transcriptions of the first model together weigh 1.
LARGER_MODEL: Final = 0.5
# The log probability that is added for a usual short reply ("yes", "stop").
REPLY: Final = 1.3
# A text that a transcription does not list is this much less likely than the last text that it lists.
UNLISTED: Final = 1.0
# The larger model gets the sound from this long before its first frame near the loud frames to this long after the
# last.
_TIGHT_S: Final = 0.12
_TIGHT_DB: Final = 24.0
_SMOOTHED: Final = 3  # frames
_SAME: Final = {"ok": "okay", "alright": "all right"}

Words = tuple[str, ...]


def is_short(pcm: bytes, sample_rate: int) -> bool:
    """Return whether 16-bit mono audio is shorter than SHORT_S."""
    return len(pcm) < 2 * SHORT_S * sample_rate


class AlternativesModel(Protocol):
    """A model that returns several likely texts."""

    def alternatives(self, samples: Floats) -> Sequence[Alternative]:
        """Return some likely texts of mono samples at RATE, full scale 1."""


class Hearing:
    """A model's texts for a sound.

    Args:
        weight: The weight beside other transcriptions.
    """

    def __init__(self, alternatives: Iterable[Alternative], weight: float) -> None:
        self.weight = weight
        self.texts = dict[Words, str]()  # the likeliest spelling of each sequence of words
        self._log_probs = dict[Words, float]()
        for alternative in alternatives:
            words = spoken_words(alternative.text)
            self.texts.setdefault(words, alternative.text)
            self._log_probs[words] = float(np.logaddexp(self._log_probs.get(words, -np.inf), alternative.log_prob))

    def log_prob(self, words: Words) -> float:
        """Return the log probability of the words, in any spelling."""
        return self._log_probs.get(words, min(self._log_probs.values(), default=0.0) - UNLISTED)


def hear_short(
    speech: Floats, first: AlternativesModel, larger: AlternativesModel, others_wait: Callable[[], bool]
) -> list[Hearing]:
    """Transcribe a short sound in several ways. Returns an empty list if others wait meanwhile, because each way takes
    30 to 90 ms of a core."""
    hearings = []
    for margin_s, speed in WAYS:
        if others_wait():
            return []
        found = first.alternatives(with_margins(at_speed(speech, speed), margin_s))
        hearings.append(Hearing(found, 1 / len(WAYS)))
    if others_wait():
        return []
    found = larger.alternatives(with_margins(_tight(speech), WAYS[0][0]))
    return [*hearings, Hearing(_with_repeated_once(found), LARGER_MODEL)]


def likeliest(hearings: Sequence[Hearing], is_noise: Callable[[str], object]) -> str:
    """Return the text that is likeliest in all transcriptions, or "" if all texts are noise."""
    texts = dict[Words, str]()
    for hearing in hearings:
        texts = {words: text for words, text in hearing.texts.items() if not is_noise(text)} | texts

    def merit(words: Words) -> float:
        reply = REPLY if is_short_reply(words) else 0.0
        return reply + sum(hearing.weight * hearing.log_prob(words) for hearing in hearings)

    return texts[max(texts, key=merit)] if texts else ""


def spoken_words(text: str) -> Words:
    """Return the words as they are spoken: "15th" and "Fifteenth!" are equal."""
    spoken = (word.lower() for token in normalize(text) for word in token.spoken if word != PAUSE)
    return tuple(part for word in spoken for part in _SAME.get(word, word).split())


def _with_repeated_once(alternatives: Iterable[Alternative]) -> Iterator[Alternative]:
    """Add, for each text that repeats its words, these words once: the larger model writes "Nose Nose" for a "nose"."""
    for alternative in alternatives:
        yield alternative
        tokens = alternative.text.split()
        for length in range(1, len(tokens) // 2 + 1):
            once = " ".join(tokens[:length])
            if spoken_words(once) * (len(tokens) // length) == spoken_words(alternative.text):
                yield Alternative(once, alternative.log_prob)
                break


def _tight(speech: Floats) -> Floats:
    """Remove the parts at both ends that are much softer than the loud frames."""
    energy = frame_energy(speech)
    if len(energy) < _SMOOTHED:
        return speech
    near = smoothed(energy, _SMOOTHED) > float(np.quantile(energy, 0.95)) * 10 ** (-_TIGHT_DB / 10)
    loud = np.flatnonzero(near)
    if not len(loud):
        return speech
    margin = int(_TIGHT_S * RATE)
    return speech[max(0, int(loud[0]) * FRAME - margin) : (int(loud[-1]) + 1) * FRAME + margin]
