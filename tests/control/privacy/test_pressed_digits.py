"""Keys of both sides of a call: what the caller presses for a tool, and has read back, is kept nowhere."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from control.calls.events.service import parse_event, write_events
from media.providers.ports import TextDelta, ToolCall
from shared.bus.events import EventStream
from shared.events import DigitPressed, DigitsCollected, DigitsSent, Event
from shared.plan import SEND_DIGITS, ToolName, ToolPlan
from tests.calls.scripted_call import Answers, ScriptedCall
from tests.control.calls.call_platform import CallPlatform
from tests.control.calls.consumed_events import admit_call, encoded_event
from tests.control.privacy.remains import search_database, search_files, search_redis
from tests.virtual_time import run_virtual

CARD: Final = "4929174863520158"
SENT: Final = "3141592653"
# As they are written, and as they are read back.
FORMS: Final = (CARD, CARD[:9], CARD[-9:], "4 9 2 9", "0 1 5 8", "1 7 4 8")


def pay_and_dial(*, is_secret: bool) -> tuple[Sequence[Event], str]:
    """The events of a call in which a card's number is pressed and confirmed, and the agent presses keys; and what a
    checkpoint of it has."""

    async def call() -> tuple[Sequence[Event], str]:
        arguments = json.dumps({"kind": "card", "confirm": True})
        collect, press = (
            ToolCall("1", "collect_digits", arguments),
            ToolCall("2", SEND_DIGITS, f'{{"digits":"{SENT}"}}'),
        )
        answers: Answers = [[TextDelta("Please type your card's number."), collect], "Thank you.", [press]]
        tools: tuple[ToolName | ToolPlan, ...] = ("collect_digits", ToolPlan(SEND_DIGITS, secret=is_secret))
        scripted = ScriptedCall(answers=answers, tools=tools)
        await scripted.say("I want to pay.", 900)
        await scripted.listen_until_quiet()
        for key in CARD:
            scripted.call.on_digit(key)
            await scripted.silence(100)
        await scripted.listen_until_quiet()
        await scripted.say("yes", 300)
        await scripted.listen_until_quiet()
        snapshot = f"{scripted.call.snapshot()}"
        await scripted.say("Press your code.", 900)
        await scripted.silence(6_000)
        await scripted.hang_up()
        return scripted.events.events, snapshot

    return run_virtual(call())


@pytest.fixture(scope="module", params=[True, False])
def made_call(request: pytest.FixtureRequest) -> tuple[bool, Sequence[Event], str]:
    return request.param, *pay_and_dial(is_secret=request.param)


async def test_pressed_digits_are_in_no_row_file_key_or_log(
    platform: CallPlatform,
    made_call: tuple[bool, Sequence[Event], str],
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    is_secret, events, snapshot = made_call
    kinds = [type(event) for event in events]
    assert kinds.count(DigitPressed) == len(CARD) and DigitsCollected in kinds and DigitsSent in kinds
    _, call = await admit_call(platform)
    lines = [encoded_event(call.call_id, seq, event, seq) for seq, event in enumerate(events, 1)]
    await EventStream(platform.redis).append(lines)
    await platform.in_platform(lambda db: write_events(db, [parse_event("1", line) for line in lines]))

    assert await search_database(database_url, ["type your card"]) >= {"call_events.event_data", "calls.transcription"}
    assert await search_database(database_url, FORMS) == set()
    assert await search_redis(platform.redis, FORMS) == set()
    assert search_files(tmp_path, FORMS) == set()
    printed = capsys.readouterr()
    assert not any(form in f"{printed.out}{printed.err}{snapshot}" for form in (*FORMS, SENT))
    assert await search_database(database_url, [SENT]) == (set() if is_secret else {"call_events.event_data"})
