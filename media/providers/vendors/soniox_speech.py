"""TextToSpeech by Soniox: each utterance takes a warm connection and gives it back."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, Final

from media.providers.vendors.context_voice import ContextConnection, VoiceProtocol, speak_contexts
from media.providers.vendors.soniox_speech_wire import (
    MAX_STREAMS,
    SonioxStreams,
    StreamOutput,
    find_ended,
    read_output,
)
from media.providers.warm_connections import WarmConnections
from shared.providers.speech import SpeechChunk

StreamConnection = ContextConnection[StreamOutput]
PROTOCOL: Final = VoiceProtocol(read_output, find_ended, max_contexts=MAX_STREAMS)


class SonioxTextToSpeech:
    """A voice. make_settings: of a stream in a language; raises ProviderError for one that the vendor does not speak.
    The connections are those of all calls with the same address and key."""

    streams_text = False
    times_words = True

    def __init__(
        self,
        name: str,
        make_settings: Callable[[str], Mapping[str, Any]],
        connections: WarmConnections[StreamConnection],
    ) -> None:
        self.name = name
        self._make_settings = make_settings
        self._connections = connections

    def prepare(self) -> None:
        """Connects in the background, so that the first speech needs no handshake."""
        self._connections.prepare()

    def stream(self, text: AsyncIterator[str], language: str) -> AsyncGenerator[SpeechChunk, None]:
        """Speaks whole clauses or sentences. Raises ProviderError."""

        def begin() -> tuple[WarmConnections[StreamConnection], SonioxStreams]:
            streams = SonioxStreams(self.name, self._make_settings(language), lambda: str(uuid.uuid4()))
            return self._connections, streams

        return speak_contexts(self.name, begin, text)
