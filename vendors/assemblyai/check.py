"""How control tries a key of AssemblyAI's: by a session, which is greeted, and by a temporary token, which ends by
itself. Source: docs/develop/vendors/assemblyai.md."""

from collections.abc import Mapping
from typing import Any, Final

from shared.providers.check import LANGUAGE, KeyDocument, SpeechQuestion, VendorCheck
from shared.providers.options import BASE_URL
from vendors.assemblyai.facts import ASSEMBLYAI_URL, AssemblyAiSpeechToTextOptions
from vendors.assemblyai.wire import TERMINATE, make_headers, make_query, make_url

_TOKEN: Final = "/v3/token?expires_in_seconds=60"
# One code of the close frames is for every trouble with an account.
_ACCOUNT_REFUSED: Final = 1008
_ACCOUNT_STATUSES: Final[Mapping[str, int]] = {"balance": 402, "fund": 402, "too many": 429}
_STATUS_OF_CODE: Final[Mapping[int, int]] = {3009: 429, 4001: 401, 4002: 402, 4003: 402}


def _listen(options: AssemblyAiSpeechToTextOptions) -> SpeechQuestion:
    """The vendor greets, or tells in place of it what it does not accept."""
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
