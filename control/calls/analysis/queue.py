"""Has calls analysed that are over, by a job that is enqueued in the transaction that stored their end."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

import msgspec

from control.calls.analysis import store_analysis
from control.calls.state import CallState
from control.db.jobs import enqueue
from control.db.pool import Connection

ANALYSE_CALL: Final = "calls.analyse"
# The last events of a call come within a few seconds after its end; those of a lost node later, which analyse it again.
ANALYSE_AFTER_S: Final = 10.0


class AnalyseCallJob(msgspec.Struct, frozen=True):
    """Payload of the job. attempt: how often it failed before."""

    call_id: UUID
    attempt: int = 0


async def enqueue_analyses(db: Connection, changed: Iterable[tuple[CallState, CallState]]) -> None:
    """For the calls of (before, after) that are over now, and for those whose transcript changed after that. A call has
    one job at a time. The rows must be written and locked. Needs platform scope."""
    due = [after.id for before, after in changed if after.transcription and _is_due(before, after)]
    for call_id in await store_analysis.mark_pending(db, due) if due else ():
        await enqueue(db, ANALYSE_CALL, msgspec.json.encode(AnalyseCallJob(call_id)), delay_s=ANALYSE_AFTER_S)


def _is_due(before: CallState, after: CallState) -> bool:
    return after.is_final and (not before.is_final or after.transcription != before.transcription)
