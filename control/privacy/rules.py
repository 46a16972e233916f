"""Values of the tables of personal data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

# recording: audio. transcript: transcripts, summaries and messages. event: the events of calls.
RetentionKind = Literal["recording", "transcript", "event"]
DeletionStatus = Literal["running", "done"]
ExportStatus = Literal["running", "ready", "failed", "deleted"]


@dataclass(frozen=True, slots=True)
class CallerDeletion:
    """A deletion of one caller's data.

    Attributes:
        caller: The pseudonym that stands in place of the number.
        counts: What was deleted so far, by name.
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
        expires_at: When its file is deleted.
    """

    id: UUID
    workspace_id: UUID
    status: ExportStatus
    requested_by: UUID | None
    requested_at: datetime
    finished_at: datetime | None
    expires_at: datetime
    size_bytes: int | None
