"""Response models of personal data (client API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.http.pagination import ListAnswer
from control.platform.content_reads import ContentRead, ReadContent
from control.privacy.model import CallerDeletion, DeletionStatus, ExportStatus, WorkspaceExport
from control.privacy.retention import RetentionTerms


@dataclass(frozen=True, slots=True)
class KeptDays:
    """Days by what is kept. recording: audio. transcript: transcripts, summaries and messages. event: events and turns,
    which hold what was said, so no longer than transcripts."""

    recording: int
    transcript: int
    event: int


@dataclass(frozen=True, slots=True)
class RetentionView:
    """recording_days, transcript_days, event_days: as the workspace chose; null: as long as it may. days: in effect.
    longest: the most that may be chosen in the workspace's tier."""

    recording_days: int | None
    transcript_days: int | None
    event_days: int | None
    days: KeptDays
    longest: KeptDays


@dataclass(frozen=True, slots=True)
class RetentionAnswer:
    """How long what calls hold is kept."""

    retention: RetentionView


@dataclass(frozen=True, slots=True)
class CallerDeletionView:
    """A deletion of one caller's data. caller: the pseudonym that stands in place of the number. counts: what was
    deleted so far, by name. finished_at: null while it runs."""

    id: UUID
    caller: str
    status: DeletionStatus
    requested_by: UUID | None
    requested_at: datetime
    finished_at: datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CallerDeletionAnswer:
    """The deletion."""

    deletion: CallerDeletionView


@dataclass(frozen=True, slots=True)
class CallerDeletionList(ListAnswer):
    """A page of deletions, newest first."""

    deletions: list[CallerDeletionView]


@dataclass(frozen=True, slots=True)
class ContentReadView:
    """A read of calls' content by the platform's staff. reader: the address of the member of the staff. call_id: null
    for a search. content: what was read: the call's transcription, summary and turns, or its events, or, by a search,
    which calls have certain words in their transcripts."""

    id: UUID
    at: datetime
    reader: str | None
    call_id: UUID | None
    content: ReadContent
    reason: str


@dataclass(frozen=True, slots=True)
class ContentReadList(ListAnswer):
    """A page of reads, newest first. total: counts up to 10,000."""

    accesses: list[ContentReadView]


@dataclass(frozen=True, slots=True)
class WorkspaceExportView:
    """An export. size_bytes: of its file; null until it is ready. finished_at: null while it is written. expires_at:
    when the file is deleted."""

    id: UUID
    status: ExportStatus
    requested_by: UUID | None
    requested_at: datetime
    finished_at: datetime | None
    expires_at: datetime
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class WorkspaceExportAnswer:
    """The export."""

    export: WorkspaceExportView


@dataclass(frozen=True, slots=True)
class WorkspaceExportList(ListAnswer):
    """A page of exports, newest first."""

    exports: list[WorkspaceExportView]


def to_retention(terms: RetentionTerms) -> RetentionView:
    return RetentionView(
        recording_days=terms.chosen["recording"],
        transcript_days=terms.chosen["transcript"],
        event_days=terms.chosen["event"],
        days=KeptDays(terms.days("recording"), terms.days("transcript"), terms.days("event")),
        longest=KeptDays(terms.longest["recording"], terms.longest["transcript"], terms.longest["event"]),
    )


def to_deletion(deletion: CallerDeletion) -> CallerDeletionView:
    return CallerDeletionView(**{name: getattr(deletion, name) for name in CallerDeletionView.__slots__})


def to_read(read: ContentRead) -> ContentReadView:
    return ContentReadView(**{name: getattr(read, name) for name in ContentReadView.__slots__})


def to_export(export: WorkspaceExport) -> WorkspaceExportView:
    return WorkspaceExportView(**{name: getattr(export, name) for name in WorkspaceExportView.__slots__})
