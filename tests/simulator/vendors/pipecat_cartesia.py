"""pipecat's services for Cartesia. Importing them warns of classes that pipecat itself deprecates."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from pipecat.services.cartesia.stt import CartesiaSTTService
    from pipecat.services.cartesia.tts import CartesiaTTSService
    from pipecat.services.cartesia.turns.stt import CartesiaTurnsSTTService

__all__ = ["CartesiaSTTService", "CartesiaTTSService", "CartesiaTurnsSTTService"]
