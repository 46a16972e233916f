"""Response models of logs (admin API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from control.http.pagination import ListAnswer
from control.platform.model import AuditEntry


@dataclass(frozen=True, slots=True)
class LogLine:
    """An entry of the audit log. actor: admin, user, api_key or system. admin_email: null unless the actor is an admin.
    details: values before and after and the reason, with secrets masked."""

    id: UUID
    actor: str
    actor_id: UUID | None
    actor_email: str | None
    admin_email: str | None
    action: str
    resource_type: str
    resource_id: str
    workspace_id: UUID | None
    details: Mapping[str, Any]
    request_id: str | None
    timestamp: datetime


@dataclass(frozen=True, slots=True)
class LogPage(ListAnswer):
    """A page of the log, newest first. total: counts up to 10,000 entries; older entries are reached by starting_after,
    or by `to`."""

    logs: list[LogLine]


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
