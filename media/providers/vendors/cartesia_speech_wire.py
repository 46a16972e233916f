"""Cartesia's `/tts/websocket`: the contexts of one utterance, as messages out and messages in; pure.

A context is a stretch of speech with one prosody. The vendor forgets it 1 s after its last audio, and an id must not be
used again: so a context is ended when no text comes for a while, and later text opens another one. Only one is open at
a time, because contexts are spoken at the same time, not one after another.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from media.providers.vendors.cartesia_wire import ErrorEvent, make_error
from shared.g711 import RATE
from shared.providers.errors import DECODE_ERRORS, ProviderError, make_unreadable
from shared.providers.speech import SpeechChunk, TimedWord
from shared.providers.voice_contexts import SpeechContext

PATH: Final = "/tts/websocket"
_FORMAT: Final = {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": RATE}


class _Words(Struct, frozen=True):
    """Times are in seconds of the context's audio."""

    words: tuple[str, ...] = ()
    start: tuple[float, ...] = ()
    end: tuple[float, ...] = ()


class SpeechMessage(Struct, frozen=True):
    """A message of the vendor. data: mu-law, in base64 on the wire."""

    type: str
    context_id: str | None = None
    data: bytes = b""
    word_timestamps: _Words | None = None
    status_code: int | None = None
    error_code: str | None = None


_DECODER: Final = msgspec.json.Decoder(SpeechMessage)


def read_message(provider: str, message: bytes) -> SpeechMessage:
    """Reads a message. Raises ProviderError."""
    try:
        return _DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None


class VoiceSettings(Struct, frozen=True, omit_defaults=True):
    """What is equal in all inputs of a context. Speed, volume, emotion: of the model's default where None."""

    model: str
    voice_id: str
    speed: float | None = None
    volume: float | None = None
    emotion: str | None = None
    pronunciation_dict_id: str | None = None

    def fields(self, language: str) -> dict[str, Any]:
        """The fields of a request. Text comes in whole clauses, so that the vendor need not wait for more
        (`max_buffer_delay_ms`). Timings are of the words as they were sent."""
        chosen = {"speed": self.speed, "volume": self.volume, "emotion": self.emotion}
        generation = {name: value for name, value in chosen.items() if value is not None}
        return {
            "model_id": self.model,
            "voice": {"id": self.voice_id},
            "language": language,
            "output_format": _FORMAT,
            "max_buffer_delay_ms": 0,
            "add_timestamps": True,
            "use_normalized_timestamps": False,
            **({"generation_config": generation} if generation else {}),
            **({"pronunciation_dict_id": self.pronunciation_dict_id} if self.pronunciation_dict_id else {}),
        }


class SpokenContexts(SpeechContext):
    """The contexts of one utterance. fields: of each request. make_id: a new id at each call."""

    def __init__(self, provider: str, fields: dict[str, Any], make_id: Callable[[], str]) -> None:
        super().__init__(make_id)
        self._provider = provider
        self._fields = fields

    @property
    def unfinished_id(self) -> str:
        """None: a context that was cancelled does not count any more."""
        return ""

    def add_text(self, text: str) -> bytes:
        """The message that sends text; empty for blanks, which are sent with the next words. Not while a finished
        context is not done."""
        spoken = self._take_text(text)
        if not spoken:
            return b""
        self._begin()
        return self._encode(spoken, more=True)

    def finish(self) -> bytes:
        """The message that ends the context; empty when none is open."""
        return self._encode("", more=False) if self._close() else b""

    def cancel(self) -> bytes:
        """The message that stops the context; empty when nothing of it can come any more."""
        if self.is_done:
            return b""
        self._end()
        return msgspec.json.encode({"context_id": self._id, "cancel": True})

    def read(self, message: SpeechMessage) -> SpeechChunk | None:
        """Takes a message of the connection; returns the audio or the words in it. Raises ProviderError for an error
        of this context or of the whole connection."""
        if message.context_id != self._id and not (message.type == "error" and message.context_id is None):
            return None  # of an utterance that was cancelled
        self.heard = True
        if message.type == "chunk":
            return self._read_audio(message.data)
        if message.type == "timestamps" and message.word_timestamps is not None:
            return self._read_words(message.word_timestamps)
        if message.type == "done":
            self._end()
        elif message.type == "error":
            raise make_error(self._provider, ErrorEvent(message.status_code, message.error_code))
        return None

    def _read_audio(self, ulaw: bytes) -> SpeechChunk | None:
        if self.is_done or not ulaw:
            return None
        self._add_audio(ulaw)
        return SpeechChunk(ulaw)

    def _read_words(self, words: _Words) -> SpeechChunk | None:
        if self.is_done:
            return None
        if not len(words.words) == len(words.start) == len(words.end):
            raise ProviderError(self._provider, "word timings of unequal number", cause="unreadable")
        timed = zip(words.words, words.start, words.end, strict=True)
        offset = self._began_ms
        return SpeechChunk(b"", tuple(TimedWord(word, offset + a * 1_000, offset + b * 1_000) for word, a, b in timed))

    def _encode(self, text: str, *, more: bool) -> bytes:
        request = {**self._fields, "context_id": self._id, "transcript": text, "continue": more}
        return msgspec.json.encode(request)
