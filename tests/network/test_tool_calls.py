"""A tool of a server that others wrote, and one that answers garbage, over both carriers, judged on the recording."""

import asyncio

import pytest

from lab.scenarios.tools.scenario import judge_call
from lab.scenarios.tools.tool_calls import run_tool_calls, tool_rehearsal
from lab.stage.platform import Platform
from vocalized.caller.local_speech import load_recognizer

pytestmark = pytest.mark.asyncio(loop_scope="package")

FIRST_NUMBER = 2_011_000
NAMES = ("a tool of mcp-server-time", "a tool that answers garbage")


async def test_answers_are_said_in_words_and_garbage_is_not(platform: Platform) -> None:
    """All cases are part of `python -m lab tools`."""
    async with tool_rehearsal(platform, documents={}) as rehearsal:
        calls = await run_tool_calls(rehearsal, FIRST_NUMBER, NAMES)
    recognize = await asyncio.to_thread(load_recognizer)
    rows = [await judge_call(rehearsal, call, recognize) for call in calls]
    assert len(rows) == 4 and {row.what: row.found for row in rows if not row.good} == {}
