"""Twilio's gateway: its requests, its conversion of answers, and its errors."""

import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from traceback import format_exception

import httpx
import pytest

from control.carriers.retries import NotProcessed
from control.carriers.rules import CarrierRefused, CarrierUnavailable, DialRequest, OwnedNumber, PlacedCall
from control.carriers.twilio import TwilioGateway, open_twilio
from control.carriers.twilio_forms import regional_api_url
from tests.control.carriers.conftest import twilio_options
from tests.control.carriers.twilio_peer import TwilioPeer

NUMBER = "+14155550123"
DIAL_REQUEST = DialRequest("01927f00-0000-7000-8000-000000000001", "+14155550100", NUMBER)
SINCE = datetime(2026, 11, 24, 10, 0, 5, 900_000, UTC)
RECORDING = "RE" + "a" * 32
REFERENCE = "01927f00-0000-7000-8000-0000000000aa"

GatewayRequest = Callable[[TwilioGateway], Awaitable[object]]
METHODS: dict[str, GatewayRequest] = {
    "search": lambda gateway: gateway.search("US", "415", 5),
    "monthly_price": lambda gateway: gateway.monthly_price(NUMBER, "US"),
    "find_owned": lambda gateway: gateway.find_owned(NUMBER),
    "buy": lambda gateway: gateway.buy(NUMBER, REFERENCE),
    "configure": lambda gateway: gateway.configure(OwnedNumber("PN1", NUMBER, REFERENCE)),
    "release": lambda gateway: gateway.release("PN1"),
    "dial": lambda gateway: gateway.dial(DIAL_REQUEST),
    "list_active_calls": lambda gateway: gateway.list_active_calls(),
    "find_placed_calls": lambda gateway: gateway.find_placed_calls(DIAL_REQUEST, SINCE),
    "hang_up": lambda gateway: gateway.hang_up("CA1"),
    "speak_last_words": lambda gateway: gateway.speak_last_words("CA1", "Sorry.", "de", REFERENCE),
    "is_routed_elsewhere": lambda gateway: gateway.is_routed_elsewhere(f"PN{1:032x}"),
    "count_dialed": lambda gateway: gateway.count_dialed("CA1"),
    "redirect": lambda gateway: gateway.redirect("CA1", "/webhooks/calls/continue?call=1&leg=0"),
    "start_recording": lambda gateway: gateway.start_recording("CA1", DIAL_REQUEST.call_id),
    "fetch_recording": lambda gateway: gateway.fetch_recording(RECORDING, BytesIO()),
    "delete_recording": lambda gateway: gateway.delete_recording(RECORDING),
}
ONCE_ONLY = ("buy", "dial")


def closed_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize("method", METHODS)
async def test_unreachable_carrier_is_unavailable(method: str) -> None:
    async with open_twilio(twilio_options(closed_port(), records=True)) as gateway:
        with pytest.raises(CarrierUnavailable) as caught:
            await METHODS[method](gateway)
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("method", METHODS)
async def test_silent_carrier_is_unavailable_within_the_time_limit(method: str, twilio_peer: TwilioPeer) -> None:
    twilio_peer.fail("hang", times=9)
    # Long enough for the request to arrive, where it is counted.
    timeout_s = 1.0 if method in ONCE_ONLY else 0.15
    async with open_twilio(twilio_options(twilio_peer.url, timeout_s=timeout_s, records=True)) as gateway:
        with pytest.raises(CarrierUnavailable) as caught:
            await METHODS[method](gateway)
    assert caught.value.code == "timeout"
    if method in ONCE_ONLY:
        assert len(twilio_peer.received) == 1


@pytest.mark.parametrize("method", [name for name in METHODS if name != "monthly_price"])
async def test_refusal_has_the_code_and_no_personal_data(method: str, twilio_peer: TwilioPeer) -> None:
    twilio_peer.fail("refuse", times=9)
    if method == "fetch_recording":
        twilio_peer.refusal = (404, {"code": 20404, "status": 404, "message": NUMBER})
    async with open_twilio(twilio_options(twilio_peer.url, records=True)) as gateway:
        with pytest.raises(CarrierRefused) as caught:
            await METHODS[method](gateway)
    assert caught.value.code == ("404" if method == "fetch_recording" else "20003")
    assert NUMBER not in "".join(format_exception(caught.value))
    assert len(twilio_peer.received) == 1


@pytest.mark.parametrize("method", [name for name in METHODS if name != "dial"])
async def test_rate_limited_request_is_retried(method: str, twilio_peer: TwilioPeer) -> None:
    """429 means that nothing was processed, so even a purchase may be repeated."""
    twilio_peer.add_number("+14155550199")  # sid PN…1
    async with open_twilio(twilio_options(twilio_peer.url, records=True)) as gateway:
        twilio_peer.fail("429", times=2)
        if method == "configure":
            await gateway.configure(OwnedNumber(next(iter(twilio_peer.numbers)), NUMBER, REFERENCE))
        else:
            await METHODS[method](gateway)
    assert len(twilio_peer.received) >= 3


@pytest.mark.parametrize("refusal", [(429, 20429), (400, 10004)])
async def test_call_that_twilio_does_not_take_now_is_left_to_the_queue(
    refusal: tuple[int, int], twilio: TwilioGateway, twilio_peer: TwilioPeer
) -> None:
    status, code = refusal
    twilio_peer.refusal = (status, {"code": code, "message": "Too Many Requests", "more_info": "", "status": status})
    twilio_peer.fail("refuse")
    with pytest.raises(NotProcessed):
        await twilio.dial(DIAL_REQUEST)
    assert len(twilio_peer.received) == 1


@pytest.mark.parametrize("method", ONCE_ONLY)
@pytest.mark.parametrize("kind", ["500", "drop", "rubbish"])
async def test_purchase_is_not_repeated_when_it_may_have_succeeded(
    method: str, kind: str, twilio_peer: TwilioPeer
) -> None:
    twilio_peer.fail(kind, after=True)  # type: ignore[arg-type]
    async with open_twilio(twilio_options(twilio_peer.url, records=True)) as gateway:
        with pytest.raises(CarrierUnavailable):
            await METHODS[method](gateway)
    assert len(twilio_peer.received) == 1


async def test_reads_are_retried_after_an_error(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    twilio_peer.add_number(NUMBER, REFERENCE)
    twilio_peer.fail("500")
    twilio_peer.fail("drop")
    found = await twilio.find_owned(NUMBER)
    assert found is not None and found.reference == REFERENCE
    assert len(twilio_peer.received) == 3


async def test_search_returns_place_price_and_capabilities(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    first, *_, last = await twilio.search("US", "415", 3)
    assert (first.phone_number, first.locality, first.region) == ("+14155550100", "San Francisco", "CA")
    assert (first.country, first.monthly_price) == ("US", Decimal("1.10"))
    assert first.capabilities == {"voice": True, "sms": True, "mms": False}
    assert last.phone_number == "+14155550102"
    assert twilio_peer.received[0].query["AreaCode"] == "415"
    await twilio.search("US", "415", 3)
    assert len(twilio_peer.requests_to("GET /v1/PhoneNumbers")) == 1, "prices are cached"


async def test_search_falls_back_to_mobile_numbers(twilio: TwilioGateway) -> None:
    (found,) = await twilio.search("FI", "", 3)
    assert (found.phone_number, found.monthly_price) == ("+358401234567", Decimal("5.00"))


async def test_search_in_an_unknown_country_is_empty(twilio: TwilioGateway) -> None:
    assert await twilio.search("AQ", "", 5) == []


async def test_search_works_without_prices(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    twilio_peer.fail("500", on="GET /v1/PhoneNumbers", times=3)
    found = await twilio.search("US", "415", 2)
    assert [offer.monthly_price for offer in found] == [None, None]


async def test_refused_price_is_unknown(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    twilio_peer.fail("refuse")
    assert await twilio.monthly_price(NUMBER, "US") is None
    assert await twilio.monthly_price("+18005550100", "US") == Decimal("2.15")


async def test_find_owned_matches_the_whole_number(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    twilio_peer.add_number("+144155550123")
    assert await twilio.find_owned("+14415555012") is None


async def test_buy_sets_webhooks_and_reference(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    owned = await twilio.buy(NUMBER, REFERENCE)
    assert (owned.phone_number, owned.reference) == (NUMBER, REFERENCE)
    assert owned.capabilities["voice"] is True
    assert twilio_peer.received[-1].body == {
        "PhoneNumber": [NUMBER],
        "FriendlyName": [REFERENCE],
        "VoiceUrl": ["https://hooks.example.com/webhooks/calls/inbound"],
        "VoiceMethod": ["POST"],
        "VoiceFallbackUrl": ["https://hooks.example.com/webhooks/calls/inbound"],
        "VoiceFallbackMethod": ["POST"],
        "StatusCallback": ["https://hooks.example.com/webhooks/calls/status#rc=3&rp=5xx,ct,rt"],
        "StatusCallbackMethod": ["POST"],
    }
    await twilio.configure(owned)
    assert "VoiceUrl" in twilio_peer.received[-1].body
    with pytest.raises(CarrierRefused) as caught:
        await twilio.buy(NUMBER, REFERENCE)
    assert (caught.value.code, caught.value.number_unavailable) == ("21422", True)


async def test_second_release_is_no_error(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    sid = twilio_peer.add_number(NUMBER)["sid"]
    await twilio.release(sid)
    await twilio.release(sid)
    assert not twilio_peer.numbers


async def test_dial_sends_all_webhooks(twilio_peer: TwilioPeer) -> None:
    order = DialRequest(
        DIAL_REQUEST.call_id,
        DIAL_REQUEST.caller,
        DIAL_REQUEST.called,
        ring_timeout_s=30,
        max_duration_s=900,
        detect_machine=True,
        record=True,
    )
    async with open_twilio(twilio_options(twilio_peer.url, records=True)) as gateway:
        placed = await gateway.dial(order)
    base = "https://hooks.example.com/webhooks/calls"
    assert placed.carrier_call_id == twilio_peer.calls[0]["sid"]
    assert twilio_peer.received[0].body == {
        "To": [order.called],
        "From": [order.caller],
        "Url": [f"{base}/inbound?call={order.call_id}"],
        "Method": ["POST"],
        "FallbackUrl": [f"{base}/inbound?call={order.call_id}"],
        "FallbackMethod": ["POST"],
        "StatusCallback": [f"{base}/status?call={order.call_id}#rc=3&rp=5xx,ct,rt"],
        "StatusCallbackMethod": ["POST"],
        "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
        "Timeout": ["30"],
        "TimeLimit": ["900"],
        "MachineDetection": ["Enable"],
        "AsyncAmd": ["true"],
        "AsyncAmdStatusCallback": [f"{base}/status?call={order.call_id}#rc=3&rp=5xx,ct,rt"],
        "AsyncAmdStatusCallbackMethod": ["POST"],
        "Record": ["true"],
        "RecordingChannels": ["dual"],
        "RecordingTrack": ["both"],
        "Trim": ["do-not-trim"],
        "RecordingStatusCallback": [f"{base}/recording?call={order.call_id}#rc=3&rp=5xx,ct,rt"],
        "RecordingStatusCallbackMethod": ["POST"],
    }


async def test_plain_call_has_no_recording_and_no_detection(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    await twilio.dial(DIAL_REQUEST)
    assert not {"Record", "MachineDetection", "AsyncAmd"} & twilio_peer.received[0].body.keys()


@pytest.mark.parametrize(("records", "record"), [(True, False), (False, True)])
async def test_dial_records_only_with_setting_and_consent(twilio_peer: TwilioPeer, records: bool, record: bool) -> None:
    async with open_twilio(twilio_options(twilio_peer.url, records=records)) as gateway:
        await gateway.dial(replace(DIAL_REQUEST, record=record))
    assert not [name for name in twilio_peer.received[0].body if name.startswith("Record")]


async def test_placed_call_is_found(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    twilio_peer.fail("drop", after=True)
    with pytest.raises(CarrierUnavailable):
        await twilio.dial(DIAL_REQUEST)
    # Twilio's times have no fractions: the call was created in the second of `since`.
    first = PlacedCall(twilio_peer.calls[0]["sid"])
    assert await twilio.find_placed_calls(DIAL_REQUEST, SINCE) == [first]
    assert await twilio.find_placed_calls(DIAL_REQUEST, SINCE.replace(second=6)) == []
    # Twilio lists the newest first.
    second = {"sid": "CA-2", "date_created": "Tue, 24 Nov 2026 10:00:06 +0000"}
    twilio_peer.calls.insert(0, twilio_peer.calls[0] | second)
    assert await twilio.find_placed_calls(DIAL_REQUEST, SINCE) == [first, PlacedCall("CA-2")]
    for call in twilio_peer.calls:
        call["direction"] = "inbound"
    assert await twilio.find_placed_calls(DIAL_REQUEST, SINCE) == []


async def test_active_calls_are_listed_with_the_number_that_is_ours(
    twilio: TwilioGateway, twilio_peer: TwilioPeer
) -> None:
    """Other applications may use the account; a leg of <Dial> ends with its call."""
    await twilio.dial(DIAL_REQUEST)
    (call,) = twilio_peer.calls
    call |= {"status": "in-progress", "start_time": "Tue, 24 Nov 2026 10:00:05 +0000"}
    others = [{"sid": "CA-2", "direction": "inbound"}, {"sid": "CA-3", "direction": "outbound-dial"}]
    twilio_peer.calls += [call | other for other in (*others, {"sid": "CA-4", "status": "completed"})]
    first, second = await twilio.list_active_calls()
    assert (first.carrier_call_id, first.number) == (call["sid"], DIAL_REQUEST.caller)
    assert (second.carrier_call_id, second.number) == ("CA-2", DIAL_REQUEST.called)
    assert first.seconds > 0


async def test_hang_up_of_an_ended_call_is_no_error(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    twilio_peer.deleted.add("CA1")
    await twilio.hang_up("CA1")
    await twilio.hang_up("CA2")
    assert [request.body for request in twilio_peer.received] == [{"Status": ["completed"]}] * 2


@pytest.mark.parametrize(
    ("region", "edge", "host"),
    [
        ("", "", "api.twilio.com"),
        ("ie1", "dublin", "api.dublin.ie1.twilio.com"),
        ("", "singapore", "api.singapore.us1.twilio.com"),
        ("au1", "", "api.sydney.au1.twilio.com"),
    ],
)
async def test_requests_go_to_the_region_by_the_edge(region: str, edge: str, host: str) -> None:
    url = regional_api_url("https://api.twilio.com", region, edge)
    assert url == f"https://{host}"
    assert regional_api_url("http://127.0.0.1:8080", region, edge) == "http://127.0.0.1:8080"
    requested: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requested.append(request.url.host)
        return httpx.Response(201, json={"sid": "CA1"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        await TwilioGateway(twilio_options(url), http).dial(DIAL_REQUEST)
    assert requested == [host]


PRICED = {"sid": "CA1", "status": "completed", "duration": "61", "price": "-0.0170", "price_unit": "USD"}
LEG = PRICED | {"sid": "CA2", "parent_call_sid": "CA1", "price": "-0.0140"}


@pytest.mark.parametrize(
    ("calls", "with_transfer", "price"),
    [
        ([PRICED], False, "0.0170"),
        ([PRICED, LEG], False, "0.0170"),
        ([PRICED, LEG], True, "0.0310"),
        ([PRICED | {"price": None}], False, None),
        ([PRICED, LEG | {"price": None}], True, None),
        ([PRICED, LEG | {"price": None, "duration": "0", "status": "no-answer"}], True, "0.0170"),
    ],
)
async def test_price_of_a_call_and_its_legs(
    calls: list[dict[str, object]],
    with_transfer: bool,
    price: str | None,
    twilio: TwilioGateway,
    twilio_peer: TwilioPeer,
) -> None:
    twilio_peer.calls = calls
    found = await twilio.call_price("CA1", with_transfer=with_transfer)
    assert found == (None if price is None else Decimal(price))


@pytest.mark.parametrize(("calls", "dialed"), [([PRICED], 0), ([PRICED, LEG], 1)])
async def test_legs_of_a_transfer_are_found(
    calls: list[dict[str, object]], dialed: int, twilio: TwilioGateway, twilio_peer: TwilioPeer
) -> None:
    twilio_peer.calls = calls
    assert await twilio.count_dialed("CA1") == dialed


async def test_price_in_another_currency_is_not_taken(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    twilio_peer.calls = [PRICED | {"price_unit": "EUR"}]
    with pytest.raises(CarrierRefused) as caught:
        await twilio.call_price("CA1", with_transfer=False)
    assert caught.value.code == "other_currency"


async def test_call_is_redirected_to_our_webhook(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    await METHODS["redirect"](twilio)
    assert twilio_peer.received[0].body == {
        "Url": ["https://hooks.example.com/webhooks/calls/continue?call=1&leg=0"],
        "Method": ["POST"],
    }
    twilio_peer.deleted.add("CA1")
    with pytest.raises(CarrierRefused) as caught:
        await METHODS["redirect"](twilio)
    assert caught.value.call_ended
