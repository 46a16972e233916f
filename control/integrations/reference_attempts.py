"""Bounds how often callers may tell references of appointments, right or wrong."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.integrations.read_reference_attempts import count_attempts
from control.integrations.store_reference_attempts import has_attempt, insert_attempt, lock_attempts
from shared.errors import Conflict

# A number that guesses all day names one of 500 coming appointments with a chance of 1 in 10,000.
MOST_IN_CALL: Final = 5
MOST_OF_NUMBER: Final = 20


@dataclass(frozen=True, slots=True)
class ReferenceAttempt:
    """A run of a tool that gets a reference. number: of the customer; empty: withheld."""

    workspace_id: UUID
    call_id: UUID
    run_id: str
    number: str


async def count_attempt(db: Connection, attempt: ReferenceAttempt, now: datetime) -> None:
    """Before the reference is looked at, so that a process that dies has counted it. Raises Conflict
    (too_many_references)."""
    run = (attempt.workspace_id, attempt.call_id, attempt.run_id)
    await lock_attempts(db, attempt.workspace_id)
    if await has_attempt(db, *run):
        return
    in_call, of_number = await count_attempts(db, attempt.workspace_id, attempt.call_id, attempt.number, now)
    if in_call >= MOST_IN_CALL or of_number >= MOST_OF_NUMBER:
        message = "Too many references were tried. Nothing was changed. Take a message instead."
        raise Conflict(message, code="too_many_references")
    await insert_attempt(db, *run, now)
