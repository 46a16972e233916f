"""A Google Cloud service account that signs its own tokens.

Google's APIs accept a JSON web token that the account signed with its own key in place of a token from their token
server (developers.google.com/identity/protocols/oauth2/service-account, "Service account authorization without OAuth").
The official SDK does the same. So this module never sends a request to a URL from a key file (`token_uri`).
"""

import base64
import binascii
import time
from typing import Annotated, Any, Final

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Meta, Struct

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
# Google refuses tokens with a longer validity.
VALID_S: Final = 3_600
# A token is replaced this long before it expires. Google checks a stream's token only at its start.
REPLACED_S: Final = 600
_LEAST_BITS, _MOST_BITS = 2_048, 4_096
_Word = Annotated[str, Meta(min_length=1, max_length=300, pattern=r"^[\x21-\x7e]+\Z")]


class AccountInvalid(ValueError):
    """The text is not a valid service account key. The message names the field and quotes no content."""


class _KeyFile(Struct, frozen=True):
    """The used fields of the JSON file that Google Cloud issues."""

    type: str
    project_id: _Word
    client_email: _Word
    private_key_id: _Word
    private_key: str


class ServiceAccount:
    """An account that signs its own tokens.

    Attributes:
        project: Id of the account's project.
    """

    def __init__(self, file: _KeyFile, key: RSAPrivateKey) -> None:
        self.project = file.project_id
        self._email = file.client_email
        self._key_id = file.private_key_id
        self._key = key
        self._token = ""
        self._expires_at = 0.0

    def token(self) -> str:
        """Return a token that is valid for at least ten minutes. Raises AccountInvalid if the key cannot sign.

        Signing takes about 1 ms once per 50 minutes.
        """
        now = time.time()
        if now > self._expires_at - REPLACED_S or now < self._expires_at - VALID_S:
            self._token = self._sign(int(now))
            self._expires_at = now + VALID_S
        return self._token

    def _sign(self, now: int) -> str:
        claims: dict[str, Any] = {"iss": self._email, "sub": self._email, "scope": SCOPE}
        claims |= {"iat": now, "exp": now + VALID_S}
        try:
            return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})
        except ValueError:
            raise AccountInvalid("api_key: private_key cannot sign") from None


def read_account(text: str, *, checks_key: bool = True) -> ServiceAccount:
    """Read the account in a key file. Raises AccountInvalid.

    Args:
        text: The JSON of the key file, or its base64 on one line.
        checks_key: Whether to validate the private key's numbers, which takes 60 ms. Media skips this, because control
            validates the key when it is saved.
    """
    file = _read_file(text.strip())
    if file.type != "service_account":
        raise AccountInvalid("api_key: the key file's type is not service_account")
    try:
        key = load_pem_private_key(file.private_key.encode(), None, unsafe_skip_rsa_key_validation=not checks_key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise AccountInvalid("api_key: private_key cannot be read") from None
    if not isinstance(key, RSAPrivateKey) or not _LEAST_BITS <= key.key_size <= _MOST_BITS:
        raise AccountInvalid(f"api_key: private_key is not an RSA key of {_LEAST_BITS} to {_MOST_BITS} bits")
    return ServiceAccount(file, key)


def _read_file(text: str) -> _KeyFile:
    try:
        data = text.encode() if text.startswith("{") else base64.b64decode(text, validate=True)
        return msgspec.json.decode(data, type=_KeyFile)
    except (binascii.Error, ValueError):
        reason = "the JSON key file of a service account is needed, or that file in base64 on one line"
        raise AccountInvalid(f"api_key: {reason}") from None
