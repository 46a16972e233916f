"""Pseudonyms that stand in place of deleted phone numbers, and the calls that have them."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

from shared.secrets import Sealer

PREFIX: Final = "deleted-"
_PURPOSE: Final = "pseudonyms of phone numbers"
# 64 bits: no two of a workspace's callers share one.
_DIGITS: Final = 16


class NumberPseudonyms:
    """Keyed hashes (HMAC-SHA256) of a number within its workspace. Who has the database without the secret keys cannot
    find the number by trying all, and two workspaces cannot tell that they had the same caller."""

    def __init__(self, sealer: Sealer) -> None:
        self._keys = sealer.derive(_PURPOSE)

    def make(self, workspace_id: UUID, number: str) -> str:
        """The pseudonym under the newest secret key. number: E.164."""
        return _hash(self._keys[0], workspace_id, number)

    def list_all(self, workspace_id: UUID, number: str) -> Sequence[str]:
        """The pseudonyms that the number may have, one for each secret key."""
        return [_hash(key, workspace_id, number) for key in self._keys]


def _hash(key: bytes, workspace_id: UUID, number: str) -> str:
    digest = hmac.new(key, f"{workspace_id} {number}".encode(), sha256).hexdigest()
    return f"{PREFIX}{digest[:_DIGITS]}"


@dataclass(frozen=True, slots=True)
class CallerNumber:
    """A caller's number (E.164) in a workspace, and what stands in its place."""

    workspace_id: UUID
    number: str
    pseudonym: str


@dataclass(frozen=True, slots=True)
class DeletedCall:
    """A call whose number is deleted. carrier_call_id, session: the carrier's ids of it, where it gave any."""

    id: UUID
    carrier_call_id: str | None
    session: str | None
