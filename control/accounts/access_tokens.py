"""Access tokens: short-lived JWTs that name a session, nothing personal. Whether it still lives, the database says."""

import hmac
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal
from uuid import UUID

import jwt

from shared.errors import Unauthorised

Audience = Literal["user", "admin"]

# What the keys are derived for (`Sealer.derive`).
KEY_PURPOSE: Final = "access tokens"
ALGORITHM: Final = "HS256"
REMEMBERED: Final = 8_192
# Expiry is judged by the request's own moment, not by the wall clock.
_OPTIONS: Final[Any] = {"require": ["exp", "iat", "aud", "sid"], "verify_exp": False, "verify_iat": False}


class AccessTokens:
    """Signs with the first key, reads with all. lifetime_s: from issue to expiry."""

    def __init__(self, keys: Sequence[bytes], lifetime_s: int) -> None:
        self.lifetime_s = lifetime_s
        self._keys = {_mark(key): key for key in keys}
        self._first = next(iter(self._keys))
        # A client sends the same token with every request, and its signature stays as good as it was. Only good ones
        # are remembered; whether the time is over, and the session, is looked at each time.
        self._checked = lru_cache(REMEMBERED)(self._check)

    def issue(self, audience: Audience, session_id: UUID, now: datetime) -> str:
        """A token for one session."""
        issued = int(now.timestamp())
        claims = {"aud": audience, "sid": str(session_id), "iat": issued, "exp": issued + self.lifetime_s}
        return jwt.encode(claims, self._keys[self._first], algorithm=ALGORITHM, headers={"kid": self._first})

    def read(self, token: str, audience: str, now: datetime) -> UUID:
        """The session. Raises Unauthorised, code token_invalid or token_expired."""
        session_id, expires = self._checked(token, audience)
        if expires <= now.timestamp():
            raise Unauthorised("This token has expired.", code="token_expired")
        return session_id

    def _check(self, token: str, audience: str) -> tuple[UUID, int]:
        """The session, and when the token expires."""
        try:
            key = self._keys[str(jwt.get_unverified_header(token).get("kid", ""))]
            claims = jwt.decode(token, key, algorithms=[ALGORITHM], audience=audience, options=_OPTIONS)
            return UUID(claims["sid"]), int(claims["exp"])
        except (jwt.InvalidTokenError, KeyError, ValueError, TypeError, AttributeError):
            raise Unauthorised("This token is not valid.", code="token_invalid") from None


def _mark(key: bytes) -> str:
    """The key's public name in a token's header."""
    return hmac.digest(key, b"kid", "sha256")[:6].hex()
