"""The audit log, as the staff reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from control.http.access import ANY_ADMIN
from control.http.context import AdminContext
from control.http.page import Moment, PageQuery
from control.http.route import Route
from control.platform.model import LogEntry, LogFilter

Action = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,99}$")]


class LogQuery(PageQuery):
    """Which lines."""

    admin_id: UUID | None = Field(None, description="Done by this person.")
    action: Action | None = Field(None, description="Such as workspace.suspend.")
    since: Moment | None = Field(None, alias="from", description="From this moment on.")
    until: Moment | None = Field(None, alias="to", description="Before this moment.")


@dataclass(frozen=True, slots=True)
class LogLine:
    """What was done. actor: admin, user or system. admin_email: null unless a member of the staff did it. details:
    before, after and reason, secrets masked."""

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
class LogPage:
    """A page of the log, newest first. total: no more than 10,000 lines are counted; what lies deeper is asked for by
    its time."""

    logs: list[LogLine]
    total: int
    page: int
    limit: int


async def list_activity(context: AdminContext, query: LogQuery) -> LogPage:
    """What was done on the platform, newest first."""
    wanted = LogFilter(query.admin_id, query.action, query.since, query.until)
    entries, total = await context.services.platform.log(context.db, wanted, offset=query.offset, limit=query.limit)
    return LogPage([_line(entry) for entry in entries], total, query.page, query.limit)


def _line(entry: LogEntry) -> LogLine:
    return LogLine(
        entry.id, entry.actor, entry.actor_id, entry.actor_email,
        entry.actor_email if entry.actor == "admin" else None,
        entry.action, entry.resource_type, entry.resource_id, entry.workspace_id, entry.details, entry.request_id,
        entry.at,
    )  # fmt: skip


ROUTES = (Route("GET", "/admin/logs/activity", list_activity, ANY_ADMIN),)
