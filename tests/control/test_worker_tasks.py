"""The tasks that rooms export, joined."""

from datetime import datetime

import pytest

from control.db.duties import Duty, WorkerTasks, join_tasks
from control.db.pool import Connection


async def _do_nothing(db: Connection, now: datetime) -> int:
    return 0


def test_two_rooms_cannot_handle_the_same_job() -> None:
    async def run(payload: bytes) -> None:
        pass

    with pytest.raises(ValueError, match="job"):
        join_tasks([WorkerTasks(handlers={"note": run}), WorkerTasks(handlers={"note": run})])


def test_two_duties_cannot_have_the_same_name() -> None:
    duty = Duty("d", 1, _do_nothing, 1)
    with pytest.raises(ValueError, match="duties"):
        join_tasks([WorkerTasks(duties=[duty]), WorkerTasks(duties=[duty])])
