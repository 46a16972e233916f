"""The rules of outbound calls, asked again when a carrier is about to be told to dial a number."""

import structlog

from control.calls.model import OpenCall
from control.calls.service import Calls
from control.db.pool import Connection
from shared.errors import Invalid

log = structlog.get_logger()


async def may_transfer(db: Connection, calls: Calls, call: OpenCall, number: str) -> bool:
    """Whether the caller is transferred to this number now, whoever named it: the agent's config, a member, or what
    stands in Redis. Logs why not."""
    try:
        await calls.require_transferable(db, call.workspace_id, number)
    except Invalid as fault:
        log.warning("transfer.destination_refused", call_id=str(call.call_id), code=fault.code)
        return False
    return True
