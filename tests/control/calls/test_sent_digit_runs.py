"""The tool `send_digits` at control's end: only on the line of the call that asks, once a run, and in no log."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from control.calls.live.tool import SentDigitRuns
from control.carriers.rules import CarrierName, CarrierRefused, CarrierUnavailable
from control.carriers.service import Carriers
from control.media_requests.handlers import HandlerContext, RunningCall, TenantTransactions
from shared.errors import Conflict, Invalid, NotFound, Unavailable
from shared.ids import new_id
from tests.control.calls.call_platform import NOW, CallPlatform, FakeCarrier

DIGITS = "471147114711#"


@dataclass
class PressingCarrier(FakeCarrier):
    """A carrier that presses keys."""

    name: CarrierName = "twilio"
    pressed: list[tuple[str, str, str]] = field(default_factory=list)

    async def send_digits(self, carrier_call_id: str, digits: str, command_id: str) -> None:
        self.pressed.append((carrier_call_id, digits, command_id))
        self._answer("send_digits")


@dataclass
class PressingCall:
    """A call in progress, and the tool's handler."""

    platform: CallPlatform
    call_id: Any
    carrier_call_id: str
    carrier: Any

    async def press(self, digits: str = DIGITS, call_id: Any = None) -> Any:
        row = await self.platform.call_row(self.call_id)
        running = RunningCall(
            id=call_id or self.call_id,
            workspace_id=row["workspace_id"],
            agent_id=row["agent_id"],
            direction="inbound",
            is_test=False,
            caller=row["caller_number"],
            called=row["called_number"],
            workspace_name="W",
            timezone="UTC",
        )
        until = asyncio.get_running_loop().time() + 10
        arguments = msgspec.json.encode({"digits": digits}).decode()
        transactions = TenantTransactions(self.platform.pool, 2)
        context = HandlerContext(running, arguments, "run-1", NOW, until, transactions)
        (handler,) = SentDigitRuns(Carriers({"twilio": self.carrier})).handlers().values()
        return await handler.answer(context)


@pytest.fixture
async def call(platform: CallPlatform) -> PressingCall:
    carrier_call_id = f"CA-{new_id()}"
    admitted = await platform.admit(await platform.create_workspace(), carrier_call_id)
    return PressingCall(platform, admitted.call_id, carrier_call_id, PressingCarrier())


async def test_keys_are_pressed_on_the_line_of_the_call(call: PressingCall) -> None:
    assert await call.press() == {"sent": True}
    await call.press()
    assert call.carrier.pressed == [(call.carrier_call_id, DIGITS, "run-1-keys")] * 2, "one command id a run"


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (CarrierRefused("twilio", "90018", "ended"), Conflict),
        (CarrierUnavailable("twilio", "timeout", "no answer"), Unavailable),
    ],
)
async def test_failing_carrier_is_reported_without_the_keys(
    call: PressingCall, error: Exception, problem: type[Exception]
) -> None:
    call.carrier.answers["send_digits"] = error
    with capture_logs() as logs, pytest.raises(problem) as caught:
        await call.press()
    assert DIGITS[:-1] not in f"{logs}{caught.value}"


async def test_other_text_than_keys_never_reaches_the_carrier(call: PressingCall) -> None:
    for digits in ("+14155550100", "4711x", "", "1" * 65):
        with pytest.raises(Invalid) as caught:
            await call.press(digits)
        assert "digits" in str(caught.value) and not call.carrier.pressed
        assert not digits or digits not in str(caught.value)


async def test_call_that_is_not_there_or_cannot_press(call: PressingCall) -> None:
    with pytest.raises(NotFound):
        await call.press(call_id=new_id())
    call.carrier = FakeCarrier("twilio")
    with pytest.raises(Conflict) as caught:
        await call.press()
    assert caught.value.code == "no_keypad"
