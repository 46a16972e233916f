"""Access tokens: short-lived JWTs that name a session and hold no personal data.

Whether the session is still valid is read from the database at each request."""

import hmac
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal
from uuid import UUID

import jwt

from shared.errors import Unauthorized

Audience = Literal["user", "admin"]

# Purpose of the derived keys (`Sealer.derive`).
KEY_PURPOSE: Final = "access tokens"
ALGORITHM: Final = "HS256"
CACHED_TOKENS: Final = 8_192
# AccessTokens.read checks the expiry against the time of the request.
_OPTIONS: Final[Any] = {"require": ["exp", "iat", "aud", "sid"], "verify_exp": False, "verify_iat": False}


class AccessTokens:
    """Issues and verifies access tokens. Signs with the first key and accepts signatures of all keys.

    Args:
        lifetime_s: Seconds from issue to expiry.
    """

    def __init__(self, keys: Sequence[bytes], lifetime_s: int) -> None:
        self.lifetime_s = lifetime_s
        self._keys = {_key_id(key): key for key in keys}
        self._signing_key_id = next(iter(self._keys))
        # A client sends the same token with each request, so verified signatures are cached (failures are not). Expiry
        # and session are checked for each request.
        self._verified = lru_cache(CACHED_TOKENS)(self._verify)

    def issue(self, audience: Audience, session_id: UUID, now: datetime) -> str:
        """Return a token for the session."""
        issued = int(now.timestamp())
        claims = {"aud": audience, "sid": str(session_id), "iat": issued, "exp": issued + self.lifetime_s}
        return jwt.encode(
            claims, self._keys[self._signing_key_id], algorithm=ALGORITHM, headers={"kid": self._signing_key_id}
        )

    def read(self, token: str, audience: str, now: datetime) -> UUID:
        """Return the id of the session. Raises Unauthorized (token_invalid, token_expired)."""
        session_id, expires = self._verified(token, audience)
        if expires <= now.timestamp():
            raise Unauthorized("This token has expired.", code="token_expired")
        return session_id

    def _verify(self, token: str, audience: str) -> tuple[UUID, int]:
        """Return the session and the expiry as a Unix time."""
        try:
            key = self._keys[str(jwt.get_unverified_header(token).get("kid", ""))]
            claims = jwt.decode(token, key, algorithms=[ALGORITHM], audience=audience, options=_OPTIONS)
            return UUID(claims["sid"]), int(claims["exp"])
        except (jwt.InvalidTokenError, KeyError, ValueError, TypeError, AttributeError):
            raise Unauthorized("This token is not valid.", code="token_invalid") from None


def _key_id(key: bytes) -> str:
    """Return the key id (`kid`) in a token's header."""
    return hmac.digest(key, b"kid", "sha256")[:6].hex()
