"""Idempotency-Key: a repeated request gets the first request's response, even if the client never received it."""

from dataclasses import dataclass
from hashlib import sha256

from control.db.pool import Connection
from control.idempotency.queries import complete_request, delete_responses_with, find_request, insert_request, lock_key
from control.idempotency.rules import StoredRequest, StoredResponse
from shared.errors import Conflict, Invalid

MAX_KEY_LENGTH = 255


def request_hash(path: str, raw: bytes) -> bytes:
    """Return the hash of the parts that must be equal in every request under a key."""
    return sha256(path.encode() + b"\0" + raw).digest()


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request with an Idempotency-Key. Raises Invalid for a malformed key.

    Attributes:
        scope: The caller and the route to which the key belongs.
        hashed: Hash of the request.
    """

    scope: str
    key: str
    hashed: bytes

    def __post_init__(self) -> None:
        if not (0 < len(self.key) <= MAX_KEY_LENGTH and self.key.isascii() and self.key.isprintable()):
            raise Invalid(
                f"An Idempotency-Key must have 1 to {MAX_KEY_LENGTH} ASCII characters.", param="Idempotency-Key"
            )

    async def find_first(self, db: Connection) -> StoredRequest | None:
        """Return the first request under the key, or None if this request is the first.

        Raises Conflict while the first request's transaction is open, and Invalid if the first request was different.
        """
        if not await lock_key(db, self.scope, self.key):
            raise Conflict(
                "A request with this Idempotency-Key is still being processed.", code="idempotency_in_flight"
            )
        first = await find_request(db, self.scope, self.key)
        if first is not None and first.request_hash != self.hashed:
            raise Invalid(
                "This Idempotency-Key was already used for another request.",
                code="idempotency_mismatch",
                param="Idempotency-Key",
            )
        return first

    async def store(self, db: Connection, request_id: str, response: StoredResponse | None) -> None:
        """Store this request as the first request under the key.

        Args:
            response: The response; None leaves the key open.
        """
        await insert_request(db, self.scope, self.key, StoredRequest(self.hashed, request_id, response))

    async def complete(self, db: Connection, response: StoredResponse) -> None:
        """Store the response of an open key, unless another repeat already stored a response."""
        await complete_request(db, self.scope, self.key, response)


async def forget_responses(db: Connection, text: str) -> int:
    """Delete the stored responses that contain this text, such as a deleted phone number. Return how many."""
    return await delete_responses_with(db, text)
