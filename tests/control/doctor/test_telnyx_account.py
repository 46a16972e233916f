"""The doctor's look at a Telnyx account: the simulated one, and faulty ones."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from control.doctor import telnyx_account
from control.doctor.telnyx_account import findings
from shared.doctor import DoctorFinding
from tests.simulator.carrier.network.telnyx.account import Account, account

WEBHOOKS = "https://calls.example.com"
APPLICATION: Mapping[str, Any] = {
    "active": True,
    "webhook_event_url": f"{WEBHOOKS}/webhooks/calls/inbound",
    "webhook_event_failover_url": "https://other.example.com/webhooks/calls/inbound",
    "webhook_api_version": "2",
    "call_cost_in_webhooks": True,
    "outbound": {"channel_limit": 10, "outbound_voice_profile_id": "1"},
}
PROFILE: Mapping[str, Any] = {"enabled": True, "concurrent_call_limit": 5, "whitelisted_destinations": ["US"]}


def faults(application: Mapping[str, Any], profile: Mapping[str, Any] | None = PROFILE) -> list[tuple[str, bool]]:
    """Name and importance of what is wrong."""
    return [(finding.what, finding.needed) for finding in findings(application, profile, WEBHOOKS) if not finding.ok]


def test_complete_account_has_no_fault() -> None:
    assert faults(APPLICATION) == []
    (limits,) = [finding for finding in findings(APPLICATION, PROFILE, WEBHOOKS) if finding.what == "Telnyx limits"]
    assert limits.detail == "5 calls at once; to US"


@pytest.mark.parametrize(
    ("name", "value", "what", "needed"),
    [
        ("active", False, "Telnyx application", True),
        ("webhook_event_url", "https://calls.example.com/webhooks", "Telnyx webhook address", True),
        ("webhook_api_version", "1", "Telnyx API version", True),
        ("webhook_event_failover_url", None, "Telnyx failover address", False),
        ("call_cost_in_webhooks", False, "Telnyx cost in webhooks", False),
    ],
)
def test_fault_of_the_application_is_named(name: str, value: object, what: str, needed: bool) -> None:
    assert faults({**APPLICATION, name: value}) == [(what, needed)]


def test_profile_that_cannot_call_is_named() -> None:
    assert faults(APPLICATION, None) == [("Telnyx outbound profile", True)]
    broken: list[tuple[str, object]] = [
        ("enabled", False), ("whitelisted_destinations", []), ("concurrent_call_limit", 0),
    ]  # fmt: skip
    for name, value in broken:
        assert faults(APPLICATION, {**PROFILE, name: value}) == [("Telnyx limits", True)]


async def examined(monkeypatch: pytest.MonkeyPatch, telnyx: Account, **settings: str) -> list[DoctorFinding]:
    """Runs the check against the simulated account. settings: in place of the right ones."""
    right = {"API_KEY": "KEY01", "CONNECTION_ID": "7001", "API_URL": telnyx.base_url}
    for name, value in (right | settings).items():
        monkeypatch.setenv(f"VOCALIZED_TELNYX_{name}", value)
    monkeypatch.setenv("VOCALIZED_WEBHOOK_URL", WEBHOOKS)
    return await asyncio.to_thread(lambda: list(telnyx_account.account(Path())))


async def test_account_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with account(webhook_url=f"{WEBHOOKS}/webhooks/calls/inbound", channel_limit=2) as telnyx:
        found = await examined(monkeypatch, telnyx)
        assert [one.what for one in found if not one.ok] == ["Telnyx failover address"]
        assert found[-1].detail == "2 calls at once; to US, CA"
        (fault,) = await examined(monkeypatch, telnyx, API_KEY="KEY02")
        assert "key is refused" in fault.detail and "KEY02" not in fault.detail
        (fault,) = await examined(monkeypatch, telnyx, CONNECTION_ID="7002")
        assert fault.detail == "the account has no call_control_applications with this id"
        telnyx.carrier.fail_next.append(503)
        (fault,) = await examined(monkeypatch, telnyx)
        assert (fault.detail, fault.needed) == ("answered with HTTP 503", False)


async def test_account_that_is_not_reached_makes_nobody_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    async with account() as telnyx:
        (fault,) = await examined(monkeypatch, telnyx, API_URL="http://127.0.0.1:1/v2")
        assert (fault.detail, fault.needed) == ("not reached: ConnectError", False)
        assert await examined(monkeypatch, telnyx, API_KEY="") == []
