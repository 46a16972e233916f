"""No workspace and no handler takes all places of an API process."""

import asyncio
from collections import deque
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.calls.records.running_calls import AdmittedCall
from control.media_requests.handlers import HandlerContext, MediaRequestHandler
from control.media_requests.service import RequestShares
from shared.bus.requests import RequestRefused
from shared.errors import TooManyRequests
from tests.control.calls.call_platform import CallPlatform
from tests.control.media_requests.ends import Node, running_api_process


def test_a_place_is_given_back_and_the_names_are_forgotten() -> None:
    shares = RequestShares(places=2, per_handler=2)
    for _ in range(3):
        with shares.taken("acme", "context"):
            with pytest.raises(TooManyRequests), shares.taken("acme", "message"):
                raise AssertionError("the workspace has no place left")
            with shares.taken("oak", "context"):
                pass
    with pytest.raises(ValueError), shares.taken("acme", "context"):
        raise ValueError
    assert not shares._workspaces and not shares._handlers and not shares._taken


def test_a_handler_has_a_share_over_all_workspaces() -> None:
    shares = RequestShares(places=20, per_handler=2)
    with shares.taken("acme", "context"), shares.taken("oak", "context"):
        with pytest.raises(TooManyRequests), shares.taken("elm", "context"):
            raise AssertionError("the handler has no place left")
        with shares.taken("elm", "message"):
            pass


def take_all(shares: RequestShares, stack: ExitStack, workspace: str, handler: str) -> int:
    """Takes as many places as the workspace gets; returns how many."""
    count = 0
    with suppress(TooManyRequests):
        while True:
            stack.enter_context(shares.taken(workspace, handler))
            count += 1
    return count


@given(st.integers(0, 30), st.integers(40, 300))
def test_any_number_of_workspaces_that_hang_leaves_a_share_to_the_next(hanging: int, places: int) -> None:
    """Whoever comes first, and however often each of them asks."""
    shares = RequestShares(places=places, per_handler=places * 3 // 4)
    with ExitStack() as stack:
        for number in range(hanging):
            for _ in range(2):
                take_all(shares, stack, f"hanging-{number}", "workspace")
        fair = places * 3 // 4 // 2 ** min(hanging + 1, 9)
        assert take_all(shares, stack, "next", "workspace") >= fair
        assert take_all(shares, stack, "next", "context") >= places // 8 - fair


def test_workspaces_that_hang_one_after_another_end_at_equal_shares() -> None:
    """240 places, 180 of them for tools: four workspaces whose requests keep coming and going hold 36 each."""
    shares, held = RequestShares(places=240, per_handler=180), [deque[ExitStack]() for _ in range(4)]
    for _ in range(1_000):
        for number, mine in enumerate(held):
            if len(mine) > 1:
                mine.popleft().close()
            for _ in range(2):
                with ExitStack() as stack, suppress(TooManyRequests):
                    stack.enter_context(shares.taken(f"w{number}", "workspace"))
                    mine.append(stack.pop_all())
    assert [len(mine) for mine in held] == [36] * 4


async def test_a_workspace_with_slow_requests_leaves_places_to_others(
    platform: CallPlatform, call: AdmittedCall, node: Node
) -> None:
    begun, opened = asyncio.Semaphore(0), asyncio.Event()

    async def slow(context: HandlerContext) -> str:
        begun.release()
        await opened.wait()
        return "done"

    other = await platform.admit(await platform.create_workspace(), "CA-of-another-workspace")
    handlers = {"slow": MediaRequestHandler(slow)}
    shares = RequestShares(places=5, per_handler=4)
    async with running_api_process(platform, handlers, shares=shares) as api:
        asked = [asyncio.create_task(node.ask(call, "slow")) for _ in range(2)]
        for _ in asked:
            await begun.acquire()
        with pytest.raises(RequestRefused) as refused:
            await node.ask(call, "slow")
        assert refused.value.code == "busy"
        assert node.count("busy") == 1 and api.count("requests", name="slow", outcome="refused") == 1
        asked.append(asyncio.create_task(node.ask(other, "slow")))
        await begun.acquire()
        opened.set()
        assert await asyncio.gather(*asked) == [b'"done"'] * 3
