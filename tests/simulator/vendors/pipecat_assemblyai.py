"""pipecat's service for AssemblyAI. Importing it warns of classes that pipecat itself deprecates."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from pipecat.services.assemblyai.stt import AssemblyAISTTService

__all__ = ["AssemblyAISTTService"]
