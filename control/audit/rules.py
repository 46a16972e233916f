"""Records of the audit log, and the hash chain that seals it. Pure functions."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

# --- Entries ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry of the audit log.

    Attributes:
        actor: Type of the actor: admin, user, api_key or system.
        actor_email: For an API key, the address of its holder.
    """

    id: UUID
    at: datetime
    actor: str
    actor_id: UUID | None
    actor_email: str | None
    action: str
    resource_type: str
    resource_id: str
    workspace_id: UUID | None
    details: Mapping[str, Any]
    request_id: str | None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Selects entries of the audit log.

    Attributes:
        since: Inclusive.
        until: Exclusive.
    """

    admin_id: UUID | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


# --- Seals -----------------------------------------------------------------------------------------------------------

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AuditContent:
    """The content of a log entry, for hashing.

    Attributes:
        content: All columns as JSON text in a canonical form.
    """

    entry_id: UUID
    at: datetime
    content: str

    @property
    def hash(self) -> bytes:
        """Return the SHA-256 of the content."""
        return hashlib.sha256(self.content.encode()).digest()


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A sealed entry. `content` is its current content in the log, or None if the entry is gone."""

    entry_id: UUID
    seal: int
    hash: bytes
    content: str | None


@dataclass(frozen=True, slots=True)
class AuditSeal:
    """A link of the hash chain.

    Attributes:
        root: SHA-256 of the entries' hashes.
        previous: Digest of the previous seal; empty for the first seal.
        reached: The latest time of any entry sealed so far.
    """

    number: int
    entries: int
    root: bytes
    previous: bytes
    reached: datetime
    sealed_at: datetime
    mac: bytes = b""

    @property
    def digest(self) -> bytes:
        """Return the SHA-256 of all fields except the code (`mac`)."""
        times = [str((at - EPOCH) // timedelta(microseconds=1)) for at in (self.reached, self.sealed_at)]
        parts = [str(self.number), str(self.entries), self.root.hex(), self.previous.hex(), *times]
        return hashlib.sha256("|".join(parts).encode()).digest()


def make_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root of a seal: the SHA-256 of its entries' hashes in order."""
    return hashlib.sha256(b"".join(hashes)).digest()


@dataclass(frozen=True, slots=True)
class AuditBreak:
    """A difference between the log and its seals.

    Attributes:
        kind: changed, removed or inserted for an entry; seal_missing, seal_changed or seal_forged for a seal.
        seal: Number of the seal; 0 for an unsealed entry.
    """

    kind: str
    seal: int
    entry_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """The result of a verification: number of seals and entries read, the newest seal's digest, and the breaks
    found.
    """

    seals: int
    entries: int
    unsealed: int
    digest: bytes
    breaks: Sequence[AuditBreak]
