"""The staff's route of the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from control.audit.rules import AuditEntry, AuditFilter
from control.audit.service import list_entries
from control.http.access import ANY_ADMIN
from control.http.context import AdminContext
from control.http.fields import Id
from control.http.pagination import ListAnswer, ListQuery, UtcDatetime, page_fields
from control.http.route import Route

Action = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,99}$")]


class LogQuery(ListQuery):
    """Filters for the audit log."""

    admin_id: UUID | None = Field(None, description="Return only actions of this person.")
    action: Action | None = Field(
        None, description="Return only this action, such as `workspace.suspend`.", examples=["workspace.suspend"]
    )
    since: UtcDatetime | None = Field(None, alias="from", description="Return only entries at or after this time.")
    until: UtcDatetime | None = Field(None, alias="to", description="Return only entries before this time.")


@dataclass(frozen=True, slots=True)
class LogLine:
    """An entry of the audit log."""

    id: Id
    actor: Annotated[
        str, Field(description="Type of the actor: `admin`, `user`, `api_key` or `system`.", examples=["admin"])
    ]
    actor_id: Annotated[UUID | None, Field(description="Id of the actor, or of the API key; null for the system.")]
    actor_email: Annotated[
        str | None,
        Field(
            description="E-mail address of the actor, or of the API key's holder; null for the system.",
            examples=["grace@example.com"],
        ),
    ]
    admin_email: Annotated[
        str | None,
        Field(description="Role of the staff member; null for other actors.", examples=["grace@example.com"]),
    ]
    action: Annotated[str, Field(description="The action.", examples=["workspace.suspend"])]
    resource_type: Annotated[str, Field(description="Type of the resource.", examples=["workspace"])]
    resource_id: Annotated[
        str, Field(description="Id of the resource.", examples=["01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b60"])
    ]
    workspace_id: Annotated[UUID | None, Field(description="Id of the workspace.")]
    details: Annotated[
        Mapping[str, Any],
        Field(
            description="Values before and after the change, and the reason. Secrets are masked.",
            examples=[{"before": {"status": "draft"}, "after": {"status": "live"}}],
        ),
    ]
    request_id: Annotated[
        str | None,
        Field(
            description="Id of the request; null if no request made the change.",
            examples=["01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b61"],
        ),
    ]
    timestamp: Annotated[datetime, Field(description="When the action happened (UTC).")]


@dataclass(frozen=True, slots=True)
class LogPage(ListAnswer):
    """A page of the audit log, newest first. `total` counts up to 10,000 entries."""

    logs: Annotated[list[LogLine], Field(description="The entries of the audit log.")]


async def list_activity(context: AdminContext, query: LogQuery) -> LogPage:
    """List the actions on the platform, newest first."""
    wanted = AuditFilter(query.admin_id, query.action, query.since, query.until)
    found = await list_entries(context.db, wanted, query.request())
    return LogPage([to_line(entry) for entry in found.rows], **page_fields(query, found))


def to_line(entry: AuditEntry) -> LogLine:
    return LogLine(
        id=entry.id,
        actor=entry.actor,
        actor_id=entry.actor_id,
        actor_email=entry.actor_email,
        admin_email=entry.actor_email if entry.actor == "admin" else None,
        action=entry.action,
        resource_type=entry.resource_type,
        resource_id=entry.resource_id,
        workspace_id=entry.workspace_id,
        details=entry.details,
        request_id=entry.request_id,
        timestamp=entry.at,
    )


ADMIN_ROUTES: tuple[Route, ...] = (
    Route("GET", "/admin/logs/activity", list_activity, ANY_ADMIN, errors=("422 too_deep",)),
)
