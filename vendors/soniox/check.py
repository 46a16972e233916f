"""How control checks a Soniox key.

A recognizer gets 0.2 s of silence, and a voice speaks one short word. Both keys are also checked with "Get models".
Source: docs/develop/vendors/soniox.md.
"""

from collections.abc import Mapping
from typing import Any, Final

from shared.g711 import BYTES_PER_MS
from shared.providers.check import LANGUAGE, WORD, KeyDocument, SpeechQuestion, VendorCheck
from shared.providers.options import BASE_URL
from vendors.soniox.facts import SonioxSpeechToTextOptions, SonioxTextToSpeechOptions
from vendors.soniox.wire import (
    END_OF_AUDIO,
    LISTEN_PATH,
    SPEAK_PATH,
    SonioxStreams,
    make_headers,
    make_settings,
    make_start,
    make_stream_settings,
    make_url,
)

_MODELS_URL: Final = "https://api.soniox.com"
_MODELS: Final = "/v1/models"
# 0.2 s of mu-law silence.
_SILENCE: Final = b"\xff" * (200 * BYTES_PER_MS)


def _listen(options: SonioxSpeechToTextOptions) -> SpeechQuestion:
    """Return the session that checks a key. It sends silence, because the vendor does not answer before audio
    arrives.
    """
    start = make_start(make_settings("soniox", options, LANGUAGE)).decode()
    url = make_url(options.base_url, LISTEN_PATH)
    return SpeechQuestion(url, make_headers(options.api_key), (start, _SILENCE, END_OF_AUDIO), needs_answer=True)


def _speak(options: SonioxTextToSpeechOptions) -> SpeechQuestion:
    streams = SonioxStreams("soniox", make_stream_settings("soniox", options, LANGUAGE), lambda: "check")
    messages = tuple(message.decode() for message in (*streams.add_text(WORD), streams.finish()))
    url = make_url(options.base_url, SPEAK_PATH)
    return SpeechQuestion(url, make_headers(options.api_key), messages, needs_answer=True)


def _find_document(options: Mapping[str, Any], key: str) -> KeyDocument:
    return KeyDocument(str(options.get(BASE_URL) or _MODELS_URL).rstrip("/") + _MODELS, make_headers(key))


def _find_status(message: Mapping[str, Any]) -> int | None:
    if "error_message" not in message:
        return None
    code = message.get("error_code")
    return code if isinstance(code, int) else 0


CHECK: Final = VendorCheck(questions={"stt": _listen, "tts": _speak}, document=_find_document, find_status=_find_status)
