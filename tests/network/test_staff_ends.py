"""The staff end running calls over both carriers: one call, and all calls of a workspace by its suspension."""

import asyncio
from collections.abc import Sequence

import pytest

from lab.stage.callers import RehearsalCaller, scripted_caller
from lab.stage.platform import Platform
from simulator.carrier.prepared_turn import PreparedTurn
from tests.network.call_record import CallRecord, find_call_id, wait_for_record

pytestmark = pytest.mark.asyncio(loop_scope="package")

CARRIERS = ("twilio", "telnyx")


async def start_calls(
    platform: Platform, turns: Sequence[PreparedTurn], first: int
) -> list[tuple[RehearsalCaller, asyncio.Task[None]]]:
    """A running call over each carrier. first: place of the first caller's number."""
    callers = [scripted_caller(turns, first + place) for place in range(len(CARRIERS))]
    numbers = [platform.workspace.agents[carrier].number for carrier in CARRIERS]
    running = [
        (caller, asyncio.create_task(caller.call(platform.network.phone_network, number)))
        for caller, number in zip(callers, numbers, strict=True)
    ]
    async with asyncio.timeout(60):
        while len(await live_calls(platform, callers)) < len(callers):  # noqa: ASYNC110  # the API is polled
            await asyncio.sleep(0.1)
    return running


async def live_calls(platform: Platform, callers: Sequence[RehearsalCaller]) -> list[str]:
    """Ids of these callers' calls that are in progress."""
    found = await platform.staff.request("GET", "/admin/calls/live")
    numbers = {caller.number for caller in callers}
    return [
        call["id"]
        for call in found["active_calls"]
        if call["status"] == "in_progress" and call["caller_number"] in numbers
    ]


async def finish(platform: Platform, running: list[tuple[RehearsalCaller, asyncio.Task[None]]]) -> list[CallRecord]:
    """Waits for the ends of the calls; returns their records."""
    async with asyncio.timeout(60):
        await asyncio.gather(*(task for _, task in running), return_exceptions=True)
    ids = [await find_call_id(platform, caller.call_id) for caller, _ in running]
    return [await wait_for_record(platform, call_id, recorded=False) for call_id in ids]


async def test_staff_end_one_call_after_a_goodbye(platform: Platform, turns: Sequence[PreparedTurn]) -> None:
    running = await start_calls(platform, turns, 700)
    for call_id in await live_calls(platform, [caller for caller, _ in running]):
        done = await platform.staff.request("POST", f"/admin/calls/{call_id}/end", {"reason": "Ticket 1234"})
        assert done == {"outcome": "ending"}
    for record in await finish(platform, running):
        assert (record.call["status"], record.call["end_reason"]) == ("completed", "admin")
        again = await platform.staff.request("POST", f"/admin/calls/{record.call['id']}/end", {})
        assert again == {"outcome": "ended"}


async def test_suspension_ends_the_running_calls(platform: Platform, turns: Sequence[PreparedTurn]) -> None:
    running = await start_calls(platform, turns, 710)
    path = f"/admin{platform.workspace.path}"
    try:
        await platform.staff.request("POST", f"{path}/suspend", {"reason": "Toll fraud"})
        records = await finish(platform, running)
    finally:
        await platform.staff.request("POST", f"{path}/activate")
    assert [(record.call["status"], record.call["end_reason"]) for record in records] == [("completed", "admin")] * 2
