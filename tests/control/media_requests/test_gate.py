"""Turns of workspaces at the gate, in virtual order: nothing sleeps."""

import asyncio
from contextlib import suppress
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from control.media_requests.handlers import FairGate

WORKSPACES = [uuid4() for _ in range(3)]


class Visitors:
    """Who comes to a gate. inside: those who are in, in their order; each stays until it is told to leave."""

    def __init__(self, most: int) -> None:
        self.gate = FairGate(most)
        self.inside: list[tuple[UUID, asyncio.Event]] = []
        self.entered: list[UUID] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def come(self, workspace_id: UUID) -> None:
        """One more of this workspace."""
        self.tasks.append(asyncio.create_task(self._visit(workspace_id)))
        await settle()

    async def _visit(self, workspace_id: UUID) -> None:
        async with self.gate.entered(workspace_id):
            visit = (workspace_id, asyncio.Event())
            self.inside.append(visit)
            self.entered.append(workspace_id)
            try:
                await visit[1].wait()
            finally:
                self.inside.remove(visit)

    async def leave(self) -> None:
        """The first of those who are in."""
        self.inside[0][1].set()
        await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_hundred_of_one_workspace_delay_another_by_one() -> None:
    many, other, _ = WORKSPACES
    visitors = Visitors(1)
    for _ in range(100):
        await visitors.come(many)
    await visitors.come(other)
    for _ in range(2):
        await visitors.leave()
    assert visitors.entered == [many, many, other]
    while visitors.inside:
        await visitors.leave()
    assert len(visitors.entered) == 101


async def test_one_who_is_cancelled_with_its_turn_passes_it_on() -> None:
    first, second, third = WORKSPACES
    visitors = Visitors(1)
    for workspace_id in (first, second, third):
        await visitors.come(workspace_id)
    visitors.inside[0][1].set()
    while len(visitors.entered) == 1 and not visitors.tasks[0].done():  # noqa: ASYNC110 - one step of the loop
        await asyncio.sleep(0)
    visitors.tasks[1].cancel()  # it has its turn, and may not have run yet
    await settle()
    assert visitors.entered[-1] == third and [one for one, _ in visitors.inside] == [third]
    await visitors.leave()


@settings(max_examples=60, deadline=None)
@given(most=st.integers(1, 3), steps=st.lists(st.integers(0, 4), max_size=40))
def test_never_more_than_allowed_and_no_place_is_lost(most: int, steps: list[int]) -> None:
    """Steps: one of three workspaces comes, the first leaves, or the last that came is cancelled."""

    async def run() -> None:
        visitors = Visitors(most)
        for step in steps:
            if step < len(WORKSPACES):
                await visitors.come(WORKSPACES[step])
            elif step == 3 and visitors.inside:
                await visitors.leave()
            elif step == 4 and visitors.tasks:
                visitors.tasks.pop().cancel()
                await settle()
            assert len(visitors.inside) <= most
            waiting = sum(not task.done() for task in visitors.tasks) - len(visitors.inside)
            assert waiting <= 0 or len(visitors.inside) == most, "a place is free, and somebody waits"
        for task in visitors.tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for _ in range(most):
            await visitors.come(WORKSPACES[0])
        assert len(visitors.inside) == most
        while visitors.inside:
            await visitors.leave()

    asyncio.run(run())
