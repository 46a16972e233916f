"""The Moonshine speech model, which finds the likeliest text of a sound by a small beam search over its decoder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnxruntime import RunOptions  # type: ignore[import-untyped]  # ships no types
from onnxruntime.capi.onnxruntime_pybind11_state import Fail  # type: ignore[import-untyped]

from media.providers.local import models
from media.providers.local.speech import RecognitionAbandoned, RecognitionStop

Floats = NDArray[np.float32]

RATE: Final = 16_000  # samples per second, fixed by the model
# Each further beam costs time, and more than two beams gained nothing on telephone speech.
BEAMS: Final = 2
# The number of likely texts that are returned for a short sound.
ALTERNATIVES: Final = 4
# Nobody speaks faster than this, so a longer output is an error of the model.
TOKENS_A_SECOND: Final = 10
SPARE_TOKENS: Final = 8

_START, _END = 1, 2
_LAYERS, _HEADS, _HEAD_SIZE = 6, 8, 36
# If a period of at most _LONGEST_LOOP tokens repeats _LOOPS times, the model is in a loop (as on music).
_LONGEST_LOOP, _LOOPS = 8, 6


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The model's text for a sound.

    Attributes:
        log_prob: The mean log probability of its tokens (0 = certain).
        looped: Whether the output ended in a loop.
    """

    text: str
    log_prob: float
    looped: bool = False


@dataclass(frozen=True, slots=True)
class Alternative:
    """A likely text of a sound.

    Attributes:
        log_prob: The log probability of the whole text (0 = certain).
    """

    text: str
    log_prob: float


@dataclass(frozen=True, slots=True)
class _Beam:
    """A partial result of the search.

    Attributes:
        tokens: The tokens so far, without the start token.
        score: The sum of their log probabilities.
    """

    tokens: tuple[int, ...]
    score: float

    @property
    def mean(self) -> float:
        return self.score / max(1, len(self.tokens))

    @property
    def looped(self) -> bool:
        return is_loop(self.tokens)


class Moonshine:
    """The Moonshine model. Not thread-safe. The constructor raises SpeechModelError if a file is missing or wrong."""

    def __init__(self) -> None:
        self._encoder = models.open_session(models.read_model_file(models.ENCODER))
        self._decoder = models.open_session(models.read_model_file(models.DECODER))
        self._tokens = read_tokens(models.read_model_file(models.TOKENS))
        self._cached = [item.name for item in self._decoder.get_outputs()[1:]]

    def transcribe(self, samples: Floats, stop: RecognitionStop | None = None) -> Hypothesis:
        """Transcribe 0.1 to 30 s of speech.

        Args:
            samples: Mono at RATE, full scale 1.
            stop: Ends the transcription within some ms, which raises RecognitionAbandoned.
        """
        options = RunOptions()
        if stop is None:
            return self._transcribe(samples, options)
        options.log_severity_level = 4  # otherwise, a stopped run would be logged as an error
        stop.call(lambda: setattr(options, "terminate", True))
        try:
            return self._transcribe(samples, options)
        except Fail:
            if stop.is_set:
                raise RecognitionAbandoned from None
            raise

    def alternatives(self, samples: Floats) -> list[Alternative]:
        """Return the ALTERNATIVES likeliest texts of 0.1 to 5 s of speech, best first. Loops are left out."""
        found = self._search(self._encode(samples, RunOptions()), _most_tokens(samples), ALTERNATIVES)
        best_first = sorted(found, key=lambda beam: beam.score, reverse=True)
        return [Alternative(self._text(beam), beam.score) for beam in best_first if not beam.looped]

    def _transcribe(self, samples: Floats, options: RunOptions) -> Hypothesis:
        found = self._search(self._encode(samples, options), _most_tokens(samples), BEAMS)
        best = max(found, key=lambda beam: beam.mean)
        return Hypothesis(self._text(best), best.mean, best.looped)

    def _encode(self, samples: Floats, options: RunOptions) -> "_EncodedSound":
        sound = samples[np.newaxis].astype(np.float32)
        mask = np.ones(sound.shape, np.int64)
        (hidden,) = self._encoder.run(None, {"input_values": sound, "attention_mask": mask}, options)
        return _EncodedSound(hidden, mask, options)

    def _text(self, beam: _Beam) -> str:
        return _decode_text(b"".join(self._tokens[token] for token in beam.tokens if token != _END))

    def _search(self, sound: "_EncodedSound", limit: int, count: int) -> list[_Beam]:
        """Return the beams that ended, or those that reached the limit if none ended.

        If `count` is greater than BEAMS, the search continues until `count` beams have ended.
        """
        beams, ended = [_Beam((), 0.0)], list[_Beam]()
        cache: Mapping[str, Floats] = _empty_cache()
        for step in range(limit):
            last = [beam.tokens[-1] if beam.tokens else _START for beam in beams]
            logits, fresh = self._step(sound, last, cache, first=step == 0)
            candidates = _expand(beams, _log_softmax(logits), count)
            ended += [beam for beam, _ in candidates[:count] if beam.tokens[-1] == _END]
            unfinished = [(beam, parent) for beam, parent in candidates if beam.tokens[-1] != _END][:count]
            beams = [beam for beam, _ in unfinished]
            is_best_found = count <= BEAMS and any(beam.mean >= beams[0].mean for beam in ended)
            if len(ended) >= count or is_best_found or beams[0].looped:
                break
            cache = _select_parents(cache, fresh, [parent for _, parent in unfinished])
        return ended or beams

    def _step(
        self, sound: "_EncodedSound", last: Sequence[int], cache: Mapping[str, Floats], *, first: bool
    ) -> tuple[Floats, dict[str, Floats]]:
        """Decode one more token for each beam. Return logits of shape (beams, tokens), and the cache's new entries."""
        beams = len(last)
        feed: dict[str, Any] = {
            "input_ids": np.array([[token] for token in last]),
            "encoder_hidden_states": np.repeat(sound.hidden, beams, axis=0),
            "encoder_attention_mask": np.repeat(sound.mask, beams, axis=0),
            "use_cache_branch": np.array([not first]),
            **cache,
        }
        logits, *present = self._decoder.run(None, feed, sound.options)
        named = zip(self._cached, present, strict=True)
        # After the first step, the encoder's part of the cache is returned empty, because it does not change.
        fresh = {name.replace("present", "past_key_values"): value for name, value in named}
        return logits[:, -1], {name: value for name, value in fresh.items() if first or ".decoder." in name}


@dataclass(frozen=True, slots=True, eq=False)
class _EncodedSound:
    """The encoded sound that a search decodes.

    Attributes:
        hidden: The encoder's output, with shape (1, frames, 288).
        mask: All ones, with shape (1, samples).
        options: The run options of all steps.
    """

    hidden: Floats
    mask: NDArray[np.int64]
    options: RunOptions


def read_tokens(data: bytes) -> list[bytes]:
    """Parse the vocabulary, which has the length and the bytes of each token.

    A length is one byte, or two bytes from 128 on: 128 + the low seven bits, then the high bits. The format was
    determined from the package's file, in which a space is written as U+2581.
    """
    tokens, at = [], 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            length += (data[at] - 1) * 128
            at += 1
        tokens.append(data[at : at + length].replace("\u2581".encode(), b" "))
        at += length
    return tokens


def _empty_cache() -> dict[str, Floats]:
    nothing = np.zeros((1, _HEADS, 0, _HEAD_SIZE), np.float32)
    sides = ("decoder", "encoder")
    keys = [f"{layer}.{side}.{half}" for layer in range(_LAYERS) for side in sides for half in ("key", "value")]
    return {f"past_key_values.{key}": nothing for key in keys}


def _select_parents(
    cache: Mapping[str, Floats], fresh: Mapping[str, Floats], parents: Sequence[int]
) -> dict[str, Floats]:
    """Return the cache for the next step's beams. Each beam continues its parent's entries."""
    encoder_part = {name: value[: len(parents)] for name, value in cache.items() if ".encoder." in name}
    following = {**encoder_part, **{name: value[parents] for name, value in fresh.items()}}
    return {name: np.ascontiguousarray(value) for name, value in following.items()}


def _log_softmax(logits: Floats) -> Floats:
    above = logits - logits.max(axis=-1, keepdims=True)
    probable: Floats = above - np.log(np.exp(above).sum(axis=-1, keepdims=True))
    return probable


def _most_tokens(samples: Floats) -> int:
    return int(len(samples) / RATE * TOKENS_A_SECOND) + SPARE_TOKENS


def _expand(beams: Sequence[_Beam], log_probs: Floats, count: int) -> list[tuple[_Beam, int]]:
    """Extend every beam with each of its likeliest next tokens. Return the new beams, best first, with the index of the
    parent beam."""
    grown = []
    for parent, (beam, row) in enumerate(zip(beams, log_probs, strict=True)):
        for token in np.argpartition(row, -count - 1)[-count - 1 :]:
            grown.append((_Beam((*beam.tokens, int(token)), beam.score + float(row[token])), parent))
    return sorted(grown, key=lambda entry: entry[0].score, reverse=True)


def is_loop(tokens: Sequence[int]) -> bool:
    """Return whether the tokens end with a few tokens that repeat more often than in any speech."""
    return any(_repeats(tokens[-period * _LOOPS :], period) for period in range(1, _LONGEST_LOOP + 1))


def _repeats(tail: Sequence[int], period: int) -> bool:
    return len(tail) == period * _LOOPS and all(tail[index] == tail[index % period] for index in range(len(tail)))


def _decode_text(text: bytes) -> str:
    return " ".join(text.decode(errors="ignore").split())
