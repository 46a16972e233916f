"""The audit log's records, and the chain of hashes that seals it. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry of the audit log. actor: admin, user, api_key or system. actor_email: of a key's holder for a key."""

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
    """Selects entries of the audit log. since: inclusive; until: exclusive."""

    admin_id: UUID | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AuditSeal:
    """A link of the chain. root: SHA-256 of the entries' hashes. previous: digest of the seal before, empty for the
    first. reached: the latest time of an entry up to here."""

    number: int
    entries: int
    root: bytes
    previous: bytes
    reached: datetime
    sealed_at: datetime
    mac: bytes = b""

    @property
    def digest(self) -> bytes:
        """SHA-256 of all but the code."""
        times = [str((at - EPOCH) // timedelta(microseconds=1)) for at in (self.reached, self.sealed_at)]
        parts = [str(self.number), str(self.entries), self.root.hex(), self.previous.hex(), *times]
        return hashlib.sha256("|".join(parts).encode()).digest()


@dataclass(frozen=True, slots=True)
class AuditContent:
    """An entry of the log. content: all of its columns as JSON text, in a form that stays the same."""

    entry_id: UUID
    at: datetime
    content: str

    @property
    def hash(self) -> bytes:
        """SHA-256 of the content."""
        return hashlib.sha256(self.content.encode()).digest()


def make_root(hashes: Sequence[bytes]) -> bytes:
    """Of the entries of a seal, in their order."""
    return hashlib.sha256(b"".join(hashes)).digest()


@dataclass(frozen=True, slots=True)
class SealedRow:
    """An entry as it was sealed. content: what the log holds of it now; None when it is gone."""

    entry_id: UUID
    seal: int
    hash: bytes
    content: str | None


@dataclass(frozen=True, slots=True)
class AuditBreak:
    """A place at which the log is not what was sealed. kind: changed, removed, inserted (entries); seal_missing,
    seal_changed, seal_forged (links). seal: 0 for an entry that no seal has."""

    kind: str
    seal: int
    entry_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """What a verification found. seals, entries: those that were looked at. digest: of the newest seal."""

    seals: int
    entries: int
    unsealed: int
    digest: bytes
    breaks: Sequence[AuditBreak]
