"""Soniox's `/tts-websocket`: the streams of one utterance, as messages out and messages in; pure.

A stream is a stretch of speech with one prosody: a message with its settings, texts, and one that ends them. The vendor
speaks as the text comes, and says `terminated` once it has sent all. Times of characters count from the stream's first
audio on.
Source: soniox.com/docs (`tts/rt`), soniox 2.10.0 (`realtime/tts.py`); put together in docs/vendors/soniox.md.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from media.providers.vendors.soniox_wire import make_error
from shared.g711 import RATE
from shared.providers.errors import DECODE_ERRORS, ProviderError, make_unreadable
from shared.providers.speech import SpeechChunk
from shared.providers.voice_contexts import CharacterWords, SpeechContext

SPEAK_PATH: Final = "/tts-websocket"
# That a connection may have at once; one that was cancelled counts until the vendor has said so.
MAX_STREAMS: Final = 5


class _CharacterTimes(Struct, frozen=True):
    """In seconds of the stream's audio."""

    characters: list[str] = []
    starts: list[float] = msgspec.field(default_factory=list, name="character_start_times_seconds")
    ends: list[float] = msgspec.field(default_factory=list, name="character_end_times_seconds")

    def rows(self) -> list[tuple[str, float, float]]:
        """Character, start and duration in ms. Raises ValueError for lists of unequal length."""
        timed = zip(self.characters, self.starts, self.ends, strict=True)
        return [(character, start * 1_000, (end - start) * 1_000) for character, start, end in timed]


class StreamOutput(Struct, frozen=True):
    """A message of the vendor. audio: mu-law, in base64 on the wire. terminated: the stream is over. stream_id: empty
    or None for the whole connection."""

    stream_id: str | None = None
    audio: bytes | None = None
    terminated: bool = False
    timestamps: _CharacterTimes | None = None
    error_code: int | None = None
    error_type: Any = None


_DECODER: Final = msgspec.json.Decoder(StreamOutput)


def read_output(provider: str, message: bytes) -> StreamOutput:
    """Reads a message. Raises ProviderError."""
    try:
        return _DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None


def find_ended(output: StreamOutput) -> str:
    """The stream that a message ends; empty for none."""
    return (output.stream_id or "") if output.terminated else ""


class SonioxStreams(SpeechContext):
    """The streams of one utterance. settings: of each. make_id: a new id at each call."""

    def __init__(self, provider: str, settings: Mapping[str, Any], make_id: Callable[[], str]) -> None:
        super().__init__(make_id)
        self._provider = provider
        self._settings = {
            **{name: value for name, value in settings.items() if value is not None},
            "audio_format": "pcm_mulaw",
            "sample_rate": RATE,
            "return_timestamps": True,
        }
        self._words = CharacterWords()

    def add_text(self, text: str) -> tuple[bytes, ...]:
        """The messages that send text, with the settings if a stream begins; none for blanks, which are sent with the
        next words. Not while a finished stream is not done."""
        words = self._take_text(text)
        if not words:
            return ()
        begins = self._begin()
        self._words.expect(words)
        spoken = self._encode({"text": words, "text_end": False})
        return (self._encode(self._settings), spoken) if begins else (spoken,)

    def finish(self) -> bytes:
        """The message that ends the stream, of which everything is spoken; empty when none is open."""
        return self._encode({"text": "", "text_end": True}) if self._close() else b""

    def cancel(self) -> bytes:
        """The message that stops the stream; empty when nothing of it can come any more."""
        if self.is_done:
            return b""
        self._end()
        return self._encode({"cancel": True})

    def read(self, message: StreamOutput) -> SpeechChunk | None:
        """Takes a message of the connection; returns the audio and the words in it. Raises ProviderError for an error
        of this stream or of the whole connection."""
        is_own = message.stream_id == self._id and not self.is_done
        if message.error_code is not None and (is_own or not message.stream_id):
            raise make_error(self._provider, message.error_code, message.error_type)
        if not is_own:
            return None  # of an utterance that was cancelled
        self.heard = True
        chunk = self._read_audio(message)
        if message.terminated:
            self._end()
        return chunk if chunk.audio or chunk.words else None

    def _read_audio(self, message: StreamOutput) -> SpeechChunk:
        audio = message.audio or b""
        self._add_audio(audio)
        try:
            rows = message.timestamps.rows() if message.timestamps is not None else []
        except ValueError:
            raise ProviderError(self._provider, "times of unequal number", cause="unreadable") from None
        words = self._words.add(rows, self._began_ms)
        return SpeechChunk(audio, (*words, *(self._words.finish(self._audio_ms) if message.terminated else ())))

    def _encode(self, fields: Mapping[str, Any]) -> bytes:
        return msgspec.json.encode({"stream_id": self._id, **fields})
