"""Pseudonyms that replace deleted phone numbers, and the calls that have them."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

from shared.secrets import Sealer

PREFIX: Final = "deleted-"
_PURPOSE: Final = "pseudonyms of phone numbers"
# 64 bits: a collision between two callers of a workspace is practically impossible.
_DIGITS: Final = 16


class NumberPseudonyms:
    """Makes pseudonyms: keyed hashes (HMAC-SHA256) of a number within its workspace.

    Someone who has the database but not the secret keys cannot find the number by trying all numbers. Two workspaces
    cannot detect that they had the same caller.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._keys = sealer.derive(_PURPOSE)

    def make(self, workspace_id: UUID, number: str) -> str:
        """Returns the pseudonym under the newest secret key.

        Args:
            number: E.164.
        """
        return _hash(self._keys[0], workspace_id, number)

    def list_all(self, workspace_id: UUID, number: str) -> Sequence[str]:
        """Returns the pseudonyms that the number may have: one for each secret key."""
        return [_hash(key, workspace_id, number) for key in self._keys]


def _hash(key: bytes, workspace_id: UUID, number: str) -> str:
    digest = hmac.new(key, f"{workspace_id} {number}".encode(), sha256).hexdigest()
    return f"{PREFIX}{digest[:_DIGITS]}"


@dataclass(frozen=True, slots=True)
class CallerNumber:
    """A caller's number (E.164) in a workspace, and its pseudonyms."""

    workspace_id: UUID
    number: str
    pseudonym: str


@dataclass(frozen=True, slots=True)
class DeletedCall:
    """A call whose number is deleted.

    Attributes:
        carrier_call_id, session: The carrier's ids of the call, if it gave any.
    """

    id: UUID
    carrier_call_id: str | None
    session: str | None
