"""Response models of logs (admin API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from control.audit.rules import AuditEntry
from control.http.fields import Id
from control.http.pagination import ListAnswer


@dataclass(frozen=True, slots=True)
class LogLine:
    """An entry of the audit log."""

    id: Id
    actor: Annotated[str, Field(description="Admin, user, api_key or system.", examples=["admin"])]
    actor_id: Annotated[UUID | None, Field(description="Id of who acted, of the API key for one; null for the system.")]
    actor_email: Annotated[
        str | None,
        Field(
            description="E-mail address of who acted, of its holder for an API key; null for the system.",
            examples=["grace@example.com"],
        ),
    ]
    admin_email: Annotated[
        str | None, Field(description="Null unless the actor is an admin.", examples=["grace@example.com"])
    ]
    action: Annotated[str, Field(description="What was done.", examples=["workspace.suspend"])]
    resource_type: Annotated[str, Field(description="Kind of what it was done to.", examples=["workspace"])]
    resource_id: Annotated[
        str, Field(description="Id of what it was done to.", examples=["01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b60"])
    ]
    workspace_id: Annotated[UUID | None, Field(description="Id of the workspace.")]
    details: Annotated[
        Mapping[str, Any],
        Field(
            description="Values before and after and the reason, with secrets masked.",
            examples=[{"before": {"status": "draft"}, "after": {"status": "live"}}],
        ),
    ]
    request_id: Annotated[
        str | None,
        Field(description="Id of the request; null for none.", examples=["01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b61"]),
    ]
    timestamp: Annotated[datetime, Field(description="When it happened (UTC).")]


@dataclass(frozen=True, slots=True)
class LogPage(ListAnswer):
    """A page of the log, newest first. `total` counts up to 10,000 entries."""

    logs: Annotated[list[LogLine], Field(description="The entries of the audit log.")]


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
