"""pipecat's services for ElevenLabs. Importing them warns of classes that pipecat itself deprecates."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from pipecat.services.elevenlabs.stt import ElevenLabsRealtimeSTTService
    from pipecat.services.elevenlabs.tts import ElevenLabsTTSService

__all__ = ["ElevenLabsRealtimeSTTService", "ElevenLabsTTSService"]
