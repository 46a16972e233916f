"""Route of the audit log, for the staff."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from control.api.admin.logs_views import LogPage, to_line
from control.audit.rules import AuditFilter
from control.audit.service import list_entries
from control.http.access import ANY_ADMIN
from control.http.context import AdminContext
from control.http.pagination import ListQuery, UtcDatetime, page_fields
from control.http.route import Route

Action = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,99}$")]


class LogQuery(ListQuery):
    """Filters of the log."""

    admin_id: UUID | None = Field(None, description="Only actions of this person.")
    action: Action | None = Field(
        None, description="Only this action, such as workspace.suspend.", examples=["workspace.suspend"]
    )
    since: UtcDatetime | None = Field(None, alias="from", description="Only entries at or after this time.")
    until: UtcDatetime | None = Field(None, alias="to", description="Only entries before this time.")


async def list_activity(context: AdminContext, query: LogQuery) -> LogPage:
    """Actions on the platform, newest first."""
    wanted = AuditFilter(query.admin_id, query.action, query.since, query.until)
    found = await list_entries(context.db, wanted, query.request())
    return LogPage([to_line(entry) for entry in found.rows], **page_fields(query, found))


ROUTES = (Route("GET", "/admin/logs/activity", list_activity, ANY_ADMIN),)
