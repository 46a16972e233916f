"""Known devices: clients that signed in to an account before, and prove it by a token.

After the "device cookies" of OWASP: failures of a known device are counted apart, so that nobody who guesses from
elsewhere makes it wait. The token is no credential: who steals one gains the five guesses of one more device.
"""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from hashlib import sha256
from typing import Final

from control.accounts.access_tokens import Audience
from shared.secrets import Sealer

LIFETIME_S: Final = 365 * 86_400
# A token older than this is replaced at a sign-in.
RENEW_S: Final = 30 * 86_400
# Characters of a token.
LENGTH: Final = 75
_PURPOSE: Final = "known devices"
_ID_BYTES, _TIME_BYTES, _MAC_BYTES = 16, 8, 32


class DeviceTokens:
    """Issues and reads tokens. Those of a rotated secret key are good for as long as the key is listed."""

    def __init__(self, sealer: Sealer) -> None:
        self._keys = sealer.derive(_PURPOSE)

    def issue(self, audience: Audience, email: str, now: datetime) -> str:
        """A token for a new device of this account."""
        body = secrets.token_bytes(_ID_BYTES) + int(now.timestamp()).to_bytes(_TIME_BYTES)
        return urlsafe_b64encode(body + _sign(self._keys[0], audience, email, body)).decode().rstrip("=")

    def read(self, audience: Audience, email: str, token: str, now: datetime) -> bytes | None:
        """The device's id; None for what is no token of this account, or is too old."""
        decoded = _decode(token)
        body, mac = decoded[:-_MAC_BYTES], decoded[-_MAC_BYTES:]
        if len(body) != _ID_BYTES + _TIME_BYTES or _age_s(body, now) > LIFETIME_S:
            return None
        if any(hmac.compare_digest(_sign(key, audience, email, body), mac) for key in self._keys):
            return body[:_ID_BYTES]
        return None

    def renewed(self, audience: Audience, email: str, token: str, now: datetime) -> str:
        """The token that a client is to keep after a sign-in: the presented one while it is good and young."""
        if self.read(audience, email, token, now) is None or _age_s(_decode(token)[:-_MAC_BYTES], now) > RENEW_S:
            return self.issue(audience, email, now)
        return token


def _age_s(body: bytes, now: datetime) -> float:
    return now.timestamp() - int.from_bytes(body[_ID_BYTES:])


def _decode(token: str) -> bytes:
    """Empty for what is not base64url."""
    try:
        return urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return b""


def _sign(key: bytes, audience: Audience, email: str, body: bytes) -> bytes:
    return hmac.digest(key, body + f"{audience}\0{email}".encode(), sha256)
