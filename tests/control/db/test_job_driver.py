"""Notifications of the job queue, in virtual time."""

import asyncio

from control.db.job_driver import CHANGE, GATHER_S, ChangeAnnouncer
from tests.virtual_time import run_virtual


def change(number: int) -> str:
    return f'{{"type" : "{CHANGE}", "number" : {number}}}'


def test_announces_the_first_change_at_once_and_the_following_ones_together() -> None:
    heard: list[str | bytes | bytearray] = []

    async def announce() -> None:
        announcer = ChangeAnnouncer(heard.append)
        for number in range(5):
            announcer(change(number))
        assert heard == [change(0)]
        await asyncio.sleep(GATHER_S * 1.5)
        assert heard == [change(0), change(4)]
        await asyncio.sleep(GATHER_S)
        announcer(change(5))
        assert heard[2:] == [change(5)]

    run_virtual(announce())


def test_passes_other_notifications_on_at_once() -> None:
    heard: list[str | bytes | bytearray] = []

    async def announce() -> None:
        announcer = ChangeAnnouncer(heard.append)
        announcer(change(0))
        announcer('{"type" : "health_check_event"}')

    run_virtual(announce())
    assert len(heard) == 2
