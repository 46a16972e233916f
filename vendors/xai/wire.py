"""URLs, messages and errors of xAI's streaming recognizer, `/v1/stt`, and the reader of its utterances; no I/O.

An utterance consists of chunks of about three seconds, each of which becomes final by itself. The message that ends the
utterance repeats the text of all chunks. Only its new words become a segment, so that no word is counted twice. Source:
docs.x.ai (`stt-streaming.ws.json`), collected in docs/develop/vendors/xai.md.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from shared.chat_dialects import read_sentence
from shared.g711 import RATE
from shared.providers.errors import DECODE_ERRORS, KeyRefused, ProviderBusy, ProviderError, make_unreadable
from shared.providers.segments import LITTLE_AUDIO_MS, TranscribedResult, TranscribedSegment
from shared.providers.speech import TimedWord
from shared.providers.turn_calibration import CALIBRATIONS
from vendors.xai.facts import XaiSpeechToTextOptions

PATH: Final = "/v1/stt"
FINALIZE: Final = '{"type":"finalize"}'
DONE: Final = '{"type":"audio.done"}'
_CALIBRATION: Final = CALIBRATIONS["grok"]
_TOO_MANY: Final = re.compile(r"too many|rate limit|concurren|capacity", re.IGNORECASE)

QueryField = str | int | float | bool | Sequence[str] | None


class _Word(Struct):
    text: str
    start: float = 0.0
    end: float = 0.0


class _Message(Struct):
    """Any message of the recognizer. Fields that the message's type does not have keep their defaults.

    Attributes:
        start: Start of the result in the sent audio, in seconds.
        duration: Length of the result, in seconds.
        end_of_turn_confidence: 0 to 1; 0 during speech. Not typed, so that an unexpected value does not make the
            message unreadable.
    """

    type: str
    text: str = ""
    words: list[_Word] = []
    is_final: bool = False
    speech_final: bool = False
    start: float = 0.0
    duration: float = 0.0
    end_of_turn_confidence: Any = None
    message: str = ""


_DECODER: Final = msgspec.json.Decoder(_Message)


class UtteranceReader:
    """Reads the messages of one session.

    Attributes:
        is_ready: The vendor accepts audio.
        has_interim: The vendor reported words that may still change.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._known_ms = 0.0  # audio of the utterance before this position is in final chunks
        self._asked_ms: float | None = None
        self.is_ready = False
        self.has_interim = False

    def finalize(self, position_ms: float) -> str:
        """Return the message that requests the end of the utterance at this position."""
        self._asked_ms = position_ms
        return FINALIZE

    def read(self, message: bytes) -> TranscribedResult | None:
        """Return the result in a message; None if there is none. Raises ProviderError."""
        try:
            found = _DECODER.decode(message)
        except DECODE_ERRORS:
            raise make_unreadable(self._provider) from None
        if found.type == "error":
            raise make_error(self._provider, found.message, "error").with_answer(message)
        self.is_ready = self.is_ready or found.type == "transcript.created"
        return self._result(found) if found.type == "transcript.partial" else None

    def expire(self, position_ms: float) -> TranscribedResult | None:
        """Return a silent result, because the vendor may not answer for audio without speech.

        Returns None if words may still change: the vendor hangs then, which the failover chain detects by its deadline.
        """
        if self.has_interim:
            return None
        silence = TranscribedSegment(round(position_ms), "", position_ms, position_ms)
        return TranscribedResult(silence, is_final=True, is_flushed=True)

    def _result(self, found: _Message) -> TranscribedResult:
        end_ms = (found.start + found.duration) * 1_000
        segment = self._segment(found, end_ms)
        self.has_interim = bool(segment.text) and not found.is_final
        if found.is_final:
            self._known_ms = end_ms
        is_asked = self._asked_ms is not None and end_ms >= self._asked_ms - LITTLE_AUDIO_MS
        is_flushed = found.is_final and found.speech_final and is_asked
        if is_flushed:
            self._asked_ms = None
        figure = found.end_of_turn_confidence
        finished = _CALIBRATION.probability(figure) if figure and not is_flushed else None
        return TranscribedResult(segment, found.is_final, is_flushed, finished)

    def _segment(self, found: _Message, end_ms: float) -> TranscribedSegment:
        """Return the segment that final chunks do not contain yet."""
        start_ms = max(found.start * 1_000, self._known_ms)
        words = tuple(TimedWord(word.text, word.start * 1_000, word.end * 1_000) for word in found.words)
        new = tuple(word for word in words if (word.start_ms + word.end_ms) / 2 >= self._known_ms)
        text = found.text.strip() if len(new) == len(words) else " ".join(one.text for one in new)
        return TranscribedSegment(round(start_ms), text, start_ms, max(start_ms, end_ms), new)


def make_url(base_url: str, query: Mapping[str, QueryField]) -> str:
    """Return the WebSocket URL. Its version is ours, whatever version the base URL has.

    None values are omitted, booleans are lower case, and lists are repeated.
    """
    base = re.sub(r"^http", "ws", re.sub(r"/v\d+$", "", base_url.rstrip("/")))
    values = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in query.items()
        if value is not None
    }
    return f"{base}{PATH}?{urlencode(values, doseq=True, quote_via=quote)}"


def make_query(options: XaiSpeechToTextOptions, language: str) -> dict[str, QueryField]:
    """Return the query of a session."""
    return {
        "model": options.model,
        "encoding": "mulaw",
        "sample_rate": RATE,
        "interim_results": True,
        "language": (options.language or language).partition("-")[0].lower(),
        "keyterm": options.keyterm or None,
        "smart_turn": options.smart_turn,
    }


def make_headers(api_key: str) -> dict[str, str]:
    """Return the header with the key; no header for a server without keys."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def make_error(provider: str, sentence: str, what: str) -> ProviderError:
    """Return the error for a vendor's sentence, because xAI has no error codes. The sentence is dropped; it may quote
    the key.
    """
    code = read_sentence(sentence)
    reason = f"{what} {code}".strip()
    if code == "invalid_api_key":
        return KeyRefused(provider, reason)
    if code:
        return ProviderBusy(provider, reason, retryable=False)
    return ProviderBusy(provider, reason) if _TOO_MANY.search(sentence) else ProviderError(provider, reason)


def refine_refusal(error: ProviderError) -> ProviderError:
    """Return a handshake's error, refined by the sentence in its response.

    A wrong key is reported as 400, and an account without credit as 403 or 429.
    """
    sentence = error.answer.decode(errors="replace")
    if not read_sentence(sentence):
        return error
    return make_error(error.provider, sentence, error.reason).with_answer(error.answer)
