"""How control checks an AssemblyAI key.

A session checks the key, because the vendor greets a valid session. A temporary token, which expires after 60 s, checks
the key over HTTP. Source: docs/develop/vendors/assemblyai.md.
"""

from collections.abc import Mapping
from typing import Any, Final

from shared.providers.check import LANGUAGE, KeyDocument, SpeechQuestion, VendorCheck
from shared.providers.options import BASE_URL
from vendors.assemblyai.facts import ASSEMBLYAI_URL, AssemblyAiSpeechToTextOptions
from vendors.assemblyai.wire import TERMINATE, make_headers, make_query, make_url

_TOKEN: Final = "/v3/token?expires_in_seconds=60"
# The vendor closes with this code for every account problem.
_ACCOUNT_REFUSED: Final = 1008
_ACCOUNT_STATUSES: Final[Mapping[str, int]] = {"balance": 402, "fund": 402, "too many": 429}
_STATUS_OF_CODE: Final[Mapping[int, int]] = {3009: 429, 4001: 401, 4002: 402, 4003: 402}


def _listen(options: AssemblyAiSpeechToTextOptions) -> SpeechQuestion:
    """Return the session that checks a key. The vendor answers with a greeting or an error."""
    url = make_url(options.base_url, make_query("assemblyai", options, LANGUAGE))
    return SpeechQuestion(url, make_headers(options.api_key), (TERMINATE,), needs_answer=True)


def _find_document(options: Mapping[str, Any], key: str) -> KeyDocument:
    return KeyDocument(str(options.get(BASE_URL) or ASSEMBLYAI_URL).rstrip("/") + _TOKEN, {"Authorization": key})


def _find_status(message: Mapping[str, Any]) -> int | None:
    if str(message.get("type", "")).lower() != "error":
        return None
    code = message.get("error_code")
    if code == _ACCOUNT_REFUSED:
        text = str(message.get("error", "")).lower()
        return next((status for word, status in _ACCOUNT_STATUSES.items() if word in text), 401)
    return _STATUS_OF_CODE.get(code, 0) if isinstance(code, int) else 0


CHECK: Final = VendorCheck(questions={"stt": _listen}, document=_find_document, find_status=_find_status)
