"""Records of backups: manifests, runs, and findings of restore checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

RunKind = Literal["backup", "check"]


class BackupFailed(Exception):
    """A backup could not be created, read or restored. The message contains no values of rows and no password."""


class DatabaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about a database in one snapshot.

    Attributes:
        tables: Number of rows by table; each partition counts separately.
        roles: The roles that grant or receive rights.
        unprotected: Tables of workspaces without row-level security.
        schema_sha256: SHA-256 of the schema as pg_dump writes it.
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
        """Return the number of rows in all tables."""
        return sum(self.tables.values())


class BackupManifest(msgspec.Struct, frozen=True, kw_only=True):
    """Description of a backup. It is written last: a dump without a manifest does not count as a backup.

    Attributes:
        size: Size of the stored dump, in bytes.
        sha256: SHA-256 of the stored dump, in hexadecimal.
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
    """A successful run of a backup or a restore check.

    Attributes:
        backup: Name of the backup.
        size: Size of the backup's dump, in bytes.
    """

    kind: RunKind
    backup: str
    finished_at: datetime
    seconds: float
    size: int


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding of one part of a check.

    Attributes:
        passed: Whether this part passed; None if it was not checked.
    """

    passed: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of checking a backup.

    Attributes:
        seconds: Duration from the first byte read to the last finding.
    """

    manifest: BackupManifest
    findings: Sequence[Finding]
    seconds: float

    @property
    def passed(self) -> bool:
        """Return whether no finding has failed."""
        return all(finding.passed is not False for finding in self.findings)
