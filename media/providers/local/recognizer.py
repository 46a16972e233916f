"""Transcribes whole utterances of telephone speech. Noise gives no text.

A doubtful utterance is transcribed again by a larger model, and a short sound in several ways (`short_sounds`).
"""

import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Final, Protocol

import numpy as np
import soxr  # type: ignore[import-untyped]  # ships no types

from media.providers.local.moonshine import RATE, Floats, Hypothesis, Moonshine
from media.providers.local.short_replies import MOST_WORDS, is_short_reply
from media.providers.local.short_sounds import (
    SURE_SHORT_LOG_PROB,
    AlternativesModel,
    hear_short,
    is_short,
    likeliest,
)
from media.providers.local.sound import FRAME, at_speed, frame_energy, smoothed, with_margins
from media.providers.local.speech import Recognition, RecognitionStop
from media.providers.local.whisper import Whisper

# Audio whose loudest frames are below this level (dB of full scale) contains no voice.
SILENCE_DB: Final = -52.0
# Below this mean log probability per token, telephone speech was never recognized correctly.
MIN_LOG_PROB: Final = -1.0
# A whole utterance with a lower mean log probability (a probability of 0.7 per token; 0.78 in noise) is transcribed
# again by the larger model. If the larger model returns other words for noisy audio, it transcribes the utterance once
# more, 7.5 % faster and without the part long before the first loud sound, so that it makes other errors. The text that
# agrees best with the other two is used. SURENESS: the weight of a text's own mean log probability beside that
# agreement (0 to 1). REPLY: the weight of a short reply ("uh-huh") if all texts are as short. NOISY_DB: the difference
# between loud frames and the softest tenth, which is 8 to 21 in babble and noise, and 25 or more on a usual line. See
# docs/decisions/0016.
SURE_LOG_PROB: Final = -0.357
SURE_IN_NOISE: Final = -0.25
SURENESS: Final = 0.6
REPLY: Final = 0.3
NOISY_DB: Final = 23.0
FASTER: Final = 1.075
LEAD_S: Final = 0.5
LOUD_DB: Final = 8.0
# If the first text was dropped as unreliable, the first model transcribes the utterance again, because the larger model
# turns noise into sentences. The new text must be surer than this (0.55), so that noise gives no text
# (docs/decisions/0016).
RESCUE_LOG_PROB: Final = -0.598
# The model recognizes best at this level and with this much silence around the speech.
LEVEL_DB: Final = -20.0
MARGIN_S: Final = 0.3
# Longer speech is cut at its quietest moment. Up to this length, the model transcribes well in one pass.
MAX_PIECE_S: Final = 15.0

_SMOOTHED: Final = 5  # frames
_WORD: Final = re.compile(r"[\w']+")
# Frames at the edges that are quieter than the loudest ones by this much are not part of the speech.
_EDGE_DB: Final = 38.0
# The model's output for noise, tones, breath and coughs, determined by experiment. It is dropped if it is the whole
# text.
_NOISE_OUTPUT: Final = re.compile(
    r"(?:you|thank you for watching|(?:(?:ah|uh|um|hm+|er|oh)\W+)*(?:ah|uh|um|hm+|er)|\W*)\W*", re.IGNORECASE
)
# Spellings from the old books in the model's training data.
_OLD_SPELLING: Final = re.compile(r"\b(good|to)-(bye|day|morrow|night)\b", re.IGNORECASE)


class RecognizerModel(AlternativesModel, Protocol):
    """A model for speech of up to MAX_PIECE_S."""

    def transcribe(self, samples: Floats, stop: RecognitionStop | None) -> Hypothesis:
        """Transcribe mono samples at RATE, full scale 1. Raises RecognitionAbandoned after `stop` was set."""


class SecondModel(AlternativesModel, Protocol):
    """A slower model for speech of up to MAX_PIECE_S, which is better if the first model is unsure."""

    def transcribe(self, samples: Floats) -> Hypothesis:
        """Transcribe mono samples at RATE, full scale 1."""


class Recognizer:
    """The loaded recognizer. Not thread-safe. The constructor raises SpeechModelError if a model file is missing or
    wrong."""

    def __init__(self, model: RecognizerModel | None = None, second: SecondModel | None = None) -> None:
        self._model = model or Moonshine()
        self._second = second or Whisper()

    def transcribe(
        self,
        pcm: bytes,
        sample_rate: int,
        stop: RecognitionStop | None = None,
        *,
        others_wait: Callable[[], bool] = lambda: False,
    ) -> Recognition:
        """Transcribe one utterance of any length.

        Args:
            pcm: 16-bit little-endian mono audio.
            stop: Ends the transcription within some ms. An utterance that can be stopped is transcribed only once.
            others_wait: Returns whether other requests are waiting. If so, a doubtful piece is not transcribed again.

        Raises:
            ValueError: The audio ends in half a sample, or the sample rate is not between 8 and 48 kHz.
            RecognitionAbandoned: `stop` was set.
        """
        speech = _speech(_samples(pcm, sample_rate))
        if not len(speech):
            return Recognition("", 0.0)
        pieces = split_pieces(speech)
        hypotheses = [_checked(self._model.transcribe(with_margins(piece, MARGIN_S), stop)) for piece in pieces]
        hearings = 1
        for at, first in enumerate(hypotheses):
            may_be_another_word = is_short(pcm, sample_rate) and _is_unsure_if_short(first)
            if stop is not None or not (may_be_another_word or _is_doubtful(first, pieces[at])) or others_wait():
                continue
            if may_be_another_word:
                hypotheses[at], hearings = self._hear_short(pieces[at], first, others_wait), 2
            else:
                heard = self._hear_again(pieces[at], first, others_wait)
                hypotheses[at], hearings = choose_text(heard), max(hearings, len(heard))
        recognized = [hypothesis for hypothesis in hypotheses if hypothesis.text]
        if not recognized:
            return Recognition("", 0.0, hearings)
        confidence = float(np.exp(np.mean([hypothesis.log_prob for hypothesis in recognized])))
        return Recognition(" ".join(hypothesis.text for hypothesis in recognized), confidence, hearings)

    def _hear_short(self, piece: Floats, first: Hypothesis, others_wait: Callable[[], bool]) -> Hypothesis:
        """Return the likeliest text in several transcriptions, with the first one's sureness. Returns the first text if
        others wait."""
        text = likeliest(hear_short(piece, self._model, self._second, others_wait), _NOISE_OUTPUT.fullmatch)
        return Hypothesis(_plain(text) or first.text, first.log_prob)

    def _hear_again(self, piece: Floats, first: Hypothesis, others_wait: Callable[[], bool]) -> list[Hypothesis]:
        """Return the first text of a piece and one or two others."""
        if not first.text:
            again = _checked(self._model.transcribe(with_margins(at_speed(piece, FASTER), MARGIN_S), None))
            return [first, again if again.log_prob >= RESCUE_LOG_PROB else first]
        second = _checked(self._second.transcribe(with_margins(piece, MARGIN_S)))
        if _words(second) == _words(first) or not _is_noisy(piece) or others_wait():
            return [first, second]
        third = _checked(self._second.transcribe(with_margins(at_speed(_without_lead(piece), FASTER), MARGIN_S)))
        return [first, second, third]


def choose_text(heard: Sequence[Hypothesis]) -> Hypothesis:
    """Return the text that agrees best with the others.

    Between two texts, and between equally good ones, the surer text is returned, but a short reply is preferred to
    other short texts. If no hypothesis has text, the first is returned.
    """
    with_text = [one for one in heard if one.text]
    if not with_text:
        return heard[0]
    are_short = all(len(_words(one)) <= MOST_WORDS for one in with_text)

    def merit(one: Hypothesis) -> tuple[float, float]:
        others = [other for other in with_text if other is not one]
        agreement = sum(_agreement(one, other) for other in others) / max(1, len(others))
        reply = REPLY if are_short and is_short_reply(_words(one)) else 0.0
        return agreement + reply + SURENESS * one.log_prob, one.log_prob

    return max(with_text, key=merit)


def _agreement(one: Hypothesis, other: Hypothesis) -> float:
    """Return the share of words that both texts have in common, in the same order (0 to 1)."""
    return SequenceMatcher(None, _words(one), _words(other), autojunk=False).ratio()


def _words(hypothesis: Hypothesis) -> list[str]:
    return _WORD.findall(hypothesis.text.lower())


def _is_noisy(piece: Floats) -> bool:
    """Whether there is much sound besides the speech."""
    energy = frame_energy(piece)
    loud, soft = np.quantile(energy, (0.95, 0.1)) if len(energy) else (0.0, 0.0)
    return bool(soft > loud * 10 ** (-NOISY_DB / 10))


def _without_lead(piece: Floats) -> Floats:
    """Remove the audio more than LEAD_S before the first 100 ms near the level of the loud frames."""
    energy = frame_energy(piece)
    if len(energy) < _SMOOTHED:
        return piece
    loud = np.flatnonzero(smoothed(energy, _SMOOTHED) >= float(np.quantile(energy, 0.95)) * 10 ** (-LOUD_DB / 10))
    start = int(loud[0]) * FRAME - int(LEAD_S * RATE) if len(loud) else 0
    return piece[max(0, start) :]


def _checked(hypothesis: Hypothesis) -> Hypothesis:
    """Return a model's text without training artifacts. The text is "" if it is unreliable or typical output for
    noise."""
    text = _plain(hypothesis.text)
    is_dropped = _is_unreliable(hypothesis) or _NOISE_OUTPUT.fullmatch(text)
    return Hypothesis("" if is_dropped else text, hypothesis.log_prob, hypothesis.looped)


def _plain(text: str) -> str:
    return _OLD_SPELLING.sub(r"\1\2", text.replace("♪", "").strip())


def _is_unreliable(hypothesis: Hypothesis) -> bool:
    return hypothesis.looped or hypothesis.log_prob < MIN_LOG_PROB


def _is_doubtful(hypothesis: Hypothesis, piece: Floats) -> bool:
    """Whether another transcription may be better. False if the model is sure, and for noise."""
    if not hypothesis.text:
        return _is_unreliable(hypothesis)
    return hypothesis.log_prob < (SURE_IN_NOISE if _is_noisy(piece) else SURE_LOG_PROB)


def _is_unsure_if_short(hypothesis: Hypothesis) -> bool:
    return bool(hypothesis.text) and hypothesis.log_prob < SURE_SHORT_LOG_PROB


def split_pieces(speech: Floats) -> list[Floats]:
    """Split speech into pieces of at most MAX_PIECE_S (at RATE). Each piece is cut at the quietest moment of its second
    half."""
    longest = int(MAX_PIECE_S * RATE)
    cut = []
    while len(speech) > longest:
        half = longest // 2
        quiet = frame_energy(speech[half:longest])
        # over 100 ms, because the silence within a plosive is not a place to cut
        spot = half + (int(np.argmin(np.convolve(quiet, np.ones(5), "valid"))) + 2) * FRAME
        cut.append(speech[:spot])
        speech = speech[spot:]
    return [*cut, speech]


def _samples(pcm: bytes, sample_rate: int) -> Floats:
    if len(pcm) % 2:
        raise ValueError("pcm: ends in half a sample")
    if not 8_000 <= sample_rate <= 48_000:
        raise ValueError(f"sample_rate: {sample_rate} is not between 8000 and 48000")
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)
    if sample_rate == RATE or not len(samples):
        return samples
    resampled: Floats = soxr.resample(samples, sample_rate, RATE)
    return resampled


def _speech(samples: Floats) -> Floats:
    """Return the part that may contain speech, scaled to LEVEL_DB. Returns an empty array if all is silent."""
    energy = frame_energy(samples)
    loud = float(np.quantile(energy, 0.95)) if len(energy) else 0.0
    if loud < 10 ** (SILENCE_DB / 10):
        return samples[:0]
    loud_frames = np.flatnonzero(energy > loud * 10 ** (-_EDGE_DB / 10))
    margin = int(0.2 * RATE)
    speech = samples[max(0, loud_frames[0] * FRAME - margin) : (loud_frames[-1] + 1) * FRAME + margin]
    level = float(energy[energy > loud * 10 ** (-26 / 10)].mean())
    scaled: Floats = speech * np.float32(np.sqrt(10 ** (LEVEL_DB / 10) / level))
    return scaled
