"""Records of caller deletions and workspace exports."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

# recording: audio. transcript: transcripts, summaries and messages. event: call events.
RetentionKind = Literal["recording", "transcript", "event"]
DeletionStatus = Literal["running", "done"]
ExportStatus = Literal["running", "ready", "failed", "deleted"]


@dataclass(frozen=True, slots=True)
class CallerDeletion:
    """A deletion of one caller's data.

    Attributes:
        caller: The pseudonym that replaces the phone number.
        counts: Numbers of deleted items so far, by kind.
    """

    id: UUID
    workspace_id: UUID
    caller: str
    status: DeletionStatus
    requested_by: UUID | None
    requested_at: datetime
    finished_at: datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class WorkspaceExport:
    """An export of all data of a workspace.

    Attributes:
        expires_at: When the file is deleted.
    """

    id: UUID
    workspace_id: UUID
    status: ExportStatus
    requested_by: UUID | None
    requested_at: datetime
    finished_at: datetime | None
    expires_at: datetime
    size_bytes: int | None
