"""How control checks an ElevenLabs key.

A recognizer opens a session without audio. A voice speaks one short word, because only speech checks the model and the
voice. Both keys are also checked with "Get voice" and "List models". A key restricted to speech needs read permission
for these two. Source: docs/develop/vendors/elevenlabs.md.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from shared.providers.check import LANGUAGE, WORD, KeyDocument, SpeechQuestion, VendorCheck
from shared.providers.options import BASE_URL
from vendors.elevenlabs.facts import (
    ELEVENLABS_URL,
    ElevenLabsSpeechToTextOptions,
    ElevenLabsTextToSpeechOptions,
)
from vendors.elevenlabs.wire import (
    LISTEN_PATH,
    FlushedContexts,
    make_headers,
    make_listen_query,
    make_speak_url,
    make_tone,
    make_url,
)

# Values of `error` on a voice's socket and of `message_type` on Scribe's.
_STATUSES: Final[Mapping[str, int]] = {
    "auth_error": 401,
    "invalid_api_key": 401,
    "missing_api_key": 401,
    "missing_permissions": 401,
    "needs_authorization": 401,
    "unaccepted_terms": 403,
    "quota_exceeded": 402,
    "rate_limited": 429,
    "queue_overflow": 429,
    "resource_exhausted": 429,
    "system_busy": 429,
    "too_many_concurrent_requests": 429,
    "invalid_request": 400,
    "input_error": 400,
    "model_not_found": 404,
    "voice_not_found": 404,
    "voice_id_does_not_exist": 404,
}


def _listen(options: ElevenLabsSpeechToTextOptions) -> SpeechQuestion:
    url = make_url(options.base_url, LISTEN_PATH, make_listen_query(options, LANGUAGE))
    return SpeechQuestion(url, make_headers(options.api_key), needs_answer=True)


def _speak(options: ElevenLabsTextToSpeechOptions) -> SpeechQuestion:
    messages = FlushedContexts("elevenlabs", make_tone(options), lambda: "check").add_text(WORD)
    texts = tuple(message.decode() for message in messages)
    return SpeechQuestion(make_speak_url(options, ""), make_headers(options.api_key), texts, needs_answer=True)


def _find_document(options: Mapping[str, Any], key: str) -> KeyDocument:
    voice = options.get("voice_id")
    path = "/v1/models" if voice is None else f"/v1/voices/{quote(str(voice), safe='')}"
    return KeyDocument(str(options.get(BASE_URL) or ELEVENLABS_URL).rstrip("/") + path, make_headers(key))


def _find_status(message: Mapping[str, Any]) -> int | None:
    error = message.get("error")
    if not isinstance(error, str):
        return None
    return _STATUSES.get(str(message.get("message_type", error)), 0)


CHECK: Final = VendorCheck(questions={"stt": _listen, "tts": _speak}, document=_find_document, find_status=_find_status)
