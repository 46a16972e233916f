"""TextToSpeech by ElevenLabs: each utterance takes a warm connection and gives it back."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

from media.providers.vendors.context_voice import ContextConnection, VoiceProtocol, speak_contexts
from media.providers.vendors.elevenlabs_speech_wire import ElevenLabsTone, FlushedContexts, SpeechOutput, read_output
from media.providers.vendors.elevenlabs_wire import make_closed, refine_refusal
from media.providers.warm_connections import WarmConnections
from shared.providers.speech import SpeechChunk

# The vendor closes a connection (1008) that opens more contexts at once; one that was closed counts until its audio has
# been sent.
MAX_CONTEXTS: Final = 5
MultiContextConnection = ContextConnection[SpeechOutput]


def _find_ended(output: SpeechOutput) -> str:
    return (output.context_id or "") if output.is_final else ""


PROTOCOL: Final = VoiceProtocol(
    read_output, _find_ended, refine_refusal=refine_refusal, make_closed=make_closed, max_contexts=MAX_CONTEXTS
)


@dataclass(slots=True)
class LanguageConnections:
    """The connections of all calls with the same voice, address and key; an address has a language in it. latest: the
    one of the latest utterance, empty for the vendor's own guess."""

    make: Callable[[str], WarmConnections[MultiContextConnection]]
    latest: str
    _by_language: dict[str, WarmConnections[MultiContextConnection]] = field(default_factory=dict)

    def of(self, language: str) -> WarmConnections[MultiContextConnection]:
        """Those of a language."""
        self.latest = language
        if language not in self._by_language:
            self._by_language[language] = self.make(language)
        return self._by_language[language]

    def prepare(self) -> None:
        """Connects in the background, if there is no idle connection."""
        self.of(self.latest).prepare()

    async def close(self) -> None:
        """Closes all that are idle."""
        await asyncio.gather(*(connections.close() for connections in self._by_language.values()))


class ElevenLabsTextToSpeech:
    """A voice. find_language: the code that is sent for a call's language; raises ProviderError for one that the model
    does not speak."""

    streams_text = False
    times_words = True

    def __init__(
        self, name: str, tone: ElevenLabsTone, connections: LanguageConnections, find_language: Callable[[str], str]
    ) -> None:
        self.name = name
        self._tone = tone
        self._connections = connections
        self._find_language = find_language

    def prepare(self) -> None:
        """Connects in the background, so that the first speech needs no handshake."""
        self._connections.prepare()

    def stream(self, text: AsyncIterator[str], language: str) -> AsyncGenerator[SpeechChunk, None]:
        """Speaks whole clauses or sentences. Raises ProviderError."""

        def begin() -> tuple[WarmConnections[MultiContextConnection], FlushedContexts]:
            contexts = FlushedContexts(self.name, self._tone, lambda: str(uuid.uuid4()))
            return self._connections.of(self._find_language(language)), contexts

        return speak_contexts(self.name, begin, text)
