"""Azure's voices over a WebSocket: the turns of one utterance; pure.

Each clause is a turn: `synthesis.context` and `ssml` out, audio and its words in, up to `turn.end`. A connection speaks
one turn at a time. Put together in docs/vendors/azure.md.
"""

from collections.abc import Callable
from html import unescape
from typing import Any, Final

import msgspec
from msgspec import Struct

from media.providers.vendors.azure_messages import SSML, AzureMessage, make_json, make_text
from media.providers.vendors.azure_ssml import AzureVoice, make_ssml
from media.providers.vendors.azure_wire import TICKS_PER_MS
from shared.g711 import BYTES_PER_MS
from shared.providers.errors import DECODE_ERRORS, make_unreadable
from shared.providers.speech import SpeechChunk, TimedWord
from shared.providers.word_timing import spread_words, timing_length

PATH: Final = "/cognitiveservices/websocket/v1"
_FORMAT: Final = "raw-8khz-8bit-mono-mulaw"
_WORD: Final = "WordBoundary"
_CONTEXT: Final[dict[str, Any]] = {
    "synthesis": {
        "audio": {
            "outputFormat": _FORMAT,
            "metadataOptions": {
                "wordBoundaryEnabled": True,
                "punctuationBoundaryEnabled": False,
                "sentenceBoundaryEnabled": False,
                "sessionEndEnabled": False,
                "bookmarkEnabled": False,
                "visemeEnabled": False,
            },
        },
        "language": {"autoDetection": False},
    }
}


class _BoundaryText(Struct, frozen=True):
    text: str = msgspec.field(name="Text", default="")
    kind: str = msgspec.field(name="BoundaryType", default=_WORD)


class _Data(Struct, frozen=True):
    """Offset, Duration: ticks in the turn's audio."""

    offset: float = msgspec.field(name="Offset", default=0)
    duration: float = msgspec.field(name="Duration", default=0)
    text: _BoundaryText | None = None


class _Mark(Struct, frozen=True):
    type: str = msgspec.field(name="Type", default="")
    data: _Data = msgspec.field(name="Data", default_factory=_Data)


class _Metadata(Struct, frozen=True):
    marks: tuple[_Mark, ...] = msgspec.field(name="Metadata", default=())


_DECODER: Final = msgspec.json.Decoder(_Metadata)


class SpokenTurns:
    """The turns of one utterance, as contexts of which none takes a second text. locale: of the text. make_id: a new id
    at each call.

    has_audio: audio came since the last text was sent. heard: any message came since then.
    """

    is_open = False

    def __init__(self, provider: str, voice: AzureVoice, locale: str, make_id: Callable[[], str]) -> None:
        self._provider = provider
        self._voice = voice
        self._locale = locale
        self._make_id = make_id
        self._id = ""
        self._is_done = True
        self._began_ms = self._audio_ms = 0.0  # where the turn's audio begins, and all audio so far
        self._words = _TurnWords([])
        self.has_audio = False
        self.heard = True

    @property
    def is_done(self) -> bool:
        """Whether the turn is over."""
        return self._is_done

    @property
    def unfinished_id(self) -> str:
        """The turn that the service still speaks, as far as it told; empty for none."""
        return self._id

    def add_text(self, text: str) -> tuple[bytes, ...]:
        """The messages that have a text spoken; none for blanks. Not while a turn is not done."""
        if not text.strip():
            return ()
        self._id, self._is_done = self._make_id(), False
        self.has_audio = self.heard = False
        self._began_ms, self._words = self._audio_ms, _TurnWords(text.split())
        ssml = make_ssml(self._voice, self._locale, text).encode()
        return make_json("synthesis.context", self._id, _CONTEXT), make_text("ssml", self._id, ssml, SSML)

    def finish(self) -> bytes:
        """Nothing: each text ends its turn."""
        return b""

    def cancel(self) -> bytes:
        """The message that stops the turn, if one is spoken."""
        if self._is_done:
            return b""
        self._is_done = True
        return make_json("synthesis.control", self._id, {"action": "stop"})

    def read(self, message: AzureMessage) -> SpeechChunk | None:
        """Takes a message of the connection; returns the audio or the words in it. Raises ProviderError."""
        if message.request_id != self._id or not self._id:
            return None  # of a turn that was stopped
        self.heard = True
        if message.path == "turn.end":
            return self._end()
        if self._is_done:
            return None
        if message.path == "audio" and message.body:
            self.has_audio = True
            self._audio_ms += len(message.body) / BYTES_PER_MS
            return SpeechChunk(message.body)
        words = self._read_words(message) if message.path == "audio.metadata" else ()
        return SpeechChunk(b"", words) if words else None

    def _end(self) -> SpeechChunk | None:
        self._id, was_done, self._is_done = "", self._is_done, True
        words = () if was_done else self._words.end(self._began_ms, self._audio_ms)
        return SpeechChunk(b"", tuple(words)) if words else None

    def _read_words(self, message: AzureMessage) -> tuple[TimedWord, ...]:
        """Raises ProviderError."""
        try:
            marks = _DECODER.decode(message.body).marks
        except DECODE_ERRORS:
            raise make_unreadable(self._provider) from None
        return tuple(word for mark in marks for word in self._words.add(mark, self._began_ms))


class _TurnWords:
    """The words of a turn. written: as they were sent.

    Some voices tell 0 for each word: then nothing but the first is taken, and the others are spread over the audio."""

    def __init__(self, written: list[str]) -> None:
        self._written = written
        self._count = 0
        self._latest_ms = -1.0

    def add(self, mark: _Mark, began_ms: float) -> list[TimedWord]:
        """The word of a mark, if it is one, with a time behind those before it."""
        data = mark.data
        at_ms = data.offset / TICKS_PER_MS
        if mark.type != _WORD or data.text is None or data.text.kind != _WORD or at_ms <= self._latest_ms:
            return []
        self._count, self._latest_ms = self._count + 1, at_ms
        start_ms = began_ms + at_ms
        return [TimedWord(unescape(data.text.text), start_ms, start_ms + data.duration / TICKS_PER_MS)]

    def end(self, began_ms: float, ends_ms: float) -> list[TimedWord]:
        """The words that got no time, where nearly none did."""
        if self._count > 1 or self._count >= len(self._written) or ends_ms <= began_ms:
            return []
        pace = (ends_ms - began_ms) / timing_length(self._written)
        return spread_words(self._written, began_ms, pace)[self._count :]
