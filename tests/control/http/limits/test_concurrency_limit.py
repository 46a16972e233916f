"""The limits that keep room for webhooks."""

import asyncio

import pytest

from control.http.limits.concurrency_limit import ConcurrencyLimit, SenderConcurrencyLimit
from shared.errors import Unavailable
from tests.virtual_time import run_virtual


def test_some_are_admitted_some_wait_and_the_rest_are_refused() -> None:
    async def scenario() -> None:
        limit, admitted, opened = ConcurrencyLimit(2, waiting=3, wait_s=60), list[int](), asyncio.Event()

        async def enter() -> None:
            async with limit.acquired():
                admitted.append(1)
                await opened.wait()

        tasks = [asyncio.create_task(enter()) for _ in range(5)]
        await asyncio.sleep(0.1)
        assert len(admitted) == 2
        with pytest.raises(Unavailable):
            await enter()
        opened.set()
        await asyncio.gather(*tasks)
        assert len(admitted) == 5

    run_virtual(scenario())


def test_nobody_waits_longer_than_the_limit_and_a_place_is_left_to_the_next() -> None:
    async def scenario() -> None:
        limit, loop = ConcurrencyLimit(1, waiting=3, wait_s=2), asyncio.get_running_loop()
        async with limit.acquired():
            with pytest.raises(Unavailable):
                async with limit.acquired():
                    raise AssertionError("nobody left")
            assert loop.time() == pytest.approx(2)
        async with limit.acquired():
            pass

    run_virtual(scenario())


def test_a_sender_takes_its_share_of_the_places() -> None:
    async def scenario() -> None:
        limit = SenderConcurrencyLimit(3, each=2, waiting=3, wait_s=2)
        async with limit.acquired_by("ann"):
            async with limit.acquired_by("ann"), limit.acquired_by("bob"):
                with pytest.raises(Unavailable) as caught:
                    async with limit.acquired_by("ann"):
                        raise AssertionError("a third")
                assert caught.value.code == "busy"
            async with limit.acquired_by("ann"):
                pass

    run_virtual(scenario())
