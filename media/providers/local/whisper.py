"""Whisper base, int8. It is slower than Moonshine on one thread, but better at speech among other voices."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import ctranslate2  # type: ignore[import-untyped]  # ships no types
import numpy as np

from media.audio.log_mel import HOP, LogMel
from media.providers.local import models
from media.providers.local.moonshine import (
    RATE,
    SPARE_TOKENS,
    TOKENS_A_SECOND,
    Alternative,
    Floats,
    Hypothesis,
    is_loop,
)

# Seconds of silence after the speech. The model was trained with 30 s in all. With this padding it is as good in babble
# (a little worse on a clean line), and three times as fast. With 2 s, it transcribes fewer callers in babble
# completely.
PADDING_S: Final = 7.0
# With two beams, like Moonshine, a transcription takes 7 % less time, but 1 % more of the words in babble are wrong.
BEAMS: Final = 5

_PROMPT: Final = ("<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")


class Whisper:
    """The Whisper model, which the constructor loads. Not thread-safe.

    The constructor raises SpeechModelError if a file is missing or wrong, and OSError if the folder of temporary files
    has no room for 150 MB, which are needed for a moment.
    """

    def __init__(self) -> None:
        # If it is given bytes instead of a folder, the library keeps them (140 MB).
        with TemporaryDirectory(prefix="whisper-") as folder:
            _write_model(Path(folder))
            try:
                self._model = ctranslate2.models.Whisper(
                    folder, device="cpu", compute_type="int8", inter_threads=1, intra_threads=1
                )
            except RuntimeError as error:
                raise models.SpeechModelError(f"{models.WHISPER_CONFIG.name}: {error}") from error
        self._log_mel = LogMel()

    def transcribe(self, samples: Floats) -> Hypothesis:
        """Transcribe 0.1 to 20 s of speech: mono, at RATE, full scale 1."""
        (found,) = self._generate(samples, 1)
        return Hypothesis(decode_tokens(found.tokens), found.mean, found.looped)

    def alternatives(self, samples: Floats) -> list[Alternative]:
        """Return the BEAMS likeliest texts of 0.1 to 5 s of speech, best first. Loops are left out."""
        found = [each for each in self._generate(samples, BEAMS) if not each.looped]
        # The mean includes the end token, which is not in the list.
        return [Alternative(decode_tokens(each.tokens), each.mean * (len(each.tokens) + 1)) for each in found]

    def _generate(self, samples: Floats, count: int) -> "list[_Sequence]":
        steps = -(-len(samples) // HOP) + int(PADDING_S * RATE) // HOP
        wave = np.zeros(steps * HOP, np.float32)
        wave[: len(samples)] = samples
        limit = int(len(samples) / RATE * TOKENS_A_SECOND) + SPARE_TOKENS
        (found,) = self._model.generate(
            ctranslate2.StorageView.from_array(self._log_mel.levels(wave)[np.newaxis]),
            [list(_PROMPT)],
            beam_size=BEAMS,
            num_hypotheses=count,
            max_length=2 * limit,  # the library allows half of it as text, and the prompt is shorter than the rest
            return_scores=True,
        )
        return [
            _Sequence(tokens, float(score), len(ids) >= limit or _has_loop(ids))
            for tokens, ids, score in zip(found.sequences, found.sequences_ids, found.scores, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Sequence:
    """A sequence that the model generated.

    Attributes:
        tokens: The tokens in the model's spelling.
        mean: The mean log probability of a token.
    """

    tokens: list[str]
    mean: float
    looped: bool


def _write_model(folder: Path) -> None:
    """Write the model's files, of which the largest has several parts. Raises SpeechModelError and OSError."""
    with (folder / "model.bin").open("wb") as file:
        for part in models.WHISPER_WEIGHTS:
            file.write(models.read_model_file(part))
    for name, model_file in (("config.json", models.WHISPER_CONFIG), ("vocabulary.txt", models.WHISPER_TOKENS)):
        (folder / name).write_bytes(models.read_model_file(model_file))


def decode_tokens(tokens: list[str]) -> str:
    """Return the text of tokens in GPT-2's spelling, in which each byte is a printable character, without special
    tokens."""
    written = "".join(token for token in tokens if not token.startswith("<|"))
    text = bytes(_BYTES[character] for character in written).decode(errors="ignore")
    return " ".join(text.split())


def _has_loop(tokens: list[int]) -> bool:
    """Whether a loop ends anywhere in the tokens, because this model ends some loops by itself."""
    return any(is_loop(tokens[:end]) for end in range(1, len(tokens) + 1))


def _byte_characters() -> dict[str, int]:
    """Return the byte of each character: printable Latin-1 characters are their own byte, and the others follow from
    U+0100 on, in order."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + at): byte for at, byte in enumerate(others)}


_BYTES: Final = _byte_characters()
