"""Response models of personal data (client API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from control.audit.service import ContentRead, ReadContent
from control.http.fields import Id
from control.http.pagination import ListAnswer
from control.privacy.retention.rules import RetentionTerms
from control.privacy.rules import CallerDeletion, DeletionStatus, ExportStatus, WorkspaceExport


@dataclass(frozen=True, slots=True)
class KeptDays:
    """Days by what is kept."""

    recording: Annotated[int, Field(description="Days of recordings.", examples=[30])]
    transcript: Annotated[int, Field(description="Days of transcripts, summaries and messages.", examples=[90])]
    event: Annotated[int, Field(description="Days of events and turns.", examples=[90])]


@dataclass(frozen=True, slots=True)
class RetentionView:
    """How long what calls hold is kept."""

    recording_days: Annotated[
        int | None, Field(description="As the workspace chose; null: as long as it may.", examples=[30])
    ]
    transcript_days: Annotated[
        int | None, Field(description="As the workspace chose; null: as long as it may.", examples=[90])
    ]
    event_days: Annotated[
        int | None, Field(description="As the workspace chose; null: as long as it may.", examples=[90])
    ]
    days: Annotated[KeptDays, Field(description="In effect.")]
    longest: Annotated[KeptDays, Field(description="The most that may be chosen in the workspace's tier.")]


@dataclass(frozen=True, slots=True)
class RetentionAnswer:
    """How long what calls hold is kept."""

    retention: Annotated[RetentionView, Field(description="How long what calls hold is kept.")]


@dataclass(frozen=True, slots=True)
class CallerDeletionView:
    """A deletion of one caller's data."""

    id: Id
    caller: Annotated[
        str,
        Field(description="The pseudonym that stands in place of the number.", examples=["deleted-3f2a9c0b7d1e4865"]),
    ]
    status: Annotated[DeletionStatus, Field(description="Present status.")]
    requested_by: Annotated[
        UUID | None, Field(description="Id of the member who requested it; null if that account is deleted.")
    ]
    requested_at: Annotated[datetime, Field(description="When it was requested (UTC).")]
    finished_at: Annotated[datetime | None, Field(description="Null while it runs.")]
    counts: Annotated[
        Mapping[str, int],
        Field(description="What was deleted so far, by name.", examples=[{"calls": 3, "events": 214, "recordings": 2}]),
    ]


@dataclass(frozen=True, slots=True)
class CallerDeletionAnswer:
    """The deletion."""

    deletion: Annotated[CallerDeletionView, Field(description="The deletion.")]


@dataclass(frozen=True, slots=True)
class CallerDeletionList(ListAnswer):
    """A page of deletions, newest first."""

    deletions: Annotated[list[CallerDeletionView], Field(description="The deletions.")]


@dataclass(frozen=True, slots=True)
class ContentReadView:
    """A read of calls' content by the platform's staff."""

    id: Id
    at: Annotated[datetime, Field(description="When it was read (UTC).")]
    reader: Annotated[
        str | None, Field(description="The address of the member of the staff.", examples=["grace@example.com"])
    ]
    call_id: Annotated[UUID | None, Field(description="Null for a search.")]
    content: Annotated[
        ReadContent,
        Field(
            description="What was read: the call's transcription, summary and turns, or its events, or, by a "
            "search, which calls have certain words in their transcripts."
        ),
    ]
    reason: Annotated[
        str,
        Field(
            description="Why it was read, as the member of the staff wrote it.",
            examples=["Ticket 1234: caller heard nothing"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class ContentReadList(ListAnswer):
    """A page of reads, newest first. `total` counts up to 10,000 reads."""

    accesses: Annotated[list[ContentReadView], Field(description="The reads.")]


@dataclass(frozen=True, slots=True)
class WorkspaceExportView:
    """An export."""

    id: Id
    status: Annotated[ExportStatus, Field(description="Present status.")]
    requested_by: Annotated[
        UUID | None, Field(description="Id of the member who requested it; null if that account is deleted.")
    ]
    requested_at: Annotated[datetime, Field(description="When it was requested (UTC).")]
    finished_at: Annotated[datetime | None, Field(description="Null while it is written.")]
    expires_at: Annotated[datetime, Field(description="When the file is deleted.")]
    size_bytes: Annotated[int | None, Field(description="Of its file; null until it is ready.", examples=[1_048_576])]


@dataclass(frozen=True, slots=True)
class WorkspaceExportAnswer:
    """The export."""

    export: Annotated[WorkspaceExportView, Field(description="The export.")]


@dataclass(frozen=True, slots=True)
class WorkspaceExportList(ListAnswer):
    """A page of exports, newest first."""

    exports: Annotated[list[WorkspaceExportView], Field(description="The exports.")]


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
