"""ElevenLabs' `/v1/text-to-speech/{voice}/multi-stream-input`: the contexts of one utterance; pure.

Each clause is flushed, so that it is spoken at once, and what was flushed is spoken to its end also after the context
was closed. Times of characters count from the audio of their own message on. Names come in both spellings, `contextId`
and `context_id`.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from media.providers.vendors.elevenlabs_wire import make_error
from shared.providers.errors import DECODE_ERRORS, ProviderError, make_unreadable
from shared.providers.speech import SpeechChunk
from shared.providers.voice_contexts import CharacterWords, SpeechContext

PATH: Final = "/v1/text-to-speech/{voice_id}/multi-stream-input"
# Of a context; the vendor's limit. The connections that are kept are younger.
INACTIVITY_S: Final = 180


class CharacterTimes(Struct, frozen=True):
    """When each character sounds, in ms from the message's own audio on."""

    chars: list[str] = []
    starts: list[float] | None = msgspec.field(default=None, name="charStartTimesMs")
    starts_snake: list[float] | None = msgspec.field(default=None, name="char_start_times_ms")
    durations: list[float] | None = msgspec.field(default=None, name="charDurationsMs")
    durations_plural: list[float] | None = msgspec.field(default=None, name="charsDurationsMs")
    durations_snake: list[float] | None = msgspec.field(default=None, name="char_durations_ms")

    def rows(self) -> list[tuple[str, float, float]]:
        """Character, start and duration. Raises ValueError for lists of unequal length."""
        starts = self.starts or self.starts_snake or []
        durations = self.durations or self.durations_plural or self.durations_snake or []
        return list(zip(self.chars, starts, durations, strict=True))


class SpeechOutput(Struct, frozen=True):
    """A message of the vendor. audio: mu-law, in base64 on the wire. alignment: of the text as it was sent; normalised:
    as it was spoken."""

    audio: bytes | None = None
    alignment: CharacterTimes | None = None
    normalised: CharacterTimes | None = msgspec.field(default=None, name="normalizedAlignment")
    camel_id: str | None = msgspec.field(default=None, name="contextId")
    snake_id: str | None = msgspec.field(default=None, name="context_id")
    camel_final: bool | None = msgspec.field(default=None, name="isFinal")
    snake_final: bool | None = msgspec.field(default=None, name="is_final")
    error: str | None = None

    @property
    def context_id(self) -> str | None:
        """The context that it belongs to; None for the whole connection."""
        return self.camel_id if self.camel_id is not None else self.snake_id

    @property
    def is_final(self) -> bool:
        """Whether the context is over."""
        return bool(self.camel_final or self.snake_final)


_DECODER: Final = msgspec.json.Decoder(SpeechOutput)


def read_output(provider: str, message: bytes) -> SpeechOutput:
    """Reads a message. Raises ProviderError."""
    try:
        return _DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None


class ElevenLabsTone(Struct, frozen=True, omit_defaults=True):
    """`voice_settings`; the voice's own where None."""

    stability: float | None = None
    similarity_boost: float | None = None
    style: float | None = None
    use_speaker_boost: bool | None = None
    speed: float | None = None


class FlushedContexts(SpeechContext):
    """The contexts of one utterance. tone: of each. make_id: a new id at each call."""

    def __init__(self, provider: str, tone: ElevenLabsTone, make_id: Callable[[], str]) -> None:
        super().__init__(make_id)
        self._provider = provider
        self._tone = tone
        self._words = CharacterWords()

    def add_text(self, text: str) -> tuple[bytes, ...]:
        """The messages that send text; none for blanks, which are sent with the next words. Not while a finished
        context is not done.

        The text of a context's first message is one blank, and every later text ends with one blank: the SDK's
        `WebsocketTtsClientMessageMulti` and `SendTextMulti`.
        """
        spoken = self._take_text(text)
        if not spoken:
            return ()
        opening = self._open() if self._begin() else ()
        self._words.expect(spoken)
        request = {"text": f"{spoken.rstrip()} ", "flush": True, "context_id": self._id}
        return (*opening, msgspec.json.encode(request))

    def _open(self) -> tuple[bytes]:
        """The first message of a context, the only one from which the settings are taken."""
        settings = {"voice_settings": self._tone} if self._tone != ElevenLabsTone() else {}
        return (msgspec.json.encode({"text": " ", **settings, "context_id": self._id}),)

    def finish(self) -> bytes:
        """The message that closes the context, of which everything is spoken; empty when none is open."""
        return msgspec.json.encode({"context_id": self._id, "close_context": True}) if self._close() else b""

    def cancel(self) -> bytes:
        """The message that closes the context, if it is open. What it has flushed may still come."""
        message = self.finish()
        self._end()
        return message

    def read(self, message: SpeechOutput) -> SpeechChunk | None:
        """Takes a message of the connection; returns the audio and the words in it. Raises ProviderError for an error
        of this context or of the whole connection."""
        if message.error is not None and message.context_id in (None, "", self._id):
            raise make_error(self._provider, message.error)
        if message.context_id != self._id or self.is_done:
            return None  # of an utterance that was cancelled
        self.heard = True
        chunk = self._read_audio(message)
        if message.is_final:
            self._end()
        return chunk if chunk.audio or chunk.words else None

    def _read_audio(self, message: SpeechOutput) -> SpeechChunk:
        audio = message.audio or b""
        began_ms = self._audio_ms
        self._add_audio(audio)
        times = message.alignment or message.normalised
        try:
            words = self._words.add(times.rows(), began_ms) if times is not None else []
        except ValueError:
            raise ProviderError(self._provider, "times of unequal number", cause="unreadable") from None
        return SpeechChunk(audio, (*words, *(self._words.finish(self._audio_ms) if message.is_final else ())))
