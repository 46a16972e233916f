"""How control checks a key for Azure's speech service.

A recognizer accepts or refuses the key and the URL in the handshake; anything else would need audio. A voice speaks one
short word, because only speech checks the voice's name. Both keys are also checked with "Get a list of voices" at the
host of the region. Source: docs/develop/vendors/azure.md.
"""

import uuid
from collections.abc import Mapping
from typing import Any, Final

from shared.providers.check import LANGUAGE, WORD, KeyDocument, SpeechQuestion, VendorCheck
from shared.providers.options import BASE_URL
from shared.providers.phonemes import NO_PHONEMES
from vendors.azure_speech.facts import (
    AZURE_REGION,
    AzureSpeechToTextOptions,
    AzureTextToSpeechOptions,
    find_base_url,
)
from vendors.azure_speech.wire import (
    SpokenTurns,
    make_config,
    make_headers,
    make_listen_settings,
    make_listen_url,
    make_speak_url,
    make_voice,
    require_locale,
)

_VOICES: Final = "/cognitiveservices/voices/list"


def _make_id() -> str:
    return uuid.uuid4().hex


def _listen(options: AzureSpeechToTextOptions) -> SpeechQuestion:
    """Return the connection that checks a recognizer's key."""
    url = make_listen_url(options, make_listen_settings("azure-speech", options, LANGUAGE))
    return SpeechQuestion(url, make_headers(options.api_key, _make_id()), asks_by_handshake=True)


def _speak(options: AzureTextToSpeechOptions) -> SpeechQuestion:
    """Return the session in which a voice speaks one word.

    The service reports an unknown voice after its first messages, so only audio proves that the voice exists.
    """
    locale = require_locale("azure-speech", LANGUAGE)
    turns = SpokenTurns("azure-speech", make_voice(options, NO_PHONEMES), locale, _make_id)
    return SpeechQuestion(
        make_speak_url(options),
        make_headers(options.api_key, _make_id()),
        tuple(message.decode() for message in (make_config(), *turns.add_text(WORD))),
        needs_answer=True,
        waits_for_audio=True,
    )


def _find_document(options: Mapping[str, Any], key: str) -> KeyDocument:
    base = find_base_url(str(options.get(BASE_URL) or ""), str(options.get("region") or AZURE_REGION), "tts")
    return KeyDocument(base + _VOICES, make_headers(key, _make_id()))


CHECK: Final = VendorCheck(questions={"stt": _listen, "tts": _speak}, document=_find_document)
