"""What a backup is, and what is recorded of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

RunKind = Literal["backup", "check"]


class BackupFailed(Exception):
    """A backup could not be made, read or restored. The message holds no row's values and no password."""


class DatabaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A database in one snapshot.

    Attributes:
        tables: Rows of each, partitions apart.
        roles: Those that rights are granted to or by.
        unprotected: Tables of workspaces without row-level security.
        schema_sha256: Of pg_dump's text.
    """

    server: str
    tables: dict[str, int]
    migrations: int
    newest_migration: str
    policies: int
    roles: list[str]
    unprotected: list[str]
    schema_sha256: str = ""

    @property
    def rows(self) -> int:
        """The rows of all tables."""
        return sum(self.tables.values())


class BackupManifest(msgspec.Struct, frozen=True, kw_only=True):
    """Describes a backup. It is written last: a dump without a manifest is no backup.

    Attributes:
        size, sha256: Of the stored dump, in bytes and as hexadecimal.
    """

    name: str
    started_at: datetime
    finished_at: datetime
    size: int
    sha256: str
    is_encrypted: bool
    facts: DatabaseFacts


@dataclass(frozen=True, slots=True)
class BackupRun:
    """A successful run of a kind.

    Attributes:
        backup: The backup's name.
        size: Of its dump, in bytes.
    """

    kind: RunKind
    backup: str
    finished_at: datetime
    seconds: float
    size: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What one part of a check found.

    Attributes:
        passed: None when it was not checked.
    """

    passed: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check of a backup found.

    Attributes:
        seconds: From the first byte read to the last finding.
    """

    manifest: BackupManifest
    findings: Sequence[Finding]
    seconds: float

    @property
    def passed(self) -> bool:
        """No finding is bad."""
        return all(finding.passed is not False for finding in self.findings)
