"""How control checks a Deepgram key: by starting a session, and with "Get Projects" of the management API.

Source: developers.deepgram.com, reference of /v1/listen, /v2/listen and /v1/speak.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from shared.providers.check import LANGUAGE, KeyDocument, SpeechQuestion, VendorCheck
from shared.providers.options import BASE_URL
from vendors.deepgram.facts import DEEPGRAM_URL, DeepgramSpeechToTextOptions, DeepgramTextToSpeechOptions
from vendors.deepgram.wire import CLOSE, CLOSE_STREAM, make_headers, make_listen_url, make_speak_url

_VERSION_PATH: Final = re.compile(r"/v\d+$")
_PROJECTS: Final = "/v1/projects"


def _listen(options: DeepgramSpeechToTextOptions) -> SpeechQuestion:
    url = make_listen_url("deepgram", options, LANGUAGE)
    return SpeechQuestion(url, make_headers(options.api_key), (CLOSE_STREAM,))


def _speak(options: DeepgramTextToSpeechOptions) -> SpeechQuestion:
    return SpeechQuestion(make_speak_url(options), make_headers(options.api_key), (CLOSE,))


def _find_document(options: Mapping[str, Any], key: str) -> KeyDocument:
    base = _VERSION_PATH.sub("", str(options.get(BASE_URL) or DEEPGRAM_URL).rstrip("/"))
    return KeyDocument(base + _PROJECTS, make_headers(key))


CHECK: Final = VendorCheck(questions={"stt": _listen, "tts": _speak}, document=_find_document)
