"""Reading a provider's stream with a time limit for each item."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from media.providers.chain.timed_stream import TimedStream
from media.providers.ports import ProviderError, ProviderSlow
from tests.media.providers.virtual import now, run


async def numbers(*steps: float | BaseException) -> AsyncIterator[int]:
    """Yields its count after each wait."""
    for count, step in enumerate(steps):
        if isinstance(step, BaseException):
            raise step
        await asyncio.sleep(step)
        yield count


def test_each_item_has_its_limit() -> None:
    async def main() -> None:
        stream = TimedStream(numbers(0.9, 0.9, 0.9), "a")
        assert [await stream.next(1.0) for _ in range(4)] == [0, 1, 2, None]
        await stream.close()

    run(main())


def test_late_item_is_a_slow_provider_and_the_task_goes_on() -> None:
    async def main() -> None:
        stream = TimedStream(numbers(0.5, 5.0), "a")
        assert await stream.next(1.0) == 0
        with pytest.raises(ProviderSlow, match="no data for 1 s"):
            await stream.next(1.0)
        assert now() == pytest.approx(1.5)
        await stream.close()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(1.0)

    run(main())


def test_limit_is_set_while_the_item_is_awaited() -> None:
    async def main() -> None:
        stream = TimedStream(numbers(60.0), "a")
        asyncio.get_running_loop().call_later(3.0, stream.set_limit, 0.5)
        with pytest.raises(ProviderSlow):
            await stream.next(None)
        assert now() == pytest.approx(3.5)
        await stream.close()

    run(main())


def test_no_limit_runs_between_two_items() -> None:
    async def main() -> None:
        stream = TimedStream(numbers(0.1, 0.1), "a")
        assert await stream.next(0.5) == 0
        await asyncio.sleep(5.0)
        assert await stream.next(0.5) == 1
        await stream.close()

    run(main())


def test_items_are_awaited_by_one_task_after_another() -> None:
    async def main() -> None:
        stream = TimedStream(numbers(0.1, 0.1, 5.0), "a")
        assert await asyncio.create_task(stream.next(0.5)) == 0
        assert await stream.next(0.5) == 1
        with pytest.raises(ProviderSlow):
            await asyncio.create_task(stream.next(0.5))
        await stream.close()

    run(main())


def test_cancelled_by_others_is_no_slow_provider() -> None:
    async def main() -> None:
        stream = TimedStream(numbers(5.0), "a")
        task = asyncio.create_task(stream.next(1.0))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await stream.close()

    run(main())


def test_cancelled_by_others_and_by_the_limit_at_once_is_cancelled() -> None:
    async def main() -> None:
        stream = TimedStream(numbers(5.0), "a")
        task = asyncio.create_task(stream.next(1.0))
        await asyncio.sleep(0)  # its limit is set, and this timer fires after it
        asyncio.get_running_loop().call_at(1.0, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert now() == pytest.approx(1.0)
        await stream.close()

    run(main())


def test_an_outer_limit_is_not_taken_for_the_own_one() -> None:
    async def main() -> None:
        stream = TimedStream(numbers(5.0), "a")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await stream.next(1.0)
        await stream.close()

    run(main())


@pytest.mark.parametrize("error", [ProviderError("a", "refused"), ValueError("broken")])
def test_errors_of_the_provider_pass(error: Exception) -> None:
    async def main() -> None:
        stream = TimedStream(numbers(0.1, error), "a")
        assert await stream.next(1.0) == 0
        with pytest.raises(type(error)):
            await stream.next(1.0)
        await stream.close()

    run(main())


def test_a_time_limit_of_the_provider_itself_is_told_apart() -> None:
    async def main() -> None:
        stream = TimedStream(numbers(TimeoutError()), "a")
        with pytest.raises(ProviderError, match="a timeout of its own") as caught:
            await stream.next(1.0)
        assert not isinstance(caught.value, ProviderSlow)
        await stream.close()

    run(main())


def test_an_error_while_the_stream_is_cancelled_leaves_the_task_uncancelled() -> None:
    async def stubborn() -> AsyncIterator[int]:
        try:
            await asyncio.sleep(5.0)
        except asyncio.CancelledError:
            raise ProviderError("a", "closed") from None
        yield 1

    async def main() -> None:
        stream = TimedStream(stubborn(), "a")
        with pytest.raises(ProviderError, match="closed"):
            await stream.next(1.0)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await stream.close()

    run(main())


def test_an_item_that_comes_as_the_limit_expires_is_taken() -> None:
    async def main() -> None:
        item: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def source() -> AsyncIterator[int]:
            yield await item
            await asyncio.sleep(2.0)
            yield 8

        stream = TimedStream(source(), "a")

        async def read() -> list[int | None]:
            return [await stream.next(1.0), await stream.next(9.0)]

        reading = asyncio.create_task(read())
        asyncio.get_running_loop().call_at(1.0, item.set_result, 7)
        assert await reading == [7, 8]
        await stream.close()

    run(main())


def test_a_stream_that_goes_on_after_a_limit_has_limits_still() -> None:
    async def deaf() -> AsyncIterator[int]:
        for count in range(2):
            try:
                await asyncio.sleep(5.0)
            except asyncio.CancelledError:
                yield count
        await asyncio.sleep(5.0)

    async def main() -> None:
        stream = TimedStream(deaf(), "a")
        assert await stream.next(0.3) == 0
        assert await stream.next(0.3) == 1
        with pytest.raises(ProviderSlow):
            await stream.next(0.3)
        assert now() == pytest.approx(0.9)
        await stream.close()

    run(main())
