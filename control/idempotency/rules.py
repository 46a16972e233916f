"""Requests with an Idempotency-Key, and their stored responses. Pure functions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The response to the first request under an Idempotency-Key."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """The first request under an Idempotency-Key.

    Attributes:
        request_hash: Hash of the parts that must be equal in repeated requests.
        request_id: Our id of the request; empty for a row of the previous release.
        response: None while the key is open.
    """

    request_hash: bytes
    request_id: str
    response: StoredResponse | None
