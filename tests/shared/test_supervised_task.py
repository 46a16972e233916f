"""A long-lived task that ends by itself is dead at once, counted, and started again after a pause that doubles."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from shared.supervised_task import FIRST_PAUSE_S, LONGEST_PAUSE_S, STEADY_S, SupervisedTask
from tests.virtual_time import run_virtual

Work = Callable[[], Awaitable[None]]


async def _fail() -> None:
    raise ZeroDivisionError


async def _return() -> None:
    return


async def _cancel_itself() -> None:
    current = asyncio.current_task()
    assert current is not None
    current.cancel()
    await asyncio.sleep(1)


@pytest.mark.parametrize("end", [_fail, _return, _cancel_itself])
def test_a_task_is_dead_however_it_ends_and_runs_again_after_a_pause(end: Work) -> None:
    async def scenario() -> None:
        started, deaths = list[float](), list[str]()
        loop = asyncio.get_running_loop()

        async def work() -> None:
            started.append(loop.time())
            if len(started) == 1:
                return await end()
            await asyncio.Event().wait()

        task = SupervisedTask("beats", work, deaths.append)
        await asyncio.sleep(FIRST_PAUSE_S / 2)
        assert (task.is_dead, deaths) == (True, ["beats"])
        await asyncio.sleep(FIRST_PAUSE_S)
        assert (task.is_dead, len(started)) == (False, 2)
        await task.stop()
        assert deaths == ["beats"]

    run_virtual(scenario())


def test_pause_doubles_up_to_a_limit_and_resets_after_a_steady_run() -> None:
    async def scenario() -> None:
        started, loop = list[float](), asyncio.get_running_loop()

        async def work() -> None:
            started.append(loop.time())
            if len(started) == 8:
                await asyncio.sleep(STEADY_S)
            raise ZeroDivisionError

        task = SupervisedTask("beats", work, lambda _: None)
        await asyncio.sleep(1_000)
        await task.stop()
        pauses = [round(later - earlier) for earlier, later in pairwise(started)]
        assert pauses[:7] == [1, 2, 4, 8, 16, 30, 30] and LONGEST_PAUSE_S == 30
        assert pauses[7:9] == [STEADY_S + FIRST_PAUSE_S, 2]

    run_virtual(scenario())


def test_stopped_while_dead_it_does_not_start_again() -> None:
    async def scenario() -> None:
        runs = list[int]()

        async def work() -> None:
            runs.append(1)

        task = SupervisedTask("beats", work, lambda _: None)
        await asyncio.sleep(0.1)
        await task.stop()
        await task.wait()
        await asyncio.sleep(10)
        assert (len(runs), task.is_dead) == (1, False)

    run_virtual(scenario())


def test_its_return_is_no_death_once_it_may_end() -> None:
    async def scenario() -> None:
        over, deaths = asyncio.Event(), list[str]()

        async def work() -> None:
            await over.wait()

        task = SupervisedTask("duty", work, deaths.append, until=over)
        over.set()
        await task.wait()
        assert (deaths, task.is_dead) == ([], False)

    run_virtual(scenario())


def test_a_cancellation_that_is_swallowed_once_is_repeated() -> None:
    async def scenario() -> None:
        async def work() -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(60)

        task = SupervisedTask("beats", work, lambda _: None)
        await asyncio.sleep(0.1)
        async with asyncio.timeout(1):
            await task.stop()

    run_virtual(scenario())


def test_an_error_at_its_end_holds_nothing_up() -> None:
    """A program that ends would wait out the pause, 30 s at worst, to start a task that has nothing to do."""

    async def scenario() -> None:
        over, deaths = asyncio.Event(), list[str]()

        async def work() -> None:
            await over.wait()
            raise ZeroDivisionError

        task = SupervisedTask("duty", work, deaths.append, until=over)
        await asyncio.sleep(0.1)
        over.set()
        with capture_logs() as logs:
            async with asyncio.timeout(FIRST_PAUSE_S / 2):
                await task.wait()
        assert (deaths, task.is_dead) == ([], False)
        assert [(entry["event"], entry["fault"]) for entry in logs] == [("task.end_failed", "ZeroDivisionError")]

    run_virtual(scenario())
