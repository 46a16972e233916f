"""Commands of Telnyx that are refused, at once or when they are repeated."""

from collections.abc import Awaitable, Callable

import pytest

from control.carriers.rules import CarrierRefused, CarrierUnavailable, DialRequest
from control.carriers.telnyx import TelnyxGateway, open_telnyx
from control.carriers.telnyx_forms import TelnyxOptions
from tests.control.carriers.telnyx_peer import KEY, TelnyxPeer

CALL, COMMAND = "v3:call", "01927f00-0000-7000-8000-0000000000bb"
CALL_ID = "01927f00-0000-7000-8000-000000000001"
CALLER, CALLED = "+14155550100", "+14155550123"
COMMANDS: dict[str, Callable[[TelnyxGateway], Awaitable[object]]] = {
    "dial": lambda gateway: gateway.dial(DialRequest(CALL_ID, CALLER, CALLED)),
    "answer": lambda gateway: gateway.answer(CALL, COMMAND, record=True),
    "start_stream": lambda gateway: gateway.start_stream(CALL, "wss://media.example.com/media/telnyx/t", COMMAND),
    "reject": lambda gateway: gateway.reject(CALL, "busy", COMMAND),
    "speak": lambda gateway: gateway.speak(CALL, "Sorry.", "en-US", COMMAND),
    "send_digits": lambda gateway: gateway.send_digits(CALL, "12w#", COMMAND),
    "transfer": lambda gateway: gateway.transfer(CALL, CALLED, CALLER, COMMAND, limit_s=60, known_as=CALL),
    "start_recording": lambda gateway: gateway.start_recording(CALL, CALL_ID),
}


def options(peer: TelnyxPeer, *, records: bool = True, timeout_s: float = 5.0) -> TelnyxOptions:
    return TelnyxOptions("https://api.example.com", KEY, "1", f"{peer.url}/v2", timeout_s, records)


def refuse_as(peer: TelnyxPeer, code: str) -> None:
    peer.refusal = (422, {"errors": [{"code": code, "title": "Refused"}]})


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("failure", ["503", "drop"])
async def test_refused_repeat_leaves_open_what_became_of_the_first_attempt(
    command: str, failure: str, telnyx_peer: TelnyxPeer
) -> None:
    """A first attempt without an answer may have been carried out, and how Telnyx answers a repeated command_id is not
    documented (docs: command-retries)."""
    telnyx_peer.fail(failure, after=True)  # type: ignore[arg-type]
    telnyx_peer.fail("refuse")
    async with open_telnyx(options(telnyx_peer)) as gateway:
        with pytest.raises(CarrierUnavailable) as caught:
            await COMMANDS[command](gateway)
    assert (caught.value.code, len(telnyx_peer.received)) == ("repeat_refused", 2)


@pytest.mark.parametrize("command", COMMANDS)
async def test_refusal_after_a_limit_of_requests_is_one(command: str, telnyx_peer: TelnyxPeer) -> None:
    """What was surely not processed is not in doubt."""
    if command != "dial":  # the queue repeats it
        telnyx_peer.fail("429")
    telnyx_peer.fail("refuse")
    async with open_telnyx(options(telnyx_peer)) as gateway:
        with pytest.raises(CarrierRefused):
            await COMMANDS[command](gateway)


@pytest.mark.parametrize(("command", "code"), [("speak", "90018"), ("start_stream", "90045")])
async def test_repeat_may_be_refused_for_a_reason_that_is_certain(
    command: str, code: str, telnyx_peer: TelnyxPeer
) -> None:
    """The call is over; it has a media stream."""
    refuse_as(telnyx_peer, code)
    telnyx_peer.fail("drop", after=True)
    telnyx_peer.fail("refuse")
    async with open_telnyx(options(telnyx_peer)) as gateway:
        with pytest.raises(CarrierRefused) as caught:
            await COMMANDS[command](gateway)
    assert caught.value.code == code


async def test_recording_has_both_sides_in_channels_of_their_own(telnyx_peer: TelnyxPeer) -> None:
    async with open_telnyx(options(telnyx_peer)) as gateway:
        await gateway.start_recording(CALL, CALL_ID)
        await gateway.stop_recording(CALL)
    started, stopped = telnyx_peer.received
    assert started.path == f"/v2/calls/{CALL}/actions/record_start"
    assert started.body == {"channels": "dual", "format": "wav", "command_id": f"{CALL_ID}-record"}
    assert stopped.path == f"/v2/calls/{CALL}/actions/record_stop"


async def test_nothing_is_recorded_unless_settings_say_so(telnyx_peer: TelnyxPeer) -> None:
    async with open_telnyx(options(telnyx_peer, records=False)) as gateway:
        await gateway.start_recording(CALL, CALL_ID)
        await gateway.stop_recording(CALL)
    assert telnyx_peer.received == []


@pytest.mark.parametrize(
    ("code", "is_tried_again"), [("90020", True), ("90034", True), ("90018", True), ("D10", False)]
)
async def test_recording_may_be_refused_because_it_is_too_early(
    code: str, is_tried_again: bool, telnyx_peer: TelnyxPeer
) -> None:
    """90020: before audio has begun; 90034: before the answer (API reference: calls, response 422). The job tries again
    while the row says that the call goes on."""
    refuse_as(telnyx_peer, code)
    telnyx_peer.fail("refuse")
    async with open_telnyx(options(telnyx_peer)) as gateway:
        with pytest.raises(CarrierRefused) as caught:
            await gateway.start_recording(CALL, CALL_ID)
    assert (caught.value.code, caught.value.call_ended) == (code, is_tried_again)


@pytest.mark.parametrize(("failure", "code"), [("503", "503"), ("hang", "timeout")])
async def test_recording_that_gets_no_answer_is_unavailable(failure: str, code: str, telnyx_peer: TelnyxPeer) -> None:
    telnyx_peer.fail(failure, times=9)  # type: ignore[arg-type]
    async with open_telnyx(options(telnyx_peer, timeout_s=5.0 if failure == "503" else 0.1)) as gateway:
        with pytest.raises(CarrierUnavailable) as caught:
            await gateway.start_recording(CALL, CALL_ID)
    assert caught.value.code == code
