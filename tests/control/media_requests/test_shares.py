"""No workspace and no handler takes all places of an API process."""

import asyncio

import pytest

from control.calls.model import AdmittedCall
from control.media_requests.handler import HandlerContext, MediaRequestHandler
from control.media_requests.shares import RequestShares
from shared.bus.requests import RequestRefused
from shared.errors import TooManyRequests
from tests.control.calls.call_platform import CallPlatform
from tests.control.media_requests.ends import Node, running_api_process


def test_a_place_is_given_back_and_the_names_are_forgotten() -> None:
    shares = RequestShares(per_workspace=1, per_handler=5)
    for _ in range(3):
        with shares.taken("acme", "context"):
            with pytest.raises(TooManyRequests), shares.taken("acme", "message"):
                raise AssertionError("the workspace has no place left")
            with shares.taken("oak", "context"):
                pass
    assert not shares._workspaces and not shares._handlers


def test_a_handler_has_a_share_over_all_workspaces() -> None:
    shares = RequestShares(per_workspace=5, per_handler=2)
    with shares.taken("acme", "context"), shares.taken("oak", "context"):
        with pytest.raises(TooManyRequests), shares.taken("elm", "context"):
            raise AssertionError("the handler has no place left")
        with shares.taken("elm", "message"):
            pass


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
    shares = RequestShares(per_workspace=2, per_handler=10)
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
