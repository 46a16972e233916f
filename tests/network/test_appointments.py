"""Calls over both simulated carriers: a caller whom the workspace's CRM knows is greeted by name and books an
appointment in its calendar; the next one cannot have the same time, and moves his own."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

import pytest

from lab.scenarios.tools.workspace_tools import connected_workspace
from lab.stage.callers import RehearsalCaller, scripted_caller
from lab.stage.platform import Platform
from simulator.carrier.prepared_turn import PreparedTurn
from tests.media.providers.sse_server import CHUNKED, DONE, Step, delta, sse_server
from tests.network.call_record import CallRecord, find_call_id, wait_for_record
from tests.network.test_messages import MODEL, agent_with, serve_model

pytestmark = pytest.mark.asyncio(loop_scope="package")

TOOLS: Final = ["end_call", "look_up_contact", "check_availability", "book_appointment", "move_appointment"]
GREETING: Final = "Hello {contact_first_name}, this is the front desk."


def tool_call(tool: str, **arguments: Any) -> tuple[str, list[Step]]:
    """The model calls a tool."""
    function = {"name": tool, "arguments": json.dumps(arguments)}
    called = {"index": 0, "id": f"call_{tool}", "type": "function", "function": function}
    return CHUNKED, [delta(tool_calls=[called]), delta("tool_calls"), DONE, b""]


def words(text: str) -> tuple[str, list[Step]]:
    """The model answers."""
    return CHUNKED, [delta(content=text), delta("stop"), DONE, b""]


def next_tuesday() -> datetime:
    """Ten o'clock, at least two days from now."""
    day = datetime.now(UTC).date() + timedelta(days=2)
    return datetime.combine(day + timedelta(days=(1 - day.weekday()) % 7), time(10), UTC)


def booking(start: datetime, name: str) -> tuple[str, list[Step]]:
    """The model books a check-up."""
    return tool_call("book_appointment", start=f"{start:%Y-%m-%dT%H:%M}", name=name, reason="check-up")


async def phone(
    platform: Platform, caller: RehearsalCaller, carrier: str, *scripts: tuple[str, list[Step]]
) -> tuple[CallRecord, list[str]]:
    """The call's record, and what the tools answered to the model. scripts: of the model."""
    async with sse_server(*scripts) as model:
        await serve_model(platform, model.url)
        config = {
            "speech": {"llm": [{"provider": MODEL}]},
            "tools": TOOLS,
            "greeting": GREETING,
            "variables": {"contact_first_name": {"default": "there"}},
        }
        async with agent_with(platform, carrier=carrier, **config) as number:
            await caller.call(platform.network.phone_network, number)
            record = await wait_for_record(platform, await find_call_id(platform, caller.call_id), recorded=True)
    messages = [message for request in model.requests for message in request.body["messages"]]
    return record, list(dict.fromkeys(message["content"] for message in messages if message["role"] == "tool"))


def events_of(record: CallRecord, kind: str) -> list[dict[str, Any]]:
    """The data of these events."""
    return [event["event_data"] for event in record.events if event["event_type"] == kind]


async def test_known_callers_are_greeted_by_name_and_book_different_times(
    platform: Platform, turns: Sequence[PreparedTurn]
) -> None:
    ten, ann, bo = next_tuesday(), scripted_caller(turns, 940), scripted_caller(turns, 941)
    eleven, twelve = ten + timedelta(hours=1), ten + timedelta(hours=2)
    async with connected_workspace(platform) as workspace:
        workspace.vendors.contacts.add(firstname="Ann", lastname="Lee", phone=ann.number)
        workspace.vendors.contacts.add(firstname="Bo", mobilephone=bo.number)
        await workspace.sync()
        free = tool_call("check_availability", date=f"{ten:%Y-%m-%d}", days=1)
        thanks = words("That is all, thank you.")
        record, told = await phone(
            platform, ann, "twilio", free, words("Ten is free."), booking(ten, "Ann Lee"), thanks
        )  # fmt: skip
        assert events_of(record, "agent.said")[0]["text"] == "Hello Ann, this is the front desk."
        assert f"({ten:%Y-%m-%d}): 09:00 to 17:00." in told[0] and told[1].startswith("Booked: Ann Lee: check-up, ")
        ran = events_of(record, "tool.ran")
        assert [(one["name"], one["ok"]) for one in ran] == [("check_availability", True), ("book_appointment", True)]
        assert ran[1]["result"] == told[1], "the record has what was booked"

        moved = tool_call("move_appointment", new_start=f"{twelve:%Y-%m-%dT%H:%M}")
        scripts = (booking(ten, "Bo"), words("It is taken. Eleven?"), booking(eleven, "Bo"), moved, thanks)
        record, told = await phone(platform, bo, "telnyx", *scripts)
        assert events_of(record, "agent.said")[0]["text"] == "Hello Bo, this is the front desk."
        assert [one["ok"] for one in events_of(record, "tool.ran")] == [False, True, True]
        assert "This time is taken" in told[0] and told[1].startswith("Booked: Bo: check-up, ")
        assert told[2].startswith(f"Moved: Bo: check-up, now {twelve:%A}, ")
        assert events_of(record, "tool.ran")[2]["result"] == told[2], "the record has what was moved"
        events = workspace.vendors.calendars.events["primary"].values()
        assert [(event["summary"], datetime.fromisoformat(event["start"]["dateTime"])) for event in events] == [
            ("Ann Lee: check-up", ten), ("Bo: check-up", twelve),
        ]  # fmt: skip
