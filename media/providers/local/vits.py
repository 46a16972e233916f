"""The voice model, which converts phonemes to sound and reports the exact duration of every phoneme."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray

from media.providers.local import models

Floats = NDArray[np.float32]

RATE: Final = 22_050  # samples per second
HOP: Final = 256  # samples per frame, the unit of durations

# The model's variation of sound and rhythm, and its pace. These are the voice's defaults, with a calmer rhythm for the
# telephone.
_NOISE, _PACE, _RHYTHM = 0.667, 1.0, 0.6
_PAD, _BEGIN, _END = "_", "^", "$"
# The model adds random variation. With a fixed seed, the first words of every process sound the same.
_SEED: Final = 1
# The node of the graph that rounds phoneme durations up to whole frames.
_DURATIONS: Final = "/Ceil_output_0"


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """The sound of a sequence of phonemes.

    Attributes:
        samples: Samples at RATE, full scale 1.
        edges: Phoneme k sounds from sample edges[k] to edges[k + 1].
    """

    samples: Floats
    edges: tuple[int, ...]


class Vits:
    """The voice model, which the constructor loads. Raises SpeechModelError if a file is missing or wrong."""

    def __init__(self) -> None:
        onnxruntime.set_seed(_SEED)
        self._session = models.open_session(with_output(models.read_model_file(models.VOICE), _DURATIONS))
        config = json.loads(models.read_model_file(models.VOICE_CONFIG))
        self._ids: dict[str, int] = {symbol: ids[0] for symbol, ids in config["phoneme_id_map"].items()}

    def synthesize(self, phonemes: Sequence[str]) -> Sound:
        """Synthesize symbols of the voice's alphabet, including spaces and punctuation. Unknown symbols are silent."""
        padded = [_BEGIN, *(symbol for phoneme in phonemes for symbol in (_PAD, phoneme)), _PAD, _END]
        ids = np.array([[self._ids.get(symbol, self._ids[_PAD]) for symbol in padded]], np.int64)
        scales = np.array([_NOISE, _PACE, _RHYTHM], np.float32)
        feed = {"input": ids, "input_lengths": np.array([ids.shape[1]], np.int64), "scales": scales}
        samples, frames = self._session.run(None, feed)
        ends = np.cumsum(frames.reshape(-1)) * HOP
        # A pad follows each phoneme and belongs to it.
        return Sound(samples.reshape(-1), tuple(int(end) for end in ends[1 : 2 * len(phonemes) + 2 : 2]))


def with_output(model: bytes, tensor: str) -> bytes:
    """Make an ONNX model return one of its inner tensors as a further output.

    Concatenated protocol buffers are merged (protobuf.dev, "Last One Wins"). Therefore, a ModelProto that contains only
    one more graph.output (fields 7, 12; a ValueInfoProto with the name as field 1) adds the output if it is appended to
    the file.
    """
    name = _field(1, tensor.encode())
    return model + _field(7, _field(12, name))


def _field(number: int, content: bytes) -> bytes:
    if len(content) > 127:
        raise ValueError("content longer than 127 bytes")
    return bytes((number << 3 | 2, len(content))) + content
