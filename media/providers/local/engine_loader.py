"""Loads the local recogniser and voice."""

from media.providers.local.models import SpeechModelError
from media.providers.local.recogniser import Recogniser
from media.providers.local.service import EngineService
from media.providers.local.speech import PHONE_RATE
from media.providers.local.voice import Voice

__all__ = ["SpeechModelError", "load_engines"]


def load_engines() -> EngineService:
    """Loads the models, and uses the voice and the recogniser once, so that the first call does not wait.

    Raises SpeechModelError, and OSError without room for temporary files."""
    voice, recogniser = Voice(), Recogniser()
    recogniser.transcribe(voice.synthesise("Ready.").pcm, PHONE_RATE)
    return EngineService(recogniser, voice)
