"""pipecat's services for Soniox. Importing them warns of classes that pipecat itself deprecates."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from pipecat.services.soniox.stt import SonioxSTTService
    from pipecat.services.soniox.tts import SonioxTTSService

__all__ = ["SonioxSTTService", "SonioxTTSService"]
