"""Both engines, loaded and warm."""

from media.providers.local.models import ModelError
from media.providers.local.recogniser import Recogniser
from media.providers.local.service import Service
from media.providers.local.speech import PHONE_RATE
from media.providers.local.voice import Voice

__all__ = ["ModelError", "load"]


def load() -> Service:
    """Loads the models and uses each once, so that no caller is the first. Raises ModelError."""
    voice, recogniser = Voice(), Recogniser()
    recogniser.transcribe(voice.synthesise("Ready.").pcm, PHONE_RATE)
    return Service(recogniser, voice)
