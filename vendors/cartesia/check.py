"""How control checks a Cartesia key.

A recognizer opens a session without audio. A voice speaks one short word, because only speech checks the model and the
voice. Both keys are also checked with "Get Voice" and "List Voices". Source: docs/develop/vendors/cartesia.md.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from shared.providers.check import LANGUAGE, WORD, KeyDocument, SpeechQuestion, VendorCheck
from shared.providers.options import BASE_URL
from vendors.cartesia.facts import CARTESIA_URL, CartesiaSpeechToTextOptions, CartesiaTextToSpeechOptions
from vendors.cartesia.wire import (
    PATH,
    FinalizedTranscript,
    SpokenContexts,
    base_language,
    make_headers,
    make_listen_url,
    make_url,
    make_voice,
)

# API version of the voices endpoints. Only their status is used, not their response bodies.
_DOCUMENTS_VERSION: Final = "2026-03-01"


def _listen(options: CartesiaSpeechToTextOptions) -> SpeechQuestion:
    messages = () if options.turns else (FinalizedTranscript.close_message,)
    url = make_listen_url("cartesia", options, LANGUAGE)
    return SpeechQuestion(url, make_headers(options.api_key), messages, needs_answer=True)


def _speak(options: CartesiaTextToSpeechOptions) -> SpeechQuestion:
    contexts = SpokenContexts("cartesia", make_voice(options).fields(base_language(LANGUAGE)), lambda: "check")
    messages = (contexts.add_text(WORD).decode(), contexts.finish().decode())
    url = make_url(options.base_url, PATH, {})
    return SpeechQuestion(url, make_headers(options.api_key), messages, needs_answer=True)


def _find_document(options: Mapping[str, Any], key: str) -> KeyDocument:
    voice = options.get("voice_id")
    path = "/voices?limit=1" if voice is None else f"/voices/{quote(str(voice), safe='')}"
    headers = {**make_headers(key), "Cartesia-Version": _DOCUMENTS_VERSION}
    return KeyDocument(str(options.get(BASE_URL) or CARTESIA_URL).rstrip("/") + path, headers)


CHECK: Final = VendorCheck(questions={"stt": _listen, "tts": _speak}, document=_find_document)
