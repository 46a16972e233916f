"""Telnyx's gateway: its requests, its conversion of answers, and its errors."""

from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from traceback import format_exception

import pytest

from control.carriers.retries import NotProcessed
from control.carriers.rules import (
    ActiveCall,
    CarrierRefused,
    CarrierUnavailable,
    DialRequest,
    NumberPending,
    OwnedNumber,
    PlacedCall,
)
from control.carriers.telnyx import TelnyxGateway, open_telnyx
from control.carriers.telnyx_forms import error_from_response
from tests.control.carriers.conftest import telnyx_options
from tests.control.carriers.telnyx_peer import CONNECTION, ENDED, KEY, RECORDING, WAV, TelnyxPeer
from tests.control.carriers.test_twilio import closed_port

NUMBER = "+14155550123"
CALL = "v3:some/long+id=="
CALL_ID = "01927f00-0000-7000-8000-000000000001"
DIAL_REQUEST = DialRequest(CALL_ID, "+14155550100", NUMBER)
SINCE = datetime(2026, 11, 24, 10, tzinfo=UTC)
REFERENCE = "01927f00-0000-7000-8000-0000000000aa"
COMMAND = "01927f00-0000-7000-8000-0000000000bb"

GatewayRequest = Callable[[TelnyxGateway], Awaitable[object]]
METHODS: dict[str, GatewayRequest] = {
    "search": lambda gateway: gateway.search("US", "415", 5),
    "monthly_price": lambda gateway: gateway.monthly_price(NUMBER, "US"),
    "find_owned": lambda gateway: gateway.find_owned(NUMBER),
    "buy": lambda gateway: gateway.buy(NUMBER, REFERENCE),
    "configure": lambda gateway: gateway.configure(OwnedNumber("1", NUMBER, REFERENCE)),
    "release": lambda gateway: gateway.release("1"),
    "dial": lambda gateway: gateway.dial(DIAL_REQUEST),
    "find_placed_calls": lambda gateway: gateway.find_placed_calls(DIAL_REQUEST, SINCE),
    "list_active_calls": lambda gateway: gateway.list_active_calls(),
    "hang_up": lambda gateway: gateway.hang_up(CALL),
    "fetch_recording": lambda gateway: gateway.fetch_recording(RECORDING, BytesIO()),
    "delete_recording": lambda gateway: gateway.delete_recording(RECORDING),
    "find_recording": lambda gateway: gateway.find_recording("leg-with-one"),
    "answer": lambda gateway: gateway.answer(CALL, COMMAND, record=True),
    "start_stream": lambda gateway: gateway.start_stream(CALL, "wss://media.example.com/media/telnyx/t", COMMAND),
    "reject": lambda gateway: gateway.reject(CALL, "busy", COMMAND),
    "speak": lambda gateway: gateway.speak(CALL, "Sorry.", "en-US", COMMAND),
    "send_digits": lambda gateway: gateway.send_digits(CALL, "12w#", COMMAND),
    "speak_last_words": lambda gateway: gateway.speak_last_words(CALL, "Sorry.", "de", COMMAND),
    "transfer": lambda gateway: gateway.transfer(CALL, NUMBER, "+14155550100", COMMAND, limit_s=60, known_as=CALL),
}


@pytest.mark.parametrize("method", METHODS)
async def test_unreachable_carrier_is_unavailable(method: str) -> None:
    async with open_telnyx(telnyx_options(closed_port())) as gateway:
        with pytest.raises(CarrierUnavailable) as caught:
            await METHODS[method](gateway)
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("method", METHODS)
async def test_silent_carrier_is_unavailable_within_the_time_limit(method: str, telnyx_peer: TelnyxPeer) -> None:
    telnyx_peer.fail("hang", times=9)
    async with open_telnyx(telnyx_options(telnyx_peer.url, timeout_s=0.15)) as gateway:
        with pytest.raises(CarrierUnavailable) as caught:
            await METHODS[method](gateway)
    assert caught.value.code == "timeout"


@pytest.mark.parametrize("method", [name for name in METHODS if name != "monthly_price"])
async def test_refusal_has_the_code_and_no_personal_data(method: str, telnyx_peer: TelnyxPeer) -> None:
    telnyx_peer.fail("refuse", times=9)
    async with open_telnyx(telnyx_options(telnyx_peer.url)) as gateway:
        with pytest.raises(CarrierRefused) as caught:
            await METHODS[method](gateway)
    assert caught.value.code == "10009"
    assert NUMBER not in "".join(format_exception(caught.value))
    assert len(telnyx_peer.received) == 1


async def test_call_that_telnyx_does_not_take_now_is_left_to_the_queue(
    telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer
) -> None:
    telnyx_peer.fail("429")
    with pytest.raises(NotProcessed):
        await METHODS["dial"](telnyx)
    assert len(telnyx_peer.received) == 1


@pytest.mark.parametrize("tag", ["D1", "D2", "D3", "D22"])
async def test_call_beyond_a_limit_of_calls_at_once_is_left_to_the_queue(
    tag: str, telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer
) -> None:
    """A command for a call that goes on stays refused: nothing would send it later."""
    error = {"code": "10010", "title": "Authorization failed", "detail": f"Channel limit exceeded {tag}"}
    telnyx_peer.refusal = (403, {"errors": [error]})
    telnyx_peer.fail("refuse", times=2)
    with pytest.raises(NotProcessed) as caught:
        await METHODS["dial"](telnyx)
    assert (caught.value.code, len(telnyx_peer.received)) == (tag, 1)
    with pytest.raises(CarrierRefused) as refused:
        await METHODS["transfer"](telnyx)
    assert refused.value.code == tag


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        (method, kind)
        for method in METHODS
        for kind in ("429", "503", "drop", "rubbish")
        if (method, kind) != ("dial", "429")
    ],
)
async def test_request_is_retried_after_an_error(
    method: str, kind: str, telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer
) -> None:
    """Commands too, because Telnyx ignores a repeated command_id."""
    telnyx_peer.numbers["1"] = telnyx_peer.add_number("+14155550199")
    telnyx_peer.fail(kind)  # type: ignore[arg-type]
    await METHODS[method](telnyx)
    first, second, *_ = telnyx_peer.received
    assert (first.method, first.path, first.query, first.body) == (
        second.method,
        second.path,
        second.query,
        second.body,
    )


async def test_search_returns_place_price_and_capabilities(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    first, *_, last = await telnyx.search("US", "415", 3)
    assert (first.phone_number, first.locality, first.region) == ("+14155550100", "SAN FRANCISCO", "CA")
    assert (first.country, first.monthly_price) == ("US", Decimal("1.05"))
    assert first.capabilities == {"voice": True, "sms": True}
    assert last.phone_number == "+14155550102"
    (request,) = telnyx_peer.received
    assert request.query == {
        "filter[country_code]": "US",
        "filter[national_destination_code]": "415",
        "filter[phone_number_type]": "local",
        "filter[features][]": "voice",
        "filter[limit]": "3",
    }
    assert request.headers["Authorization"] == f"Bearer {KEY}"


async def test_price_is_that_of_the_number(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    assert await telnyx.monthly_price(NUMBER, "US") == Decimal("1.05")
    assert await telnyx.monthly_price("+14155559999", "US") is None
    telnyx_peer.fail("refuse")
    assert await telnyx.monthly_price(NUMBER, "US") is None


async def test_find_owned_matches_the_whole_number(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    telnyx_peer.add_number("+144155550123")
    assert await telnyx.find_owned("+14415555012") is None
    telnyx_peer.add_number(NUMBER)["status"] = "deleted"
    assert await telnyx.find_owned(NUMBER) is None


@pytest.mark.parametrize("polls", [0, 2])
@pytest.mark.parametrize("quiet", [False, True])
async def test_buy_waits_for_the_order(polls: int, quiet: bool, telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    telnyx_peer.order_polls, telnyx_peer.omits_reference = polls, quiet
    owned = await telnyx.buy(NUMBER, REFERENCE)
    assert (owned.phone_number, owned.reference) == (NUMBER, REFERENCE)
    assert owned.carrier_number_id in telnyx_peer.numbers
    (order,) = telnyx_peer.requests_to("POST /v2/number_orders")
    assert order.body == {
        "phone_numbers": [{"phone_number": NUMBER}],
        "connection_id": CONNECTION,
        "customer_reference": REFERENCE,
    }
    await telnyx.configure(owned)
    found = await telnyx.find_owned(NUMBER)
    assert found is not None and found.reference == REFERENCE
    assert telnyx_peer.numbers[owned.carrier_number_id]["connection_id"] == CONNECTION


@pytest.mark.parametrize("kind", ["500", "drop", "rubbish"])
async def test_order_whose_answer_was_lost_is_not_placed_twice(
    kind: str, telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer
) -> None:
    telnyx_peer.fail(kind, on="POST /v2/number_orders", after=True)  # type: ignore[arg-type]
    with pytest.raises(CarrierUnavailable):
        await telnyx.buy(NUMBER, REFERENCE)
    assert (await telnyx.buy(NUMBER, REFERENCE)).phone_number == NUMBER
    assert len(telnyx_peer.requests_to("POST /v2/number_orders")) == 1


@pytest.mark.parametrize("status", ["requirement-info-pending", "requirement-info-under-review"])
async def test_order_that_waits_for_documents_says_so_at_once(
    status: str, telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer
) -> None:
    telnyx_peer.requirement = status
    with pytest.raises(NumberPending, match="documents") as pending:
        await telnyx.buy(NUMBER, REFERENCE)
    assert pending.value.code == status


@pytest.mark.parametrize("status", ["purchase-pending", "requirement-info-exception", "something-new"])
async def test_only_active_numbers_take_calls(status: str, telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    row = telnyx_peer.add_number(NUMBER)
    found = await telnyx.find_owned(NUMBER)
    assert found is not None and not found.pending
    row["status"] = status
    found = await telnyx.find_owned(NUMBER)
    assert found is not None and found.pending.startswith("The carrier")


async def test_failed_order_is_refused(telnyx: TelnyxGateway) -> None:
    with pytest.raises(CarrierRefused) as caught:
        await telnyx.buy("+14155559999", REFERENCE)
    assert (caught.value.code, caught.value.number_unavailable) == ("order_failed", True)


async def test_second_release_is_no_error(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    number_id = telnyx_peer.add_number(NUMBER)["id"]
    await telnyx.release(number_id)
    await telnyx.release(number_id)
    assert not telnyx_peer.numbers


async def test_dial_sends_webhook_and_client_state(telnyx_peer: TelnyxPeer) -> None:
    order = DialRequest(
        CALL_ID,
        DIAL_REQUEST.caller,
        DIAL_REQUEST.called,
        ring_timeout_s=2,
        max_duration_s=90_000,
        detect_machine=True,
        record=True,
    )
    async with open_telnyx(telnyx_options(telnyx_peer.url, records=True)) as gateway:
        assert await gateway.dial(order) == PlacedCall(telnyx_peer.dialed[CALL_ID], "session")
    assert telnyx_peer.received[0].body == {
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
        "preferred_codecs": "PCMU,PCMA,G722",
        "send_silence_when_idle": True,
        "record": "record-from-answer",
        "record_channels": "dual",
        "record_format": "wav",
    }


async def test_call_whose_answer_was_lost_is_placed_once(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    telnyx_peer.fail("drop", after=True)
    assert await telnyx.dial(DIAL_REQUEST) == PlacedCall(telnyx_peer.dialed[CALL_ID], "session")
    assert len(telnyx_peer.received) == 2 and len(telnyx_peer.dialed) == 1
    assert "record" not in telnyx_peer.received[0].body
    assert await telnyx.find_placed_calls(DIAL_REQUEST, SINCE) == []


async def test_active_calls_are_listed_over_pages_with_what_they_carry(
    telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer
) -> None:
    states = [CALL_ID, f"inbound:{CALL_ID}", "transfer:v3:other", None, "not ours"]
    telnyx_peer.active = [
        {"call_control_id": f"v3:{number}", "call_duration": number, "record_type": "call",
         "client_state": None if state is None else b64encode(state.encode()).decode()}
        for number, state in enumerate(states)
    ]  # fmt: skip
    assert await telnyx.list_active_calls() == [
        ActiveCall("v3:0", 0, call_id=CALL_ID),
        ActiveCall("v3:1", 1, call_id=CALL_ID),
        ActiveCall("v3:2", 2, transfer_of="v3:other"),
        ActiveCall("v3:3", 3),
        ActiveCall("v3:4", 4, call_id="not ours"),
    ]
    assert await telnyx.find_placed_calls(DIAL_REQUEST, SINCE) == [PlacedCall("v3:0"), PlacedCall("v3:1")]


async def test_command_for_an_ended_call_sets_call_ended(telnyx: TelnyxGateway) -> None:
    with pytest.raises(CarrierRefused) as caught:
        await telnyx.answer(ENDED, COMMAND, record=False)
    assert (caught.value.code, caught.value.call_ended) == ("90018", True)
    await telnyx.hang_up(ENDED)


@pytest.mark.parametrize(
    ("detail", "code"),
    [("Dialed number is not included in whitelisted countries D13", "D13"), ("See D13 for", "10010")],
)
def test_limit_is_named_by_its_tag(detail: str, code: str) -> None:
    """Telnyx's error code is the same for all limits."""
    error = error_from_response(403, {"errors": [{"code": "10010", "detail": detail}]})
    assert (type(error), error.code) == (CarrierRefused, code)


async def test_stream_is_bidirectional_pcmu(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    await telnyx.start_stream(CALL, "wss://media.example.com/media/telnyx/token", COMMAND)
    assert telnyx_peer.received[0].path == f"/v2/calls/{CALL}/actions/streaming_start"
    assert telnyx_peer.received[0].body == {
        "stream_url": "wss://media.example.com/media/telnyx/token",
        "stream_track": "inbound_track",
        "stream_codec": "PCMU",
        "stream_bidirectional_mode": "rtp",
        "stream_bidirectional_codec": "PCMU",
        "stream_bidirectional_target_legs": "self",
        "command_id": COMMAND,
    }


async def test_answer_records_only_with_setting_and_consent(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    await telnyx.answer(CALL, COMMAND, record=True)
    async with open_telnyx(telnyx_options(telnyx_peer.url, records=True)) as gateway:
        await gateway.answer(CALL, COMMAND, record=False)
        await gateway.answer(CALL, COMMAND, record=True)
        await gateway.dial(DIAL_REQUEST)
        await gateway.answer(CALL, COMMAND, record=False, call_id=CALL_ID)
    plain, unwanted, recorded, dialed, known = (request.body for request in telnyx_peer.received)
    media = {"preferred_codecs": "PCMU,PCMA,G722", "send_silence_when_idle": True}
    assert plain == unwanted == {"command_id": COMMAND} | media
    assert "record" not in dialed
    assert b64decode(known["client_state"]) == f"inbound:{CALL_ID}".encode()
    assert recorded == plain | {
        "record": "record-from-answer",
        "record_channels": "dual",
        "record_format": "wav",
    }


async def test_keys_are_pressed_by_a_command(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    await telnyx.send_digits(CALL, "12w#", COMMAND)
    (sent,) = telnyx_peer.received
    assert sent.path.endswith("/actions/send_dtmf")
    assert sent.body == {"digits": "12w#", "duration_millis": 100, "command_id": COMMAND}


async def test_commands_send_their_arguments(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    await telnyx.reject(CALL, "busy", COMMAND)
    await telnyx.reject(CALL, "rejected", COMMAND)
    await telnyx.speak(CALL, "w" * 4_000, "en-US", COMMAND)
    await telnyx.transfer(CALL, NUMBER, "+14155550100", COMMAND, limit_s=3_600, known_as="v3:row")
    busy, rejected, spoken, transferred = (request.body for request in telnyx_peer.received)
    assert (busy["cause"], rejected["cause"]) == ("USER_BUSY", "CALL_REJECTED")
    assert (len(spoken["payload"]), spoken["language"], spoken["voice"]) == (3_000, "en-US", "female")
    assert transferred == {
        "to": NUMBER,
        "from": "+14155550100",
        "target_leg_client_state": b64encode(b"transfer:v3:row").decode(),
        "command_id": COMMAND,
        "time_limit_secs": 3_600,
    }


@pytest.mark.parametrize(
    ("language", "spoken"), [("de", "de-DE"), ("de-AT", "de-DE"), ("en", "en-US"), ("da", "da-DK"), ("xx", "en-US"),
                          ("en-GB", "en-GB"), ("fr", "fr-FR")],
)  # fmt: skip
async def test_nearest_speak_language_is_chosen(
    language: str, spoken: str, telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer
) -> None:
    await telnyx.speak(CALL, "x", language, COMMAND)
    assert telnyx_peer.received[0].body["language"] == spoken


async def test_recording_is_fetched_by_id_and_by_url(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    for source in (RECORDING, f"{telnyx_peer.url}/storage/one.wav"):
        file = BytesIO(b"what an earlier try left, and longer than the recording" * 100)
        await telnyx.fetch_recording(source, file)
        assert file.getvalue() == WAV
    assert "Authorization" not in telnyx_peer.received[-1].headers, "the key is for Telnyx only"
    with pytest.raises(CarrierRefused) as caught:
        await telnyx.fetch_recording(f"{telnyx_peer.url}/storage/expired.wav", BytesIO())
    assert caught.value.code == "403"


async def test_recording_is_deleted(telnyx: TelnyxGateway, telnyx_peer: TelnyxPeer) -> None:
    assert await telnyx.find_recording("leg-with-one") == RECORDING
    assert await telnyx.find_recording("another") is None
    await telnyx.delete_recording(RECORDING)
    await telnyx.delete_recording("deleted")
    with pytest.raises(CarrierRefused):
        await telnyx.delete_recording("https://storage.example.com/one.wav")
