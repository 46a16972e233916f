"""Telnyx's gateway: what it asks, what it makes of answers, and what it does when none come."""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from traceback import format_exception

import pytest

from control.carriers.model import CarrierAway, CarrierRefused, Dial, Owned, Placed
from control.carriers.telnyx import TelnyxGateway, open_telnyx
from tests.control.carriers.conftest import telnyx_options
from tests.control.carriers.telnyx_peer import CONNECTION, ENDED, KEY, RECORDING, WAV, TelnyxPeer
from tests.control.carriers.test_twilio import closed_port

NUMBER = "+14155550123"
CALL = "v3:some/long+id=="
CALL_ID = "01927f00-0000-7000-8000-000000000001"
ORDER = Dial(CALL_ID, "+14155550100", NUMBER)
SINCE = datetime(2026, 11, 24, 10, tzinfo=UTC)
REFERENCE = "01927f00-0000-7000-8000-0000000000aa"
COMMAND = "01927f00-0000-7000-8000-0000000000bb"

Asking = Callable[[TelnyxGateway], Awaitable[object]]
METHODS: dict[str, Asking] = {
    "search": lambda gateway: gateway.search("US", "415", 5),
    "monthly_price": lambda gateway: gateway.monthly_price(NUMBER, "US"),
    "owned": lambda gateway: gateway.owned(NUMBER),
    "buy": lambda gateway: gateway.buy(NUMBER, REFERENCE),
    "configure": lambda gateway: gateway.configure(Owned("1", NUMBER, REFERENCE)),
    "release": lambda gateway: gateway.release("1"),
    "dial": lambda gateway: gateway.dial(ORDER),
    "hang_up": lambda gateway: gateway.hang_up(CALL),
    "fetch_recording": lambda gateway: gateway.fetch_recording(RECORDING, BytesIO()),
    "delete_recording": lambda gateway: gateway.delete_recording(RECORDING),
    "find_recording": lambda gateway: gateway.find_recording("leg-with-one"),
    "answer": lambda gateway: gateway.answer(CALL, COMMAND, record=True),
    "start_stream": lambda gateway: gateway.start_stream(CALL, "wss://media.example.com/media/telnyx/t", COMMAND),
    "reject": lambda gateway: gateway.reject(CALL, "busy", COMMAND),
    "speak": lambda gateway: gateway.speak(CALL, "Sorry.", "en-US", COMMAND),
    "transfer": lambda gateway: gateway.transfer(CALL, NUMBER, "+14155550100", COMMAND, limit_s=60),
}


@pytest.mark.parametrize("method", METHODS)
async def test_a_carrier_that_is_not_there_is_away(method: str) -> None:
    async with open_telnyx(telnyx_options(closed_port())) as gateway:
        with pytest.raises(CarrierAway) as caught:
            await METHODS[method](gateway)
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("method", METHODS)
async def test_a_carrier_that_does_not_answer_is_away_in_bounded_time(method: str, telnyx_peer: TelnyxPeer) -> None:
    telnyx_peer.fail("hang", times=9)
    async with open_telnyx(telnyx_options(telnyx_peer.url, timeout_s=0.15)) as gateway:
        with pytest.raises(CarrierAway) as caught:
            await METHODS[method](gateway)
    assert caught.value.code == "timeout"


@pytest.mark.parametrize("method", [name for name in METHODS if name != "monthly_price"])
async def test_a_refusal_has_the_carriers_code_and_nothing_personal(method: str, telnyx_peer: TelnyxPeer) -> None:
    telnyx_peer.fail("refuse", times=9)
    async with open_telnyx(telnyx_options(telnyx_peer.url)) as gateway:
        with pytest.raises(CarrierRefused) as caught:
            await METHODS[method](gateway)
    assert caught.value.code == "10009"
    assert NUMBER not in "".join(format_exception(caught.value))
    assert len(telnyx_peer.asked) == 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("how", ["429", "503", "drop", "rubbish"])
async def test_a_carrier_with_a_fault_is_asked_again(
    method: str, how: str, telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer
) -> None:
    """Commands too: their id keeps Telnyx from doing them twice."""
    telnyx_peer.numbers["1"] = telnyx_peer.own("+14155550199")
    telnyx_peer.fail(how)  # type: ignore[arg-type]
    await METHODS[method](telnyx)
    first, second, *_ = telnyx_peer.asked
    assert (first.method, first.path, first.query, first.sent) == (
        second.method,
        second.path,
        second.query,
        second.sent,
    )


async def test_search_tells_place_price_and_abilities(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    first, *_, last = await telnyx.search("US", "415", 3)
    assert (first.phone_number, first.locality, first.region) == ("+14155550100", "SAN FRANCISCO", "CA")
    assert (first.country, first.monthly_price) == ("US", Decimal("1.05"))
    assert first.capabilities == {"voice": True, "sms": True}
    assert last.phone_number == "+14155550102"
    (asked,) = telnyx_peer.asked
    assert asked.query == {
        "filter[country_code]": "US",
        "filter[national_destination_code]": "415",
        "filter[phone_number_type]": "local",
        "filter[features][]": "voice",
        "filter[limit]": "3",
    }
    assert asked.headers["Authorization"] == f"Bearer {KEY}"


async def test_a_price_is_that_of_the_number(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    assert await telnyx.monthly_price(NUMBER, "US") == Decimal("1.05")
    assert await telnyx.monthly_price("+14155559999", "US") is None
    telnyx_peer.fail("refuse")
    assert await telnyx.monthly_price(NUMBER, "US") is None


async def test_a_number_is_ours_only_if_it_is_exactly_that(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    telnyx_peer.own("+144155550123")
    assert await telnyx.owned("+14415555012") is None
    telnyx_peer.own(NUMBER)["status"] = "deleted"
    assert await telnyx.owned(NUMBER) is None


@pytest.mark.parametrize("polls", [0, 2])
@pytest.mark.parametrize("quiet", [False, True])
async def test_buying_waits_for_the_order(
    polls: int, quiet: bool, telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer
) -> None:
    telnyx_peer.order_polls, telnyx_peer.quiet = polls, quiet
    owned = await telnyx.buy(NUMBER, REFERENCE)
    assert (owned.phone_number, owned.reference) == (NUMBER, REFERENCE)
    assert owned.carrier_number_id in telnyx_peer.numbers
    (order,) = telnyx_peer.requests("POST /v2/number_orders")
    assert order.sent == {
        "phone_numbers": [{"phone_number": NUMBER}],
        "connection_id": CONNECTION,
        "customer_reference": REFERENCE,
    }
    await telnyx.configure(owned)
    found = await telnyx.owned(NUMBER)
    assert found is not None and found.reference == REFERENCE
    assert telnyx_peer.numbers[owned.carrier_number_id]["connection_id"] == CONNECTION


@pytest.mark.parametrize("how", ["500", "drop", "rubbish"])
async def test_an_order_that_was_not_heard_of_is_found_and_not_placed_twice(
    how: str, telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer
) -> None:
    telnyx_peer.fail(how, on="POST /v2/number_orders", after=True)  # type: ignore[arg-type]
    with pytest.raises(CarrierAway):
        await telnyx.buy(NUMBER, REFERENCE)
    assert (await telnyx.buy(NUMBER, REFERENCE)).phone_number == NUMBER
    assert len(telnyx_peer.requests("POST /v2/number_orders")) == 1


async def test_an_order_that_fails_is_a_refusal(telnyx: TelnyxGateway) -> None:
    with pytest.raises(CarrierRefused) as caught:
        await telnyx.buy("+14155559999", REFERENCE)
    assert (caught.value.code, caught.value.taken) == ("order_failed", True)


async def test_release_twice_is_no_error(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    number_id = telnyx_peer.own(NUMBER)["id"]
    await telnyx.release(number_id)
    await telnyx.release(number_id)
    assert not telnyx_peer.numbers


async def test_a_call_is_placed_with_its_webhook_and_state(telnyx_peer: TelnyxPeer) -> None:
    order = Dial(CALL_ID, ORDER.caller, ORDER.called, ring_s=2, longest_s=90_000, detect_machine=True, record=True)
    async with open_telnyx(telnyx_options(telnyx_peer.url, records=True)) as gateway:
        assert await gateway.dial(order) == Placed(telnyx_peer.dialled[CALL_ID])
    assert telnyx_peer.asked[0].sent == {
        "connection_id": CONNECTION,
        "to": order.called,
        "from": order.caller,
        "timeout_secs": 5,
        "time_limit_secs": 14_400,
        "webhook_url": f"https://hooks.example.com/webhooks/calls/status?call={CALL_ID}",
        "webhook_url_method": "POST",
        "client_state": b64encode(CALL_ID.encode()).decode(),
        "command_id": CALL_ID,
        "answering_machine_detection": "detect",
        "record": "record-from-answer",
        "record_channels": "dual",
        "record_format": "wav",
    }


async def test_a_call_that_was_not_heard_of_is_placed_once(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    telnyx_peer.fail("drop", after=True)
    assert await telnyx.dial(ORDER) == Placed(telnyx_peer.dialled[CALL_ID])
    assert len(telnyx_peer.asked) == 2 and len(telnyx_peer.dialled) == 1
    assert "record" not in telnyx_peer.asked[0].sent
    assert await telnyx.find_dialled(ORDER, SINCE) == []


async def test_a_command_for_a_call_that_is_over_says_so(telnyx: TelnyxGateway) -> None:
    with pytest.raises(CarrierRefused) as caught:
        await telnyx.answer(ENDED, COMMAND, record=False)
    assert (caught.value.code, caught.value.over) == ("90018", True)
    await telnyx.hang_up(ENDED)


async def test_a_stream_goes_both_ways_in_pcmu(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    await telnyx.start_stream(CALL, "wss://media.example.com/media/telnyx/token", COMMAND)
    assert telnyx_peer.asked[0].path == f"/v2/calls/{CALL}/actions/streaming_start"
    assert telnyx_peer.asked[0].sent == {
        "stream_url": "wss://media.example.com/media/telnyx/token",
        "stream_track": "inbound_track",
        "stream_codec": "PCMU",
        "stream_bidirectional_mode": "rtp",
        "stream_bidirectional_codec": "PCMU",
        "stream_bidirectional_target_legs": "self",
        "command_id": COMMAND,
    }


async def test_answering_records_where_telnyx_records_and_the_agent_has_it(
    telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer
) -> None:
    await telnyx.answer(CALL, COMMAND, record=True)
    async with open_telnyx(telnyx_options(telnyx_peer.url, records=True)) as gateway:
        await gateway.answer(CALL, COMMAND, record=False)
        await gateway.answer(CALL, COMMAND, record=True)
        await gateway.dial(ORDER)
    plain, unwanted, recorded, dialled = (one.sent for one in telnyx_peer.asked)
    assert plain == unwanted == {"command_id": COMMAND}
    assert "record" not in dialled
    assert recorded == plain | {
        "record": "record-from-answer",
        "record_channels": "dual",
        "record_format": "wav",
    }


async def test_commands_say_what_they_are_told(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    await telnyx.reject(CALL, "busy", COMMAND)
    await telnyx.reject(CALL, "rejected", COMMAND)
    await telnyx.speak(CALL, "w" * 4_000, "en-US", COMMAND)
    await telnyx.transfer(CALL, NUMBER, "+14155550100", COMMAND, limit_s=3_600)
    busy, rejected, spoken, transferred = (one.sent for one in telnyx_peer.asked)
    assert (busy["cause"], rejected["cause"]) == ("USER_BUSY", "CALL_REJECTED")
    assert (len(spoken["payload"]), spoken["language"], spoken["voice"]) == (3_000, "en-US", "female")
    assert transferred == {
        "to": NUMBER,
        "from": "+14155550100",
        "target_leg_client_state": b64encode(f"transfer:{CALL}".encode()).decode(),
        "command_id": COMMAND,
        "time_limit_secs": 3_600,
    }


@pytest.mark.parametrize(
    ("asked", "spoken"), [("de", "de-DE"), ("de-AT", "de-DE"), ("en", "en-US"), ("da", "da-DK"), ("xx", "en-US"),
                          ("en-GB", "en-GB"), ("fr", "fr-FR")],
)  # fmt: skip
async def test_languages_are_spoken_as_near_as_possible(
    asked: str, spoken: str, telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer
) -> None:
    await telnyx.speak(CALL, "x", asked, COMMAND)
    assert telnyx_peer.asked[0].sent["language"] == spoken


async def test_recordings_come_by_id_and_by_url(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    for where in (RECORDING, f"{telnyx_peer.url}/storage/one.wav"):
        file = BytesIO(b"what an earlier try left, and longer than the recording" * 100)
        await telnyx.fetch_recording(where, file)
        assert file.getvalue() == WAV
    assert "Authorization" not in telnyx_peer.asked[-1].headers, "the key is for Telnyx only"
    with pytest.raises(CarrierRefused) as caught:
        await telnyx.fetch_recording(f"{telnyx_peer.url}/storage/expired.wav", BytesIO())
    assert caught.value.code == "403"


async def test_deleting_a_recording(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    assert await telnyx.find_recording("leg-with-one") == RECORDING
    assert await telnyx.find_recording("another") is None
    await telnyx.delete_recording(RECORDING)
    await telnyx.delete_recording("gone")
    with pytest.raises(CarrierRefused):
        await telnyx.delete_recording("https://storage.example.com/one.wav")
