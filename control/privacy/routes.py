"""Routes for personal data: retention, deletion of a caller's data, exports, and the log of content reads."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from control.audit.service import ContentRead, ReadContent, list_reads
from control.calls.recordings.wav import read_range
from control.http.access import member
from control.http.body import Body, ChangeBody
from control.http.context import MemberContext
from control.http.fields import Id
from control.http.pagination import ListAnswer, ListQuery, page_fields
from control.http.responses.after_commit import AfterCommit
from control.http.responses.file_response import FileResponse
from control.http.route import Route
from control.privacy.exports.service import export_key
from control.privacy.retention.rules import KINDS, LEAST_DAYS, RetentionTerms, days_name
from control.privacy.rules import CallerDeletion, DeletionStatus, ExportStatus, WorkspaceExport
from control.privacy.service import Privacy
from shared.errors import NotFound, Unavailable
from shared.storage import ObjectNotFound, Storage, StorageUnavailable

PRIVACY = "/workspaces/{workspaceId}/privacy"
STORAGE_TIMEOUT_S = 5.0
PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$", max_length=16)]
Days = Annotated[int, Field(ge=LEAST_DAYS, le=3_650)]


class RetentionChange(ChangeBody):
    """Days to keep the contents of calls.

    Omitted fields stay unchanged; null keeps contents as long as the tier allows.
    """

    recording_days: Annotated[
        Days | None,
        Field(description="Days to keep recordings; null for as long as the tier allows.", examples=[30]),
    ] = None
    transcript_days: Annotated[
        Days | None,
        Field(
            description="Days to keep transcripts, summaries and messages; null for as long as the tier allows.",
            examples=[90],
        ),
    ] = None
    event_days: Annotated[
        Days | None,
        Field(
            description="Days to keep events, no longer than transcripts; null for as long as the tier allows.",
            examples=[90],
        ),
    ] = None


class NewCallerDeletion(Body):
    """A request to delete a caller's data."""

    phone_number: PhoneNumber = Field(description="The caller's phone number (E.164).", examples=["+12025550123"])


@dataclass(frozen=True, slots=True)
class KeptDays:
    """Days by kind of content."""

    recording: Annotated[int, Field(description="Days that recordings are kept.", examples=[30])]
    transcript: Annotated[
        int, Field(description="Days that transcripts, summaries and messages are kept.", examples=[90])
    ]
    event: Annotated[int, Field(description="Days that events and turns are kept.", examples=[90])]


@dataclass(frozen=True, slots=True)
class RetentionView:
    """How long the contents of calls are kept."""

    recording_days: Annotated[
        int | None,
        Field(description="The workspace's choice for recordings; null for as long as the tier allows.", examples=[30]),
    ]
    transcript_days: Annotated[
        int | None,
        Field(
            description="The workspace's choice for transcripts; null for as long as the tier allows.", examples=[90]
        ),
    ]
    event_days: Annotated[
        int | None,
        Field(description="The workspace's choice for events; null for as long as the tier allows.", examples=[90]),
    ]
    days: Annotated[KeptDays, Field(description="In effect.")]
    longest: Annotated[KeptDays, Field(description="The longest times that the workspace's tier allows.")]


@dataclass(frozen=True, slots=True)
class RetentionAnswer:
    """The workspace's retention settings."""

    retention: Annotated[RetentionView, Field(description="The retention settings.")]


@dataclass(frozen=True, slots=True)
class CallerDeletionView:
    """A deletion of one caller's data."""

    id: Id
    caller: Annotated[
        str,
        Field(description="The pseudonym that replaces the phone number.", examples=["deleted-3f2a9c0b7d1e4865"]),
    ]
    status: Annotated[DeletionStatus, Field(description="Status of the deletion.")]
    requested_by: Annotated[
        UUID | None, Field(description="Id of the member who requested it; null if that account is deleted.")
    ]
    requested_at: Annotated[datetime, Field(description="When the deletion was requested (UTC).")]
    finished_at: Annotated[datetime | None, Field(description="When the deletion finished (UTC); null while it runs.")]
    counts: Annotated[
        Mapping[str, int],
        Field(
            description="Numbers of deleted items so far, by kind.",
            examples=[{"calls": 3, "events": 214, "recordings": 2}],
        ),
    ]


@dataclass(frozen=True, slots=True)
class CallerDeletionAnswer:
    """A deletion of one caller's data."""

    deletion: Annotated[CallerDeletionView, Field(description="The deletion.")]


@dataclass(frozen=True, slots=True)
class CallerDeletionList(ListAnswer):
    """A page of deletions, newest first."""

    deletions: Annotated[list[CallerDeletionView], Field(description="The deletions.")]


@dataclass(frozen=True, slots=True)
class ContentReadView:
    """A read of call contents by the platform's staff."""

    id: Id
    at: Annotated[datetime, Field(description="When the content was read (UTC).")]
    reader: Annotated[
        str | None, Field(description="E-mail address of the staff member.", examples=["grace@example.com"])
    ]
    call_id: Annotated[UUID | None, Field(description="Id of the call; null for a search.")]
    content: Annotated[
        ReadContent,
        Field(
            description="What was read: the call's transcription, summary and turns; its events; or, for a "
            "search, which calls have certain words in their transcripts."
        ),
    ]
    reason: Annotated[
        str,
        Field(
            description="The reason that the staff member stated.",
            examples=["Ticket 1234: caller heard nothing"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class ContentReadList(ListAnswer):
    """A page of reads, newest first. `total` counts up to 10,000 reads."""

    accesses: Annotated[list[ContentReadView], Field(description="The reads.")]


@dataclass(frozen=True, slots=True)
class WorkspaceExportView:
    """An export of the workspace's data."""

    id: Id
    status: Annotated[ExportStatus, Field(description="Status of the export.")]
    requested_by: Annotated[
        UUID | None, Field(description="Id of the member who requested it; null if that account is deleted.")
    ]
    requested_at: Annotated[datetime, Field(description="When the export was requested (UTC).")]
    finished_at: Annotated[
        datetime | None, Field(description="When the export finished (UTC); null while it is being written.")
    ]
    expires_at: Annotated[datetime, Field(description="When the file is deleted (UTC).")]
    size_bytes: Annotated[
        int | None, Field(description="Size of the file in bytes; null until the file is ready.", examples=[1_048_576])
    ]


@dataclass(frozen=True, slots=True)
class WorkspaceExportAnswer:
    """An export of the workspace's data."""

    export: Annotated[WorkspaceExportView, Field(description="The export.")]


@dataclass(frozen=True, slots=True)
class WorkspaceExportList(ListAnswer):
    """A page of exports, newest first."""

    exports: Annotated[list[WorkspaceExportView], Field(description="The exports.")]


async def get_retention(context: MemberContext) -> RetentionAnswer:
    """Return how long recordings, transcripts and events of calls are kept."""
    terms = await context.services[Privacy].retention.get(context.db, context.workspace_id)
    return RetentionAnswer(to_retention(terms))


async def change_retention(context: MemberContext, body: RetentionChange) -> RetentionAnswer:
    """Change how long the contents of calls are kept. Older content is deleted within hours and cannot be restored."""
    chosen = {kind: getattr(body, days_name(kind)) for kind in KINDS if days_name(kind) in body.model_fields_set}
    terms = await context.services[Privacy].retention.change(
        context.db, context.actor, context.workspace_id, chosen, context.now
    )
    return RetentionAnswer(to_retention(terms))


async def list_caller_deletions(context: MemberContext, query: ListQuery) -> CallerDeletionList:
    """List the deletions of callers' data, newest first."""
    found = await context.services[Privacy].deletions.list_page(context.db, context.workspace_id, page=query.request())
    return CallerDeletionList([to_deletion(deletion) for deletion in found.rows], **page_fields(query, found))


async def delete_caller(context: MemberContext, body: NewCallerDeletion) -> CallerDeletionAnswer:
    """Delete everything that the workspace holds about a caller up to now.

    Calls stay, without content and with a pseudonym that replaces the number. A running call is processed after it
    ends.
    """
    deletion = await context.services[Privacy].deletions.request(
        context.db, context.actor, context.workspace_id, body.phone_number, context.now
    )
    return CallerDeletionAnswer(to_deletion(deletion))


async def list_content_reads(context: MemberContext, query: ListQuery) -> ContentReadList:
    """List the calls whose content the platform's staff read, newest first, with the reasons."""
    found = await list_reads(context.db, context.workspace_id, page=query.request())
    return ContentReadList([to_read(read) for read in found.rows], **page_fields(query, found))


async def list_exports(context: MemberContext, query: ListQuery) -> WorkspaceExportList:
    """List the workspace's exports, newest first."""
    found = await context.services[Privacy].exports.list_page(context.db, context.workspace_id, page=query.request())
    return WorkspaceExportList([to_export(export) for export in found.rows], **page_fields(query, found))


async def request_export(context: MemberContext) -> WorkspaceExportAnswer:
    """Export all data of the workspace, including recordings, to a ZIP archive."""
    export = await context.services[Privacy].exports.request(
        context.db, context.actor, context.workspace_id, context.now
    )
    return WorkspaceExportAnswer(to_export(export))


async def download_export(
    context: MemberContext, export_id: Annotated[UUID, Field(description="Id of the export.")]
) -> AfterCommit[FileResponse]:
    """Download the archive of an export. Each download is recorded in the audit log."""
    export = await context.services[Privacy].exports.open(context.db, context.actor, context.workspace_id, export_id)
    return AfterCommit(partial(_file, context.services[Storage], export_key(export), f"{export_id}.zip"))


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


async def _file(storage: Storage, key: str, name: str) -> FileResponse:
    """Return the file from storage. Raises NotFound and Unavailable."""

    def read(start: int, length: int) -> AsyncIterator[bytes]:
        return read_range(storage, key, start, length)

    try:
        async with asyncio.timeout(STORAGE_TIMEOUT_S):
            return FileResponse(name, "application/zip", await storage.size(key), read)
    except ObjectNotFound:
        raise NotFound("This export does not exist, or its file is deleted.", code="export_not_found") from None
    except (StorageUnavailable, TimeoutError):
        raise Unavailable("Exports are unavailable at the moment. Try again shortly.", code="storage_away") from None


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        f"{PRIVACY}/retention",
        get_retention,
        member("viewer", "privacy:read"),
        beyond_spec=True,
        errors=("404 workspace_not_found",),
    ),
    Route(
        "PUT",
        f"{PRIVACY}/retention",
        change_retention,
        member("owner"),
        beyond_spec=True,
        errors=("404 workspace_not_found", "409 workspace_suspended", "422 retention_too_long"),
    ),
    Route("GET", f"{PRIVACY}/deletions", list_caller_deletions, member("admin", "privacy:read"), beyond_spec=True),
    Route(
        "POST",
        f"{PRIVACY}/deletions",
        delete_caller,
        member("admin", "privacy:write"),
        status=202,
        idempotent=True,
        beyond_spec=True,
        errors=("409 deletion_limit", "422 number_is_own"),
    ),
    Route("GET", f"{PRIVACY}/accesses", list_content_reads, member("owner"), beyond_spec=True),
    Route("GET", f"{PRIVACY}/exports", list_exports, member("owner"), beyond_spec=True),
    Route(
        "POST",
        f"{PRIVACY}/exports",
        request_export,
        member("owner"),
        status=202,
        idempotent=True,
        beyond_spec=True,
        errors=("429 export_limit",),
    ),
    Route(
        "GET",
        f"{PRIVACY}/exports/{{exportId}}/file",
        download_export,
        member("owner"),
        beyond_spec=True,
        errors=("404 export_not_found", "409 export_not_ready", "503 storage_away"),
    ),
)
