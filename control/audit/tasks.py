"""The worker's tasks for the audit log: seal new entries, and continuously verify the seals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog

from control.audit import queries
from control.audit.rules import AuditBreak, AuditSeal
from control.audit.seals import BATCH, audit_keys, find_dated_back, seal_entries, verify_seals
from control.db.duties import Duty, WorkerTasks
from control.db.pool import Connection
from shared.secrets import Sealer

# Number of seals that a run verifies.
SEALS_A_RUN: Final = 100

log = structlog.get_logger()


def audit_tasks(sealer: Sealer, report: Callable[[int], None]) -> WorkerTasks:
    """Return the duties `audit_seals` and `audit_check`.

    Args:
        report: Receives the number of breaks found by the last complete pass over all seals and by the current pass.
    """
    keys = audit_keys(sealer)
    check = AuditCheck(keys, report)

    async def seal(db: Connection, now: datetime) -> int:
        return await seal_entries(db, keys, now)

    return WorkerTasks(duties=[Duty("audit_seals", 60, seal, BATCH), Duty("audit_check", 60, check.run, 1 << 30)])


@dataclass(slots=True)
class AuditCheck:
    """Verifies SEALS_A_RUN seals per run, from the first seal to the newest, and then starts again.

    The position is not stored, so a restarted worker begins with the first seal. Each pass must find the newest seal of
    the previous pass; otherwise the end of the log was cut off.
    """

    keys: Sequence[bytes]
    report: Callable[[int], None]
    _reached: AuditSeal | None = None
    _newest: AuditSeal | None = None
    _is_met: bool = False
    _found: dict[int, list[AuditBreak]] = field(default_factory=dict)

    async def run(self, db: Connection, _: datetime) -> int:
        """Verify the next seals. Return how many were verified."""
        seals = await queries.select_seals(db, self._reached.number if self._reached else 0, SEALS_A_RUN)
        if not seals:
            self._end_pass(await find_dated_back(db, self._reached))
        else:
            self._note(seals, await verify_seals(db, self.keys, self._reached, seals))
            self._reached = seals[-1]
        self.report(sum(map(len, self._found.values())))
        return len(seals)

    def _end_pass(self, breaks: Sequence[AuditBreak]) -> None:
        if self._newest is not None and not self._is_met:
            breaks = [*breaks, AuditBreak("seal_missing", self._newest.number)]
        else:
            self._newest = self._reached
        self._found[0] = list(breaks)
        self._log(breaks)
        self._reached, self._is_met = None, False

    def _note(self, seals: Sequence[AuditSeal], breaks: Sequence[AuditBreak]) -> None:
        self._is_met |= self._newest is not None and self._newest.digest in [seal.digest for seal in seals]
        self._found[seals[0].number] = list(breaks)
        self._log(breaks)

    def _log(self, breaks: Sequence[AuditBreak]) -> None:
        for found in breaks:
            log.error("audit.break_found", kind=found.kind, seal=found.seal, entry=str(found.entry_id or ""))
