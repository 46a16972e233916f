"""Routes of call exports for workspace members."""

from functools import partial
from typing import Literal

from pydantic import Field

from control.analytics.call_exports.rules import CONTENT_TYPES
from control.analytics.call_exports.service import MAX_DAYS, CallExports, ExportingMember
from control.analytics.fields import MemberRangeQuery
from control.analytics.periods import RANGE_ERRORS
from control.analytics.workspace_figures.service import WorkspaceAnalytics
from control.http.access import member
from control.http.context import MemberContext
from control.http.responses.streamed_file import StreamedFile
from control.http.route import Route
from control.platform.service import find_currency


class ExportQuery(MemberRangeQuery):
    """The format of the file, and the days in the workspace's time zone."""

    format: Literal["csv", "json"] = Field("csv", description="`csv` for spreadsheets, `json` for programs.")


async def export_calls(context: MemberContext, query: ExportQuery) -> StreamedFile:
    """Export the calls as a file with a row per call, including test calls.

    If the export fails, the connection is reset, so an incomplete file can be recognized.
    """
    exports, workspace_id = context.services[CallExports], context.workspace_id
    analytics, choice = context.services[WorkspaceAnalytics], query.to_choice()
    days = await analytics.resolve(context.db, workspace_id, choice, context.now, MAX_DAYS)
    currency = await find_currency(context.db, workspace_id)
    exporter = ExportingMember(workspace_id, context.user_id, context.actor, currency)
    export = await exports.begin(context.db, exporter, days, query.format, context.now)
    return StreamedFile(
        name=export.name,
        content_type=CONTENT_TYPES[query.format],
        open=partial(exports.make_file, export),
        stall_s=exports.policy.stall_s,
        longest_s=exports.policy.longest_s,
    )


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/workspaces/{workspaceId}/analytics/export",
        export_calls,
        member("admin", "calls:read"),
        errors=(*RANGE_ERRORS, "429 export_running", "429 export_hourly_limit"),
    ),
)
