"""Answers a media node that asks whether a supervision session may continue."""

from typing import Final

from control.calls.records.service import CallRecords
from control.calls.supervision.service import require_listenable
from control.db.pool import Connection
from control.http.access import admin, member
from control.http.auth.lasting_rights import LastingRights
from control.media_requests.handlers import HandlerContext, MediaRequestHandler, RequestHandlers
from shared.bus.requests import SUPERVISION_CHECK
from shared.errors import Conflict

MEMBERS: Final = member("member", "calls:supervise")
STAFF: Final = admin("support")


class SupervisionChecks:
    """Repeats the checks of a session's opening: the person's rights, redaction, and the caller's refusal."""

    def __init__(self, rights: LastingRights, records: CallRecords) -> None:
        self._rights, self._records = rights, records

    def handlers(self) -> RequestHandlers:
        """Returns the handlers for the reader of media's requests."""
        return {SUPERVISION_CHECK: MediaRequestHandler(self._run)}

    async def _run(self, context: HandlerContext) -> bool:
        call_id, workspace_id = context.call.id, context.call.workspace_id

        async def check(db: Connection) -> bool:
            try:
                await require_listenable(db, await self._records.find(db, workspace_id, call_id))
            except Conflict:
                return False
            accesses = (MEMBERS, STAFF)
            return await self._rights.hold(db, SUPERVISION_CHECK, context.arguments, call_id, workspace_id, accesses)

        return await context.in_transaction(check)
