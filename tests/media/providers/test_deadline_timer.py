"""A timer that is restarted for one item after another of a stream."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.deadline_timer import STEP_S, DeadlineTimer
from tests.media.providers.virtual import now, run
from tests.virtual_time import VirtualLoop

LIMITS = st.one_of(st.none(), st.floats(0.002, 0.5))


def timer_with_log(limit_s: float | None) -> tuple[DeadlineTimer, list[float]]:
    expired: list[float] = []
    return DeadlineTimer(limit_s, lambda: expired.append(now())), expired


@given(st.lists(st.tuples(LIMITS, st.floats(0.0, 0.6)), max_size=12))
def test_it_expires_once_by_the_latest_limit(steps: list[tuple[float | None, float]]) -> None:
    """Each step sets a limit and waits."""

    async def main() -> None:
        timer, expired = timer_with_log(None)
        for limit_s, wait_s in steps:
            timer.restart(limit_s)
            expires_at = None if limit_s is None else now() + limit_s
            await asyncio.sleep(wait_s)
            if expires_at is not None and expires_at < now() - 0.002:
                assert expired == [pytest.approx(expires_at, abs=0.002)]
                return
            if expired:  # within the resolution
                return
        timer.cancel()
        await asyncio.sleep(1.0)
        assert expired == []

    run(main())


def test_items_that_come_in_time_start_no_timer_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        loop, started = asyncio.get_running_loop(), list[float]()
        call_at = loop.call_at

        def count(when: float, callback: Callable[..., object], *arguments: object) -> asyncio.TimerHandle:
            started.append(when)
            return call_at(when, callback, *arguments)

        timer, expired = timer_with_log(None)
        monkeypatch.setattr(loop, "call_at", count)
        for _ in range(20):
            timer.restart(2.0)
            timer.restart(None)
        assert started == [STEP_S]
        monkeypatch.undo()
        await asyncio.sleep(5.0)
        assert expired == []

    run(main())


def test_lateness_before_a_limit_is_not_added_to_it() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        timer, expired = timer_with_log(5.0)
        timer.restart(None)
        await asyncio.sleep(0.01)
        loop.advance(1.5)  # the loop stands still
        timer.restart(0.3)
        await asyncio.sleep(1.0)
        assert expired == [pytest.approx(1.81)]

    run(main())


def test_a_limit_shorter_than_the_step_that_runs_is_kept() -> None:
    async def main() -> None:
        timer, expired = timer_with_log(10.0)
        await asyncio.sleep(0.01)
        timer.restart(0.02)
        await asyncio.sleep(1.0)
        assert expired == [pytest.approx(0.03)]

    run(main())
