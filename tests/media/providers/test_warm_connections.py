"""Connections that are kept open: reused, bounded in number and age, and never shared."""

import asyncio

import pytest

from media.providers.cleanup import close_within
from media.providers.ports import ProviderError
from media.providers.warm_connections import WarmConnections
from tests.virtual_time import run_virtual


class FakeConnection:
    def __init__(self) -> None:
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False


class Vendor:
    def __init__(self) -> None:
        self.opened: list[FakeConnection] = []
        self.is_down = False

    async def open(self) -> FakeConnection:
        await asyncio.sleep(0.1)
        if self.is_down:
            raise ProviderError("v", "down")
        self.opened.append(FakeConnection())
        return self.opened[-1]


def test_a_connection_is_used_again_by_one_request_at_a_time() -> None:
    async def scenario() -> None:
        vendor = Vendor()
        warm = WarmConnections(vendor.open)
        first, second = await warm.take(), await warm.take()
        assert first is not second
        warm.give_back(first)
        assert await warm.take() is first
        assert len(vendor.opened) == 2

    run_virtual(scenario())


@pytest.mark.parametrize("broken", ["closed", "old", "dirty"])
def test_a_connection_that_cannot_be_used_again_is_closed(broken: str) -> None:
    async def scenario() -> None:
        vendor = Vendor()
        warm = WarmConnections(vendor.open, max_age_s=10)
        first = await warm.take()
        if broken == "closed":
            first.is_open = False
        if broken == "old":
            await asyncio.sleep(11)
        warm.give_back(first, reusable=broken != "dirty")
        assert await warm.take() is not first
        await asyncio.sleep(0)
        assert not first.is_open

    run_virtual(scenario())


def test_an_idle_connection_that_grew_old_or_was_closed_is_not_handed_out() -> None:
    async def scenario() -> None:
        vendor = Vendor()
        warm = WarmConnections(vendor.open, max_age_s=10)
        old, dead = await warm.take(), await warm.take()
        warm.give_back(old)
        warm.give_back(dead)
        dead.is_open = False
        await asyncio.sleep(11)
        assert not old.is_open
        assert await warm.take() not in (old, dead)

    run_virtual(scenario())


def test_a_connection_comes_back_once_what_was_awaited_is_over() -> None:
    async def scenario() -> None:
        warm = WarmConnections(Vendor().open)
        good, bad = await warm.take(), await warm.take()

        async def clear(*, works: bool) -> bool:
            await asyncio.sleep(1)
            return works

        warm.give_back_when(good, clear(works=True))
        warm.give_back_when(bad, clear(works=False))
        assert warm.idle_count == 0
        await asyncio.sleep(2)
        assert (warm.idle_count, good.is_open, bad.is_open) == (1, True, False)

    run_virtual(scenario())


def test_only_so_many_are_kept() -> None:
    async def scenario() -> None:
        warm = WarmConnections(Vendor().open, max_idle=2)
        taken = [await warm.take() for _ in range(5)]
        for connection in taken:
            warm.give_back(connection)
        await asyncio.sleep(0)
        assert warm.idle_count == 2
        assert [connection.is_open for connection in taken] == [True, True, False, False, False]

    run_virtual(scenario())


def test_one_is_prepared_in_the_background_and_a_failure_does_no_harm() -> None:
    async def scenario() -> None:
        vendor = Vendor()
        warm = WarmConnections(vendor.open)
        vendor.is_down = True
        warm.prepare()
        await asyncio.sleep(1)
        assert warm.idle_count == 0
        vendor.is_down = False
        warm.prepare()
        warm.prepare()
        await asyncio.sleep(0.05)
        assert await warm.take() is vendor.opened[0]  # waits for it
        assert len(vendor.opened) == 1

    run_virtual(scenario())


def test_after_the_end_nothing_is_kept() -> None:
    async def scenario() -> None:
        vendor = Vendor()
        warm = WarmConnections(vendor.open)
        used = await warm.take()
        warm.give_back(await warm.take())
        await warm.close()
        assert not vendor.opened[1].is_open
        warm.give_back(used)
        await asyncio.sleep(0)
        assert not used.is_open

    run_virtual(scenario())


def test_a_close_that_takes_too_long_loses_no_connection_in_use() -> None:
    async def scenario() -> None:
        warm = WarmConnections(Vendor().open)
        used = await warm.take()

        async def clear() -> bool:
            await asyncio.sleep(5)
            return True

        warm.give_back_when(used, clear())
        await close_within(warm.close())
        assert used.is_open
        await asyncio.sleep(6)
        assert not used.is_open

    run_virtual(scenario())


def test_idle_connections_are_not_used_after_one_that_failed() -> None:
    async def scenario() -> None:
        vendor = Vendor()
        warm = WarmConnections(vendor.open)
        idle, failed, working = await warm.take(), await warm.take(), await warm.take()
        warm.give_back(idle)
        warm.distrust()
        warm.give_back(failed, reusable=False)
        assert warm.idle_count == 0
        warm.give_back(working)
        assert await warm.take() is working
        await asyncio.sleep(0)
        assert not idle.is_open

    run_virtual(scenario())


def test_a_connection_that_was_being_opened_when_one_failed_is_not_kept() -> None:
    async def scenario() -> None:
        warm = WarmConnections(Vendor().open)
        warm.prepare()
        await asyncio.sleep(0.05)
        warm.distrust()
        await asyncio.sleep(0.1)
        assert warm.idle_count == 0

    run_virtual(scenario())
