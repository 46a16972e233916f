"""How control checks a service account's key file: with "voices.list" and a token that the account signs.

Sessions are not used, because they require gRPC. Source: docs/develop/vendors/google-speech.md.
"""

from collections.abc import Mapping
from typing import Any, Final

from shared.providers.check import KeyDocument, VendorCheck
from shared.providers.options import BASE_URL
from vendors.google_speech.account import read_account

_URL: Final = "https://texttospeech.googleapis.com"
_VOICES: Final = "/v1/voices?languageCode=en-US"


def _find_document(options: Mapping[str, Any], key: str) -> KeyDocument:
    """Return the request that checks the key. Signing its token takes about 60 ms."""
    headers = {"Authorization": f"Bearer {read_account(key).token()}"}
    return KeyDocument(str(options.get(BASE_URL) or _URL).rstrip("/") + _VOICES, headers)


CHECK: Final = VendorCheck(document=_find_document)
