"""Idempotency-Key: a repeat gets the first request's answer, whatever happened to the connection.

The answer is written in the request's own transaction, so that effect and memory of it stand or fall together; the
key is held by a lock of that transaction, so that a second request at the same time is told, not made to wait.
"""

from dataclasses import dataclass
from hashlib import sha256

from control.db.pool import Connection
from shared.errors import Conflict, Invalid

LONGEST = 255


@dataclass(frozen=True, slots=True)
class Stored:
    """The answer of the first request."""

    status: int
    body: bytes


def request_hash(path: str, raw: bytes) -> bytes:
    """What must be the same in every request under one key."""
    return sha256(path.encode() + b"\0" + raw).digest()


class Replay:
    """One request's dealings with its key. scope: whose key it is, and of which route."""

    def __init__(self, db: Connection, scope: str, key: str) -> None:
        if not (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
            raise Invalid(f"An Idempotency-Key is 1 to {LONGEST} characters of ASCII.", param="Idempotency-Key")
        self._db = db
        self._scope = scope
        self._key = key
        self._hash = b""

    async def find(self, request: bytes) -> Stored | None:
        """The stored answer, if this is a repeat. Raises Conflict while the first is in flight, Invalid when the first
        asked for something else."""
        self._hash = request
        locked = await self._db.fetchval(
            "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", f"{self._scope} {self._key}"
        )
        if not locked:
            raise Conflict("A request with this Idempotency-Key is being worked on.", code="idempotency_in_flight")
        row = await self._db.fetchrow(
            "SELECT request_hash, status, answer FROM idempotency_keys WHERE scope = $1 AND key = $2",
            self._scope,
            self._key,
        )
        if row is None:
            return None
        if row["request_hash"] != request:
            raise Invalid(
                "This Idempotency-Key was used for another request.",
                code="idempotency_mismatch",
                param="Idempotency-Key",
            )
        return Stored(row["status"], row["answer"])

    async def keep(self, status: int, body: bytes) -> None:
        """Remembers the answer."""
        await self._db.execute(
            "INSERT INTO idempotency_keys (scope, key, request_hash, status, answer) VALUES ($1, $2, $3, $4, $5)",
            self._scope,
            self._key,
            self._hash,
            status,
            body,
        )
