"""What Soniox's real-time recogniser is sent and says: addresses, messages and errors; pure.

Source: soniox.com/docs (WebSocket API, manual finalization, endpoint detection), soniox 2.10.0 (`realtime/stt.py`); put
together in docs/vendors/soniox.md.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.g711 import RATE
from shared.providers.errors import (
    DECODE_ERRORS,
    KeyRefused,
    ProviderBusy,
    ProviderError,
    ProviderSlow,
    cause_of_status,
    is_error_code,
    make_unreadable,
)

LISTEN_PATH: Final = "/transcribe-websocket"
KEEP_ALIVE: Final = '{"type":"keepalive"}'
# Ends the stream: the vendor makes all tokens final, says so and closes.
END_OF_AUDIO: Final = ""
FINALISED: Final = "<fin>"
ENDPOINT: Final = "<end>"

_TIMED_OUT: Final = 408
_TOO_LONG: Final = 413


class SonioxToken(Struct, frozen=True):
    """A piece of text: a word, a part of one, or a mark; blanks are in it. start_ms, end_ms: in the audio that was
    sent; none of the marks `<fin>` and `<end>`. language: its code, which no message is refused because of."""

    text: str
    start_ms: float | None = None
    end_ms: float | None = None
    is_final: bool = False
    language: Any = None


class SonioxMessage(Struct, frozen=True):
    """A message of the server. tokens: final ones, each told once, before those that may change. final_audio_proc_ms:
    audio of which all tokens are final. total_audio_proc_ms: audio that was worked on. finished: the stream is over."""

    tokens: tuple[SonioxToken, ...] = ()
    final_audio_proc_ms: float | None = None
    total_audio_proc_ms: float | None = None
    finished: bool = False
    error_code: int | None = None
    error_type: Any = None


_DECODER: Final = msgspec.json.Decoder(SonioxMessage)


def make_url(base_url: str, path: str) -> str:
    """The WebSocket address; a base that ends in the path already is taken as it is."""
    base = re.sub(r"^http", "ws", base_url.rstrip("/"))
    return base if base.endswith(path) else base + path


def make_headers(api_key: str) -> dict[str, str]:
    """The header that holds the key, which the vendor refuses in the first message from January 2027 on."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def make_start(settings: Mapping[str, Any]) -> bytes:
    """The first message. settings: those of None are left out."""
    known = {name: value for name, value in settings.items() if value is not None}
    return msgspec.json.encode({**known, "audio_format": "mulaw", "sample_rate": RATE, "num_channels": 1})


def make_finalize(trailing_silence_ms: int | None = None) -> str:
    """The message that makes all tokens of the audio so far final. trailing_silence_ms: of it is silence."""
    if trailing_silence_ms is None:
        return '{"type":"finalize"}'
    return f'{{"type":"finalize","trailing_silence_ms":{trailing_silence_ms}}}'


def read_message(provider: str, message: bytes) -> SonioxMessage:
    """A message of the server. Raises ProviderError for the vendor's error and for what cannot be read."""
    try:
        found = _DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None
    if found.error_code is not None:
        raise make_error(provider, found.error_code, found.error_type).with_answer(message)
    return found


def make_error(provider: str, code: int, kind: object = None) -> ProviderError:
    """The error for a code of the vendor's, which is an HTTP status. kind: its `error_type`. The vendor's sentence is
    dropped, because it quotes the key."""
    reason = f"error {code} {kind}" if is_error_code(kind) else f"error {code}"
    if code in (401, 403):
        return KeyRefused(provider, reason)
    if code in (402, 429):
        return ProviderBusy(provider, reason, retryable=code != 402)
    if code == _TIMED_OUT:
        return ProviderSlow(provider, reason)
    if code == _TOO_LONG:  # the stream has had its 300 minutes
        return ProviderError(provider, reason, cause="cut")
    return ProviderError(provider, reason, retryable=code >= 500, cause=cause_of_status(code))
