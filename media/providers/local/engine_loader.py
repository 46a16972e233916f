"""Loads the local recognizer and voice."""

from media.providers.local.models import SpeechModelError
from media.providers.local.recognizer import Recognizer
from media.providers.local.service import EngineService
from media.providers.local.speech import PHONE_RATE
from media.providers.local.voice import Voice

__all__ = ["SpeechModelError", "load_engines"]


def load_engines() -> EngineService:
    """Load the models, and use the voice and the recognizer once, so that the first call does not wait.

    Raises SpeechModelError, or OSError if there is no room for temporary files.
    """
    voice, recognizer = Voice(), Recognizer()
    recognizer.transcribe(voice.synthesize("Ready.").pcm, PHONE_RATE)
    return EngineService(recognizer, voice)
