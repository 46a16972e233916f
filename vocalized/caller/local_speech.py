"""The local voice and recognizer for the caller's side; their packages are imported at first use."""

import re
from collections.abc import Callable

from vocalized.caller.voice import Synthesizer, VoiceError

RATE = 8_000

# 16-bit little-endian mono samples at 8 kHz in, text out.
Recognize = Callable[[bytes], str]

_PAUSE = bytes(RATE // 4 * 2)  # 250 ms of silence between sentences


def sentences(text: str) -> list[str]:
    """The text split into sentences, because the voice takes one at a time."""
    return re.split(r"(?<=[.!?])\s+", text.strip())


def load_voice() -> Synthesizer:
    """Loads the voice (about a second). Raises VoiceError."""
    try:
        from media.providers.local.models import SpeechModelError
        from media.providers.local.voice import Voice
    except ImportError as error:
        raise VoiceError(f"the local voice needs the package {error.name}: run `make setup`") from error
    try:
        voice = Voice()
    except SpeechModelError as error:
        raise VoiceError(f"the local voice: {error}") from error
    return lambda text: _PAUSE.join(voice.synthesize(sentence).pcm for sentence in sentences(text))


def load_recognizer() -> Recognize:
    """Loads the recognizer (about a second). Raises VoiceError."""
    try:
        from media.providers.local.models import SpeechModelError
        from media.providers.local.recognizer import Recognizer
    except ImportError as error:
        raise VoiceError(f"the local recognizer needs the package {error.name}: run `make setup`") from error
    try:
        recognizer = Recognizer()
    except SpeechModelError as error:
        raise VoiceError(f"the local recognizer: {error}") from error
    return lambda pcm: recognizer.transcribe(pcm, RATE).text


def faulty_models() -> list[str]:
    """Compares every model file with its hash; returns what is wrong. Raises ModuleNotFoundError."""
    from media.providers.local import models

    faults = []
    for file in (value for value in vars(models).values() if isinstance(value, models.ModelFile)):
        try:
            models.read_model_file(file)
        except models.SpeechModelError as error:
            faults.append(str(error))
    return faults
