"""TextToSpeech by Cartesia: each utterance takes a warm connection and gives it back."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from media.providers.vendors.cartesia_speech_wire import SpeechMessage, SpokenContexts, VoiceSettings, read_message
from media.providers.vendors.cartesia_wire import base_language
from media.providers.vendors.context_voice import ContextConnection, VoiceProtocol, speak_contexts
from media.providers.warm_connections import WarmConnections
from shared.providers.speech import SpeechChunk

SpeechConnection = ContextConnection[SpeechMessage]
PROTOCOL: Final = VoiceProtocol(read_message, lambda message: "")


class CartesiaTextToSpeech:
    """A voice. The connections are those of all calls with the same address and key."""

    streams_text = False
    times_words = True

    def __init__(self, name: str, settings: VoiceSettings, connections: WarmConnections[SpeechConnection]) -> None:
        self.name = name
        self._settings = settings
        self._connections = connections

    def prepare(self) -> None:
        """Connects in the background, so that the first speech needs no handshake."""
        self._connections.prepare()

    def stream(self, text: AsyncIterator[str], language: str) -> AsyncGenerator[SpeechChunk, None]:
        """Speaks whole clauses or sentences. Raises ProviderError."""

        def begin() -> tuple[WarmConnections[SpeechConnection], SpokenContexts]:
            fields = self._settings.fields(base_language(language))
            return self._connections, SpokenContexts(self.name, fields, lambda: str(uuid.uuid4()))

        return speak_contexts(self.name, begin, text)
