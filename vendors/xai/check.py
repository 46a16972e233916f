"""How control checks a key of xAI's recognizer: with a session, which starts with a greeting, and with the key's
metadata.

Source: docs/develop/vendors/xai.md.
"""

from collections.abc import Mapping
from typing import Any, Final

from shared.providers.check import LANGUAGE, KeyDocument, SpeechQuestion, VendorCheck
from shared.providers.options import BASE_URL
from vendors.xai.facts import XAI_URL, XaiSpeechToTextOptions
from vendors.xai.wire import DONE, make_headers, make_query, make_url

_KEY_PATH: Final = "/v1/api-key"


def _listen(options: XaiSpeechToTextOptions) -> SpeechQuestion:
    """Return the session that checks a key. The vendor sends a greeting when it accepts audio."""
    url = make_url(options.base_url, make_query(options, LANGUAGE))
    return SpeechQuestion(url, make_headers(options.api_key), (DONE,), needs_answer=True)


def _find_document(options: Mapping[str, Any], key: str) -> KeyDocument:
    return KeyDocument(str(options.get(BASE_URL) or XAI_URL).rstrip("/") + _KEY_PATH, make_headers(key))


CHECK: Final = VendorCheck(questions={"stt": _listen}, document=_find_document)
