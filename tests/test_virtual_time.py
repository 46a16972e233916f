"""The virtual clock: jumps, order, deadlocks, threads, unhandled failures."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.virtual_time import Deadlock, Unhandled, clock_ms, run_virtual


def test_hours_pass_immediately() -> None:
    async def scenario() -> float:
        await asyncio.sleep(3_000)
        await asyncio.sleep(0.25)
        return clock_ms()

    assert run_virtual(scenario()) == 3_000_250.0


def test_timers_run_in_order_and_each_at_its_own_time() -> None:
    seen: list[tuple[str, float]] = []

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, round(clock_ms(), 6)))

    async def scenario() -> None:
        await asyncio.gather(wait("c", 0.3), wait("a", 0.1), wait("b", 0.1 + 0.1))

    run_virtual(scenario())
    assert seen == [("a", 100.0), ("b", 200.0), ("c", 300.0)]


def test_a_timeout_fires_in_virtual_time() -> None:
    async def scenario() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(7):
                await asyncio.Event().wait()
        return clock_ms()

    assert run_virtual(scenario()) == 7_000.0


def test_deadlock_names_the_waiting_tasks() -> None:
    async def stuck_here() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match=r"stuck_here.*test_virtual_time"):
        run_virtual(stuck_here())


def test_heartbeat_does_not_hide_a_deadlock() -> None:
    def beat() -> None:
        asyncio.get_running_loop().call_later(1, beat)

    async def scenario() -> None:
        beat()
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="not over after 50 s"):
        run_virtual(scenario(), limit_s=50)


def test_work_on_threads_takes_no_time() -> None:
    async def scenario() -> tuple[int, int, float]:
        with ThreadPoolExecutor(1) as pool:
            loop = asyncio.get_running_loop()
            own = await loop.run_in_executor(pool, divmod, 7, 2)
            theirs = await asyncio.to_thread(int, "5")
        return own[0], theirs, clock_ms()

    assert run_virtual(scenario()) == (3, 5, 0.0)


def test_failure_on_a_thread_is_raised_where_it_is_awaited() -> None:
    async def scenario() -> None:
        await asyncio.to_thread(int, "x")

    with pytest.raises(ValueError, match="invalid literal"):
        run_virtual(scenario())


def test_failing_callback_fails_the_run() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        asyncio.get_running_loop().call_later(1, fail)
        await asyncio.sleep(2)

    with pytest.raises(Unhandled) as caught:
        run_virtual(scenario())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_unfinished_tasks_are_cancelled() -> None:
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.sleep(10_000)
        finally:
            ended.append("cancelled")

    async def scenario() -> asyncio.Task[None]:
        task = asyncio.create_task(endless())
        await asyncio.sleep(0)
        return task

    assert run_virtual(scenario()).cancelled()
    assert ended == ["cancelled"]


def test_call_from_another_thread_is_refused() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(loop.call_soon, print)

    with pytest.raises(RuntimeError, match="call_soon_threadsafe"):
        run_virtual(scenario())


@pytest.mark.parametrize("schedule", ["call_soon", "call_later"])
def test_coroutine_is_no_callback(schedule: str) -> None:
    async def never() -> None: ...

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        if schedule == "call_soon":
            loop.call_soon(never)
        else:
            loop.call_later(1, never)

    with pytest.raises(TypeError, match="is a coroutine, no callback"):
        run_virtual(scenario())
