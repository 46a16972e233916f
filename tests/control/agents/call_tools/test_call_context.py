"""What the tool `call_context` tells a model of its call."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

import pytest

from control.agents.call_tools.contacts import describe_call
from control.media_requests.handlers import RunningCall

MOMENT = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)


def running_call(timezone: str, direction: Literal["inbound", "outbound"] = "inbound") -> RunningCall:
    return RunningCall(
        id=UUID(int=1),
        workspace_id=UUID(int=2),
        agent_id=UUID(int=3),
        direction=direction,
        is_test=False,
        caller="+14155550100",
        called="+14155550199",
        workspace_name="Acme",
        timezone=timezone,
    )


def test_call_is_described() -> None:
    assert describe_call(running_call("Europe/Berlin"), MOMENT) == {
        "business": "Acme",
        "date": "2026-11-27",
        "weekday": "Friday",
        "time": "00:30",
        "time_zone": "Europe/Berlin",
        "utc_offset": "+0100",
        "direction": "inbound",
        "caller_number": "+14155550100",
        "caller_withheld": False,
        "called_number": "+14155550199",
        "customer_number": "+14155550100",
        "is_test_call": False,
    }


def test_withheld_number_is_null() -> None:
    described = describe_call(replace(running_call("UTC"), caller=""), MOMENT)
    assert (described["caller_number"], described["customer_number"]) == (None, None)
    assert described["caller_withheld"]


def test_customer_of_an_outbound_call_is_who_was_called() -> None:
    described = describe_call(running_call("UTC", "outbound"), MOMENT)
    assert (described["customer_number"], described["caller_number"]) == ("+14155550199", "+14155550100")


def test_unknown_time_zone_becomes_utc() -> None:
    assert describe_call(running_call("Nowhere/Lost"), MOMENT)["time_zone"] == "UTC"


@pytest.mark.parametrize(
    ("zone", "date", "time"),
    [
        ("America/Los_Angeles", "2026-11-26", "15:30"),
        ("Asia/Kolkata", "2026-11-27", "05:00"),
        ("Nowhere/Lost", "2026-11-26", "23:30"),
        ("../etc", "2026-11-26", "23:30"),
    ],
)
def test_time_is_the_workspaces(zone: str, date: str, time: str) -> None:
    described = describe_call(running_call(zone), MOMENT)
    assert (described["date"], described["time"]) == (date, time)
