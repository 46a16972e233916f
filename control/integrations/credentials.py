"""Credentials of a connection as a sealed value: the tokens of a grant, an API key, or a webhook's signing secret."""

from datetime import datetime
from typing import Final

import msgspec

from control.integrations.model import CLIENT_SECRET_PURPOSE, CREDENTIALS_PURPOSE, PENDING_PURPOSE
from shared.errors import Invalid
from shared.secrets import Sealer, UnsealError

MAX_KEY_CHARACTERS: Final = 4_096


class VendorCredentials(msgspec.Struct, frozen=True):
    """access_token: what requests carry: of OAuth the access token, else the API key or the signing secret.
    refresh_token: empty where the vendor gave none."""

    access_token: str
    refresh_token: str = ""

    def __repr__(self) -> str:
        return "VendorCredentials(…)"


class ObtainedGrant(msgspec.Struct, frozen=True):
    """What a vendor granted. fields: of the token response, which become settings. account: whose grant it is."""

    credentials: VendorCredentials
    expires_at: datetime | None
    scopes: list[str]
    fields: dict[str, str] = {}
    account: str | None = None


def seal_credentials(sealer: Sealer, credentials: VendorCredentials) -> bytes:
    """Sealed for storage."""
    return sealer.seal(msgspec.json.encode(credentials), CREDENTIALS_PURPOSE)


def open_credentials(sealer: Sealer, sealed: bytes | None) -> VendorCredentials | None:
    """None if there are none, or they cannot be unsealed."""
    if sealed is None:
        return None
    try:
        return msgspec.json.decode(sealer.open(sealed, CREDENTIALS_PURPOSE), type=VendorCredentials)
    except (UnsealError, msgspec.DecodeError):
        return None


def seal_pending(sealer: Sealer, grant: ObtainedGrant) -> bytes:
    """A grant that waits for its confirmation, sealed."""
    return sealer.seal(msgspec.json.encode(grant), PENDING_PURPOSE)


def open_pending(sealer: Sealer, sealed: bytes) -> ObtainedGrant | None:
    """None if it cannot be unsealed."""
    try:
        return msgspec.json.decode(sealer.open(sealed, PENDING_PURPOSE), type=ObtainedGrant)
    except (UnsealError, msgspec.DecodeError):
        return None


def require_key(key: str, param: str) -> str:
    """The key. Raises Invalid (code key_invalid) for one that no HTTP header can carry."""
    if not key or len(key) > MAX_KEY_CHARACTERS or not (key.isascii() and key.isprintable()) or " " in key:
        raise Invalid("A key is one word of printable ASCII characters.", code="key_invalid", param=param)
    return key


def seal_client_secret(sealer: Sealer, secret: str) -> bytes:
    """Sealed for storage."""
    return sealer.seal(secret.encode(), CLIENT_SECRET_PURPOSE)


def open_client_secret(sealer: Sealer, sealed: bytes | None) -> str:
    """Empty if there is none, or it cannot be unsealed."""
    try:
        return sealer.open(sealed, CLIENT_SECRET_PURPOSE).decode() if sealed else ""
    except (UnsealError, UnicodeDecodeError):
        return ""
