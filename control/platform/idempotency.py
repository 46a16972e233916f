"""Idempotency-Key: a repeated request gets the first request's response, even if the client never received that one.

The response is stored in the request's own transaction, so that it is committed together with the request's effect. A
lock of that transaction holds the key, so that a second request at the same time is refused and does not wait.
"""

from hashlib import sha256

from control.db.pool import Connection
from control.platform.store_idempotency import StoredResponse, find_response, insert_response, lock_key
from shared.errors import Conflict, Invalid

MAX_KEY_LENGTH = 255


def request_hash(path: str, raw: bytes) -> bytes:
    """The hash of what must be the same in every request under one key."""
    return sha256(path.encode() + b"\0" + raw).digest()


class IdempotentRequest:
    """One request under a key. scope: the caller and the route, which the key belongs to. hashed: of the request.
    Raises Invalid for a malformed key."""

    def __init__(self, db: Connection, scope: str, key: str, hashed: bytes) -> None:
        if not (0 < len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
            raise Invalid(f"An Idempotency-Key is 1 to {MAX_KEY_LENGTH} characters of ASCII.", param="Idempotency-Key")
        self._db, self._scope, self._key, self._hash = db, scope, key, hashed

    async def find_response(self) -> StoredResponse | None:
        """The stored response, if this is a repeat. Raises Conflict while the first request is in flight, and Invalid
        when the first request was a different one."""
        if not await lock_key(self._db, self._scope, self._key):
            raise Conflict("A request with this Idempotency-Key is being worked on.", code="idempotency_in_flight")
        stored = await find_response(self._db, self._scope, self._key)
        if stored is not None and stored.request_hash != self._hash:
            raise Invalid(
                "This Idempotency-Key was used for another request.",
                code="idempotency_mismatch",
                param="Idempotency-Key",
            )
        return stored

    async def store_response(self, status: int, body: bytes) -> None:
        """Stores the response for repeats."""
        await insert_response(self._db, self._scope, self._key, StoredResponse(self._hash, status, body))
