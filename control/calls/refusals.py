"""Refused calls: how a refusal is stored, and repeated when the carrier asks again."""

from datetime import datetime
from uuid import UUID

from control.agents.lookup import AnsweringAgent
from control.calls import store
from control.calls.admission import refuse
from control.calls.announcements import make_refusal
from control.calls.model import RefusedCall
from control.calls.state_changes import save_changes
from control.calls.store import StoredCall
from control.db.pool import Connection


async def record_refusal(db: Connection, call_id: UUID, refusal: RefusedCall, now: datetime) -> None:
    """Stores a refusal that was decided after the row was inserted: no media node, or Redis unavailable."""
    call = await store.lock_one(db, call_id)
    if call is not None:
        await save_changes(db, [(call.state, refuse(call.state, refusal.reason, now))])


def repeat_refusal(call: StoredCall, agent: AnsweringAgent | None) -> RefusedCall:
    """Why a call that is over is not admitted again: the reason of its refusal, if it was refused."""
    current = call.state
    reason = current.details.refused or "unusable"
    is_closed = agent is not None and reason == "outside_hours"
    text = agent.closing_text(call.to_planned(current.created_at)) if agent and is_closed else None
    return make_refusal(reason, agent.language if agent else "en", current.id, text)
