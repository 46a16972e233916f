"""URL, messages and errors of Rime's voices over the JSON WebSocket `/ws3`; no I/O.

With `segment=never`, the vendor speaks the received text after `flush`, and sends `done` after the last audio. Each
clause is a synthesis with its own context. The next clause is sent after the previous one is done, because the vendor
does not separate contexts. Word times are relative to the start of the synthesis. A running synthesis cannot be
stopped; `clear` drops waiting text.

Errors are sentences that usually begin with an HTTP status. An expired subscription is reported as 401. Sources:
docs.rime.ai, "Websockets JSON", "Segmentation & Behavior Settings" and "Error reference".
"""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from shared.g711 import RATE
from shared.providers.errors import (
    DECODE_ERRORS,
    KeyRefused,
    ProviderBusy,
    ProviderError,
    cause_of_status,
    make_unreadable,
)
from shared.providers.errors import make_closed as make_cut
from shared.providers.speech import SpeechChunk, TimedWord
from shared.providers.voice_contexts import SpeechContext
from shared.providers.word_timing import spread_words, timing_length
from vendors.rime.facts import RimeTextToSpeechOptions, find_rime_language

PATH: Final = "/ws3"
FLUSH: Final = b'{"operation":"flush"}'
CLEAR: Final = b'{"operation":"clear"}'
_STATUS: Final = re.compile(r"\s*([45]\d\d)\b")
_UNPAID: Final = re.compile(r"subscription|credit|payment|billing", re.IGNORECASE)
# The vendor uses this close code for any error, with its sentence as the reason.
_INTERNAL: Final = 1011


class _Words(Struct, frozen=True):
    """Words with their times, in seconds of the synthesis's audio."""

    words: tuple[str, ...] = ()
    start: tuple[float, ...] = ()
    end: tuple[float, ...] = ()


class RimeMessage(Struct, frozen=True, rename="camel"):
    """Any message of the vendor.

    Attributes:
        data: mu-law audio, base64 on the wire.
        message: Text of an error.
    """

    type: str
    context_id: str | None = None
    data: bytes = b""
    word_timestamps: _Words | None = msgspec.field(name="word_timestamps", default=None)
    message: str = ""


_DECODER: Final = msgspec.json.Decoder(RimeMessage)


def require_language(name: str, options: RimeTextToSpeechOptions, language: str) -> str:
    """Return the vendor's code for a language. Raises ProviderError if the model does not speak the language."""
    code = find_rime_language(options.model, language)
    if code is None:
        raise ProviderError(name, f"{options.model} does not support {language!r}", retryable=False, cause="refused")
    return code


def make_url(options: RimeTextToSpeechOptions, code: str) -> str:
    """Return the URL of a voice connection. `code` is the vendor's language code."""
    query = {
        "speaker": options.voice_id,
        "modelId": options.model,
        "lang": code,
        "audioFormat": "mulaw",
        "samplingRate": RATE,
        "segment": "never",
        **({"timeScaleFactor": options.time_scale} if options.time_scale is not None else {}),
    }
    return f"{re.sub(r'^http', 'ws', options.base_url.rstrip('/'))}{PATH}?{urlencode(query)}"


def make_headers(api_key: str) -> dict[str, str]:
    """Return the header with the key; no header for a server without keys."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def read_message(provider: str, message: bytes) -> RimeMessage:
    """Parse a message. Raises ProviderError."""
    try:
        return _DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None


def find_ended(message: RimeMessage) -> str:
    """Return the id of the context that a message ends; empty if there is none."""
    return (message.context_id or "") if message.type == "done" else ""


def find_status(sentence: str) -> int:
    """Return the HTTP status that a vendor's sentence means; 0 if it means none."""
    found = _STATUS.match(sentence)
    status = int(found[1]) if found else 0
    return 402 if _UNPAID.search(sentence) and status in (0, 401, 403) else status


def make_error(provider: str, sentence: str) -> ProviderError:
    """Return the error for a vendor's sentence, which is dropped because it may quote the key or the caller."""
    status = find_status(sentence)
    reason = f"error {status}" if status else "error"
    if status in (402, 429):
        return ProviderBusy(provider, reason, retryable=status == 429)
    if status in (401, 403):
        return KeyRefused(provider, reason)
    return ProviderError(provider, reason, retryable=status >= 500 or not status, cause=cause_of_status(status))


def make_closed(provider: str, code: int, reason: str) -> ProviderError:
    """Return the error for a connection that the vendor closed while it was in use."""
    if code == _INTERNAL and find_status(reason):
        return make_error(provider, reason)
    return make_cut(provider, code)


def refine_refusal(error: ProviderError) -> ProviderError:
    """Return the error of a refused handshake. Rime answers 401 for an ended subscription, as for a wrong key."""
    if not _UNPAID.search(error.answer.decode(errors="replace")):
        return error
    return ProviderBusy(error.provider, "no subscription", retryable=False).with_answer(error.answer)


class RimeContexts(SpeechContext):
    """The contexts of one utterance. Each context takes a single text.

    Args:
        provider: The provider's name.
        make_id: Returns a new id for each call.
    """

    def __init__(self, provider: str, make_id: Callable[[], str]) -> None:
        super().__init__(make_id)
        self._provider = provider
        self._sent: list[str] = []
        self._has_times = False

    def add_text(self, text: str) -> tuple[bytes, ...]:
        """Return the messages that speak a text. Returns none for blanks, which are sent with the next words. The
        previous context must be done.
        """
        spoken = self._take_text(text)
        if not spoken:
            return ()
        self._begin()
        self._close()
        self._sent, self._has_times = spoken.split(), False
        return msgspec.json.encode({"text": spoken, "contextId": self._id}), FLUSH

    def finish(self) -> bytes:
        """Return no message, because each text ends its context."""
        return b""

    def cancel(self) -> bytes:
        """Return the message that drops waiting text; empty after the last audio."""
        if self.is_done:
            return b""
        self._end()
        return CLEAR

    def read(self, message: RimeMessage) -> SpeechChunk | None:
        """Process a message. Returns the audio or words in it.

        Raises:
            ProviderError: The message reports an error of this context or of the whole connection.
        """
        is_own = message.context_id == self._id and not self.is_done
        if message.type == "error" and (is_own or not message.context_id):
            raise make_error(self._provider, message.message)
        if not is_own:
            return None  # belongs to a canceled utterance
        self.heard = True
        if message.type == "chunk":
            self._add_audio(message.data)
            return SpeechChunk(message.data)
        words = self._read_words(message.word_timestamps) if message.type == "timestamps" else self._end_words(message)
        return SpeechChunk(b"", words) if words else None

    def _read_words(self, told: _Words | None) -> tuple[TimedWord, ...]:
        """Return the timed words without standalone punctuation. Raises ProviderError."""
        told = told or _Words()
        self._has_times = self._has_times or bool(told.words)
        try:
            return tuple(
                TimedWord(word, self._began_ms + start * 1_000, self._began_ms + end * 1_000)
                for word, start, end in zip(told.words, told.start, told.end, strict=True)
                if any(map(str.isalnum, word))
            )
        except ValueError:
            raise ProviderError(self._provider, "times of unequal number", cause="unreadable") from None

    def _end_words(self, message: RimeMessage) -> tuple[TimedWord, ...]:
        """Return the words of a finished synthesis that had no times, spread over its audio, so that they count as
        heard."""
        if message.type != "done":
            return ()
        self._end()
        length_ms = self._audio_ms - self._began_ms
        if self._has_times or not length_ms:
            return ()
        return tuple(spread_words(self._sent, self._began_ms, length_ms / timing_length(self._sent)))
