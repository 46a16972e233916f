"""A short sound ("Yes.", "CMU"): both models list several texts of it, and the text that is likeliest in all is taken.

One hearing of a single word is half chance: other silence around it, or another speed, gives another word. The right
word is nearly always among the likeliest four (docs/experiments/local-recognition.md).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

import numpy as np

from media.providers.local.moonshine import RATE, Alternative, Floats
from media.providers.local.normalizer import PAUSE, normalize
from media.providers.local.short_replies import is_short_reply
from media.providers.local.sound import FRAME, at_speed, frame_energy, smoothed, with_margins

# Seconds of what a call hands over, which has up to 0.7 s before the speech and 0.2 s after it.
SHORT_S: Final = 2.0
# A short sound that the first model is surer of (0.8 a token) gains nothing by more hearings.
SURE_SHORT_LOG_PROB: Final = -0.223
# The first model hears the sound with these seconds of silence around it and at these speeds, the larger one in the
# first way only.
WAYS: Final = ((0.3, 1.0), (0.1, 1.0), (0.3, 0.93))
# All hearings of the first model together count 1, that of the larger model so much.
LARGER_MODEL: Final = 0.5
# What a usual short reply ("yes", "stop") counts.
REPLY: Final = 1.3
# A text that a hearing does not list is so much less likely than the last one that it lists.
UNLISTED: Final = 1.0
# The larger model hears the sound from this long before its first frame near the loud ones, to as long after the last.
_TIGHT_S: Final = 0.12
_TIGHT_DB: Final = 24.0
_SMOOTHED: Final = 3  # frames
_SAME: Final = {"ok": "okay", "alright": "all right"}

Words = tuple[str, ...]


def is_short(pcm: bytes, sample_rate: int) -> bool:
    """Whether 16-bit mono audio lasts less than SHORT_S."""
    return len(pcm) < 2 * SHORT_S * sample_rate


class AlternativesModel(Protocol):
    """A model that tells more than the likeliest text."""

    def alternatives(self, samples: Floats) -> Sequence[Alternative]:
        """Transcribes mono samples at RATE, full scale 1: some likely texts."""


class Hearing:
    """What a model heard in one way. weight: what that counts beside other hearings."""

    def __init__(self, alternatives: Iterable[Alternative], weight: float) -> None:
        self.weight = weight
        self.texts = dict[Words, str]()  # the likeliest writing of the same words
        self._log_probs = dict[Words, float]()
        for alternative in alternatives:
            words = spoken_words(alternative.text)
            self.texts.setdefault(words, alternative.text)
            self._log_probs[words] = float(np.logaddexp(self._log_probs.get(words, -np.inf), alternative.log_prob))

    def log_prob(self, words: Words) -> float:
        """Of these words, however they are written."""
        return self._log_probs.get(words, min(self._log_probs.values(), default=0.0) - UNLISTED)


def hear_short(
    speech: Floats, first: AlternativesModel, larger: AlternativesModel, others_wait: Callable[[], bool]
) -> list[Hearing]:
    """Hears a short sound in several ways; none if others wait meanwhile, as each takes 30 to 90 ms of a core."""
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
    """The text that is likeliest in all hearings; "" if there is none that is not noise."""
    texts = dict[Words, str]()
    for hearing in hearings:
        texts = {words: text for words, text in hearing.texts.items() if not is_noise(text)} | texts

    def merit(words: Words) -> float:
        reply = REPLY if is_short_reply(words) else 0.0
        return reply + sum(hearing.weight * hearing.log_prob(words) for hearing in hearings)

    return texts[max(texts, key=merit)] if texts else ""


def spoken_words(text: str) -> Words:
    """The words as they are said: "15th" and "Fifteenth!" are the same."""
    spoken = (word.lower() for token in normalize(text) for word in token.spoken if word != PAUSE)
    return tuple(part for word in spoken for part in _SAME.get(word, word).split())


def _with_repeated_once(alternatives: Iterable[Alternative]) -> Iterator[Alternative]:
    """Adds, for texts that say the same again, these words once: the larger model writes "Nose Nose" for a "nose"."""
    for alternative in alternatives:
        yield alternative
        tokens = alternative.text.split()
        for length in range(1, len(tokens) // 2 + 1):
            once = " ".join(tokens[:length])
            if spoken_words(once) * (len(tokens) // length) == spoken_words(alternative.text):
                yield Alternative(once, alternative.log_prob)
                break


def _tight(speech: Floats) -> Floats:
    """Without what is much softer than the loud frames, before and after."""
    energy = frame_energy(speech)
    if len(energy) < _SMOOTHED:
        return speech
    near = smoothed(energy, _SMOOTHED) > float(np.quantile(energy, 0.95)) * 10 ** (-_TIGHT_DB / 10)
    loud = np.flatnonzero(near)
    if not len(loud):
        return speech
    margin = int(_TIGHT_S * RATE)
    return speech[max(0, int(loud[0]) * FRAME - margin) : (int(loud[-1]) + 1) * FRAME + margin]
