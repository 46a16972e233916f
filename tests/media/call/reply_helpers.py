"""Helpers of the tests of replies: tools, and functions that run a reply."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from media.call.reply import Reply
from media.call.utterance import Utterance
from media.providers.ports import ToolCall, ToolSpec
from media.tools.builtin import end_call
from media.tools.tool import Tool
from tests.media.call.fakes import ReplyFakes
from tests.virtual_time import clock_ms, run_virtual

LOOK_UP = ToolCall("id1", "look_up", '{"what": "table"}')
END = ToolCall("id2", "end_call", "{}")

with_and_without_chain = pytest.mark.parametrize("chained", [False, True], ids=["bare", "chained"])


def look_up(run: Callable[[], Awaitable[str]] | None = None, *, secret: bool = False) -> dict[str, Tool]:
    async def found(arguments: bytes, run_id: str) -> str:
        await asyncio.sleep(2)
        return await run() if run else "table 4 is free"

    return {"look_up": Tool(ToolSpec("look_up", "Looks something up.", {}), found, secret=secret)}


def hang_up(ended: list[bool]) -> dict[str, Tool]:
    return {"end_call": end_call(lambda: ended.append(True))}


def run_reply(fakes: ReplyFakes, fixed: str | None = None) -> Reply:
    """Runs a reply to its end."""

    async def scenario() -> Reply:
        reply = make_reply(fakes, fixed)
        await reply.run()
        return reply

    return run_virtual(scenario())


def make_reply(fakes: ReplyFakes, fixed: str | None = None) -> Reply:
    utterance = Utterance(3)
    fakes.playback.begin(utterance, clock_ms())
    return Reply(fakes.reply_services(), utterance, fakes.on_audio_sent, fixed)


async def cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
