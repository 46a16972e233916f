"""Recovery codes: one-time codes that a person signs in with in place of the authenticator app's.

A code has 60 random bits. The database holds HMACs under a key derived from the secret keys, so that a copy of the
database alone neither contains a code nor lets one be guessed; one indexed query checks a code.
"""

import hmac
import secrets
from base64 import b32encode
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from control.accounts import store_recovery_codes
from control.accounts.access_tokens import Audience
from control.db.pool import Connection
from shared.secrets import Sealer

COUNT: Final = 10
# With or without hyphens, in either case. Base32 has no 0, 1, 8 and 9, so that O and I cannot be mistaken for digits.
PATTERN: Final = r"^[A-Za-z2-7]{4}(-?[A-Za-z2-7]{4}){2}$"
_GROUP, _LENGTH = 4, 12


class RecoveryCodes:
    """Makes and uses codes of one audience. Codes of a rotated secret key are accepted for as long as the key is
    listed."""

    def __init__(self, audience: Audience, sealer: Sealer) -> None:
        self._audience: Audience = audience
        self._keys = sealer.derive(f"{audience} recovery codes")

    async def replace(self, db: Connection, owner_id: UUID, now: datetime) -> Sequence[str]:
        """Returns ten new codes, which are shown once; the account's older ones become invalid."""
        codes = [_new_code() for _ in range(COUNT)]
        hashes = [_hash(self._keys[0], owner_id, code) for code in codes]
        await store_recovery_codes.replace(db, self._audience, owner_id, hashes, now)
        return codes

    async def use(self, db: Connection, owner_id: UUID, code: str, now: datetime) -> bool:
        """Marks a code as used; False for one that is unknown or was used before."""
        hashes = [_hash(key, owner_id, code) for key in self._keys]
        return await store_recovery_codes.use(db, self._audience, owner_id, hashes, now)

    async def count_left(self, db: Connection, owner_id: UUID) -> int:
        """How many of the account's codes are unused."""
        return await store_recovery_codes.count_unused(db, self._audience, owner_id)


def is_recovery_code(code: str) -> bool:
    """Tells it from an authenticator app's code, which has six digits."""
    return len(code) >= _LENGTH


def _new_code() -> str:
    text = b32encode(secrets.token_bytes(8)).decode().lower()[:_LENGTH]
    return "-".join(text[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def _hash(key: bytes, owner_id: UUID, code: str) -> bytes:
    return hmac.digest(key, owner_id.bytes + code.replace("-", "").lower().encode(), "sha256")
