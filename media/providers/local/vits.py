"""The voice model: converts phonemes to sound with the exact duration of every phoneme."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray

from media.providers.local import models

Floats = NDArray[np.float32]

RATE: Final = 22_050  # samples a second
HOP: Final = 256  # samples in a frame, the unit of durations

# How much the model varies sound and rhythm, and its pace: the voice's own defaults, rhythm calmer for the telephone.
_NOISE, _PACE, _RHYTHM = 0.667, 1.0, 0.6
_PAD, _BEGIN, _END = "_", "^", "$"
# The model adds random variation; a fixed seed makes the first words of every process sound the same.
_SEED: Final = 1
# In the graph, phoneme durations are rounded up to whole frames by this node.
_DURATIONS: Final = "/Ceil_output_0"


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """samples: at RATE, full scale 1. edges: phoneme k sounds from sample edges[k] to edges[k + 1]."""

    samples: Floats
    edges: tuple[int, ...]


class Vits:
    """Loads the model when constructed. Raises SpeechModelError when a file is missing or wrong."""

    def __init__(self) -> None:
        onnxruntime.set_seed(_SEED)
        self._session = models.open_session(with_output(models.read_model_file(models.VOICE), _DURATIONS))
        config = json.loads(models.read_model_file(models.VOICE_CONFIG))
        self._ids: dict[str, int] = {symbol: ids[0] for symbol, ids in config["phoneme_id_map"].items()}

    def synthesize(self, phonemes: Sequence[str]) -> Sound:
        """Synthesises symbols of the voice's alphabet (with spaces and punctuation); unknown ones are silent."""
        padded = [_BEGIN, *(symbol for phoneme in phonemes for symbol in (_PAD, phoneme)), _PAD, _END]
        ids = np.array([[self._ids.get(symbol, self._ids[_PAD]) for symbol in padded]], np.int64)
        scales = np.array([_NOISE, _PACE, _RHYTHM], np.float32)
        feed = {"input": ids, "input_lengths": np.array([ids.shape[1]], np.int64), "scales": scales}
        samples, frames = self._session.run(None, feed)
        ends = np.cumsum(frames.reshape(-1)) * HOP
        # Each phoneme is followed by a pad that belongs to it.
        return Sound(samples.reshape(-1), tuple(int(end) for end in ends[1 : 2 * len(phonemes) + 2 : 2]))


def with_output(model: bytes, tensor: str) -> bytes:
    """Makes an ONNX model return one of its inner tensors as a further output.

    Protocol buffers that are joined are merged (protobuf.dev, "Last One Wins"): so a ModelProto with nothing but one
    more graph.output (fields 7, 12; a ValueInfoProto with the name as field 1) appended to the file adds the output."""
    name = _field(1, tensor.encode())
    return model + _field(7, _field(12, name))


def _field(number: int, content: bytes) -> bytes:
    if len(content) > 127:
        raise ValueError("content longer than 127 bytes")
    return bytes((number << 3 | 2, len(content))) + content
