"""Actions against simulated vendors on real sockets: what hostile and broken answers lead to."""

import pytest

from control.integrations.actions.rules import VendorRecord
from control.integrations.actions.service import ActionCall, VendorFailure, raise_for_status
from control.integrations.vendor_http import VendorAnswer
from shared.errors import Invalid
from simulator.integrations.server import IntegrationFaultKind
from tests.control.calls.call_platform import CallPlatform
from tests.control.integrations.vendor_connection import CALENDAR, ConnectedVendor, connected

SPAN = {"from": "2026-12-01T00:00:00Z", "until": "2026-12-02T00:00:00Z"}
TIMES = {"starts_at": "2026-12-01T10:00:00Z", "ends_at": "2026-12-01T10:30:00Z"}
KEY = "0123456789abcdef"


async def run(vendor: ConnectedVendor, name: str, key: str = "", **arguments: object) -> list[VendorRecord]:
    connection = await vendor.load()
    action = connection.type_config.action(name)
    assert action is not None
    return await vendor.runner.run(connection, ActionCall(action, arguments, key))


async def test_answer_is_mapped(platform: CallPlatform) -> None:
    async with connected(platform, CALENDAR, {"calendar_id": "team/~a"}) as vendor:
        vendor.vendors.calendars.events["team/~a"] = {}
        vendor.vendors.calendars.add("X", TIMES["starts_at"], TIMES["ends_at"], "team/~a")
        assert await run(vendor, "list_busy", **SPAN) == [TIMES]


@pytest.mark.parametrize(
    ("fault", "kind", "requests"),
    [
        ("html", "unreadable", 1), ("garbage", "unreadable", 1), ("huge", "unavailable", 3),
        ("error", "unavailable", 3),
        ("redirect", "refused", 1), ("unauthorised", "unauthorised", 1), ("silence", "unavailable", 3),
    ],
)  # fmt: skip
async def test_bad_answer_is_bounded_and_repeated_where_that_helps(
    platform: CallPlatform, fault: IntegrationFaultKind, kind: str, requests: int
) -> None:
    async with connected(platform, CALENDAR, timeout_s=0.2 if fault == "silence" else 5.0) as vendor:
        vendor.vendors.faults.extend([fault] * 3)
        with pytest.raises(VendorFailure) as caught:
            await run(vendor, "list_busy", **SPAN)
        assert (caught.value.kind, len(vendor.vendors.requests)) == (kind, requests)
        assert "sign in" not in str(caught.value) and "169.254" not in str(caught.value)


async def test_action_waits_for_the_settings_that_its_type_requires(platform: CallPlatform) -> None:
    """An account is connected before its calendar is chosen."""
    properties = {**CALENDAR["config_schema"]["properties"], "room": {"type": "string"}}
    schema = {"type": "object", "properties": properties, "required": ["room"]}
    async with connected(platform, {**CALENDAR, "config_schema": schema}) as vendor:
        with pytest.raises(VendorFailure, match="no room yet") as caught:
            await run(vendor, "list_busy", **SPAN)
        assert (caught.value.kind, caught.value.is_sent, vendor.vendors.requests) == ("refused", False, [])


async def test_rate_limit_is_waited_for_only_where_a_caller_would_wait(platform: CallPlatform) -> None:
    async with connected(platform, CALENDAR) as vendor:
        vendor.vendors.retry_after_s = 1
        vendor.vendors.faults.append("rate_limited")
        assert await run(vendor, "list_busy", **SPAN) == []
        vendor.vendors.retry_after_s = 30
        vendor.vendors.faults.append("rate_limited")
        with pytest.raises(VendorFailure) as caught:
            await run(vendor, "list_busy", **SPAN)
        assert (caught.value.kind, caught.value.retry_after_s, len(vendor.vendors.requests)) == ("rate_limited", 30, 3)


async def test_request_with_an_effect_is_repeated_only_under_a_key(platform: CallPlatform) -> None:
    async with connected(platform, CALENDAR) as vendor:
        vendor.vendors.faults.append("error_after")
        with pytest.raises(VendorFailure) as caught:
            await run(vendor, "create_appointment", title="A", **TIMES)
        assert caught.value.is_unknown and len(vendor.vendors.requests) == 1
        vendor.vendors.faults.append("error_after")
        with pytest.raises(VendorFailure) as caught:  # the repeat finds what the first one made
            await run(vendor, "create_appointment", KEY, title="B", **TIMES)
        assert caught.value.kind == "conflict" and len(vendor.vendors.requests) == 3
        assert [one["summary"] for one in vendor.vendors.calendars.events["primary"].values()] == ["A", "B"]


async def test_value_cannot_name_another_resource(platform: CallPlatform) -> None:
    async with connected(platform, CALENDAR, {"calendar_id": ".."}) as vendor:
        with pytest.raises(Invalid, match=r"config\.calendar_id: it is empty, or names no resource"):
            await run(vendor, "get_appointment", KEY)
        assert not vendor.vendors.requests


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "Mon, 01 Jan 2030 00:00:00 +" + "9" * 14, "Fri, 31 Dec 99999 23:59:59 GMT"]
)
def test_wait_that_cannot_be_read_is_none(text: str) -> None:
    with pytest.raises(VendorFailure) as caught:
        raise_for_status(VendorAnswer(429, {"retry-after": text}, b""))
    assert (caught.value.kind, caught.value.retry_after_s) == ("rate_limited", 0)
