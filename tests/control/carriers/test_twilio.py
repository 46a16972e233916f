"""Twilio's gateway: what it asks, what it makes of answers, and what it does when none come."""

import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from traceback import format_exception

import pytest

from control.carriers.model import CarrierAway, CarrierRefused, Dial, Owned, Placed
from control.carriers.twilio import TwilioGateway, open_twilio
from tests.control.carriers.conftest import twilio_options
from tests.control.carriers.twilio_peer import BASE, SID, WAV, TwilioPeer

NUMBER = "+14155550123"
ORDER = Dial("01927f00-0000-7000-8000-000000000001", "+14155550100", NUMBER)
SINCE = datetime(2026, 11, 24, 10, 0, 5, 900_000, UTC)
RECORDING = "RE" + "a" * 32
REFERENCE = "01927f00-0000-7000-8000-0000000000aa"

Asking = Callable[[TwilioGateway], Awaitable[object]]
METHODS: dict[str, Asking] = {
    "search": lambda gateway: gateway.search("US", "415", 5),
    "monthly_price": lambda gateway: gateway.monthly_price(NUMBER, "US"),
    "owned": lambda gateway: gateway.owned(NUMBER),
    "buy": lambda gateway: gateway.buy(NUMBER, REFERENCE),
    "configure": lambda gateway: gateway.configure(Owned("PN1", NUMBER, REFERENCE)),
    "release": lambda gateway: gateway.release("PN1"),
    "dial": lambda gateway: gateway.dial(ORDER),
    "find_dialled": lambda gateway: gateway.find_dialled(ORDER, SINCE),
    "hang_up": lambda gateway: gateway.hang_up("CA1"),
    "record": lambda gateway: gateway.record("CA1", ORDER.call_id),
    "fetch_recording": lambda gateway: gateway.fetch_recording(RECORDING, BytesIO()),
    "delete_recording": lambda gateway: gateway.delete_recording(RECORDING),
}
ONCE_ONLY = ("buy", "dial", "record")


async def fetched(gateway: TwilioGateway, recording: str) -> bytes:
    file = BytesIO()
    await gateway.fetch_recording(recording, file)
    return file.getvalue()


def closed_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize("method", METHODS)
async def test_a_carrier_that_is_not_there_is_away(method: str) -> None:
    async with open_twilio(twilio_options(closed_port(), records=True)) as gateway:
        with pytest.raises(CarrierAway) as caught:
            await METHODS[method](gateway)
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("method", METHODS)
async def test_a_carrier_that_does_not_answer_is_away_in_bounded_time(method: str, twilio_peer: TwilioPeer) -> None:
    twilio_peer.fail("hang", times=9)
    # Long enough for the question to arrive, where it is counted.
    timeout_s = 1.0 if method in ONCE_ONLY else 0.15
    async with open_twilio(twilio_options(twilio_peer.url, timeout_s=timeout_s, records=True)) as gateway:
        with pytest.raises(CarrierAway) as caught:
            await METHODS[method](gateway)
    assert caught.value.code == "timeout"
    if method in ONCE_ONLY:
        assert len(twilio_peer.asked) == 1


@pytest.mark.parametrize("method", [name for name in METHODS if name != "monthly_price"])
async def test_a_refusal_has_the_carriers_code_and_nothing_personal(method: str, twilio_peer: TwilioPeer) -> None:
    twilio_peer.fail("refuse", times=9)
    if method == "fetch_recording":
        twilio_peer.refusal = (404, {"code": 20404, "status": 404, "message": NUMBER})
    async with open_twilio(twilio_options(twilio_peer.url, records=True)) as gateway:
        with pytest.raises(CarrierRefused) as caught:
            await METHODS[method](gateway)
    assert caught.value.code == ("404" if method == "fetch_recording" else "20003")
    assert NUMBER not in "".join(format_exception(caught.value))
    assert len(twilio_peer.asked) == 1


@pytest.mark.parametrize("method", METHODS)
async def test_a_busy_carrier_is_asked_again(method: str, twilio_peer: TwilioPeer) -> None:
    """429 says that nothing was done, so even a purchase may be repeated."""
    twilio_peer.own("+14155550199")  # sid PN…1
    async with open_twilio(twilio_options(twilio_peer.url, records=True)) as gateway:
        twilio_peer.fail("429", times=2)
        if method == "configure":
            await gateway.configure(Owned(next(iter(twilio_peer.numbers)), NUMBER, REFERENCE))
        else:
            await METHODS[method](gateway)
    assert len(twilio_peer.asked) >= 3


@pytest.mark.parametrize("method", ONCE_ONLY)
@pytest.mark.parametrize("how", ["500", "drop", "rubbish"])
async def test_what_costs_money_is_not_repeated_when_it_may_have_been_done(
    method: str, how: str, twilio_peer: TwilioPeer
) -> None:
    twilio_peer.fail(how, after=True)  # type: ignore[arg-type]
    async with open_twilio(twilio_options(twilio_peer.url, records=True)) as gateway:
        with pytest.raises(CarrierAway):
            await METHODS[method](gateway)
    assert len(twilio_peer.asked) == 1


async def test_questions_are_repeated_after_a_fault(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    twilio_peer.own(NUMBER, REFERENCE)
    twilio_peer.fail("500")
    twilio_peer.fail("drop")
    found = await twilio.owned(NUMBER)
    assert found is not None and found.reference == REFERENCE
    assert len(twilio_peer.asked) == 3


async def test_search_tells_place_price_and_abilities(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    first, *_, last = await twilio.search("US", "415", 3)
    assert (first.phone_number, first.locality, first.region) == ("+14155550100", "San Francisco", "CA")
    assert (first.country, first.monthly_price) == ("US", Decimal("1.10"))
    assert first.capabilities == {"voice": True, "sms": True, "mms": False}
    assert last.phone_number == "+14155550102"
    assert twilio_peer.asked[0].query["AreaCode"] == "415"
    await twilio.search("US", "415", 3)
    assert len(twilio_peer.requests("GET /v1/PhoneNumbers")) == 1, "prices are kept for a while"


async def test_a_country_without_local_numbers_offers_mobile_ones(twilio: TwilioGateway) -> None:
    (found,) = await twilio.search("FI", "", 3)
    assert (found.phone_number, found.monthly_price) == ("+358401234567", Decimal("5.00"))


async def test_a_country_that_twilio_does_not_sell_has_no_numbers(twilio: TwilioGateway) -> None:
    assert await twilio.search("AQ", "", 5) == []


async def test_a_search_without_prices_is_better_than_none(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    twilio_peer.fail("500", on="GET /v1/PhoneNumbers", times=3)
    found = await twilio.search("US", "415", 2)
    assert [one.monthly_price for one in found] == [None, None]


async def test_a_price_that_is_refused_is_unknown(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    twilio_peer.fail("refuse")
    assert await twilio.monthly_price(NUMBER, "US") is None
    assert await twilio.monthly_price("+18005550100", "US") == Decimal("2.15")


async def test_a_number_is_ours_only_if_it_is_exactly_that(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    twilio_peer.own("+144155550123")
    assert await twilio.owned("+14415555012") is None


async def test_buying_sets_webhooks_and_keeps_our_reference(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    owned = await twilio.buy(NUMBER, REFERENCE)
    assert (owned.phone_number, owned.reference) == (NUMBER, REFERENCE)
    assert owned.capabilities["voice"] is True
    assert twilio_peer.asked[-1].sent == {
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
    assert "VoiceUrl" in twilio_peer.asked[-1].sent
    with pytest.raises(CarrierRefused) as caught:
        await twilio.buy(NUMBER, REFERENCE)
    assert (caught.value.code, caught.value.taken) == ("21422", True)


async def test_release_twice_is_no_error(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    sid = twilio_peer.own(NUMBER)["sid"]
    await twilio.release(sid)
    await twilio.release(sid)
    assert not twilio_peer.numbers


async def test_a_call_is_placed_with_all_its_webhooks(twilio_peer: TwilioPeer) -> None:
    order = Dial(ORDER.call_id, ORDER.caller, ORDER.called, ring_s=30, longest_s=900, detect_machine=True, record=True)
    async with open_twilio(twilio_options(twilio_peer.url, records=True)) as gateway:
        placed = await gateway.dial(order)
    base = "https://hooks.example.com/webhooks/calls"
    assert placed.carrier_call_id == twilio_peer.calls[0]["sid"]
    assert twilio_peer.asked[0].sent == {
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


async def test_a_plain_call_is_neither_recorded_nor_listened_to(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    await twilio.dial(ORDER)
    assert not {"Record", "MachineDetection", "AsyncAmd"} & twilio_peer.asked[0].sent.keys()


@pytest.mark.parametrize(("records", "record"), [(True, False), (False, True)])
async def test_only_who_consented_is_recorded_and_only_where_twilio_records(
    twilio_peer: TwilioPeer, records: bool, record: bool
) -> None:
    async with open_twilio(twilio_options(twilio_peer.url, records=records)) as gateway:
        await gateway.dial(replace(ORDER, record=record))
    assert not [name for name in twilio_peer.asked[0].sent if name.startswith("Record")]


async def test_a_dialled_call_is_found_again(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    twilio_peer.fail("drop", after=True)
    with pytest.raises(CarrierAway):
        await twilio.dial(ORDER)
    # Twilio's clock has no fractions: the call was created in the second of `since`.
    first = Placed(twilio_peer.calls[0]["sid"])
    assert await twilio.find_dialled(ORDER, SINCE) == [first]
    assert await twilio.find_dialled(ORDER, SINCE.replace(second=6)) == []
    # Twilio lists the newest first.
    second = {"sid": "CA-2", "date_created": "Tue, 24 Nov 2026 10:00:06 +0000"}
    twilio_peer.calls.insert(0, twilio_peer.calls[0] | second)
    assert await twilio.find_dialled(ORDER, SINCE) == [first, Placed("CA-2")]
    for call in twilio_peer.calls:
        call["direction"] = "inbound"
    assert await twilio.find_dialled(ORDER, SINCE) == []


async def test_hanging_up_a_call_that_is_over_is_no_error(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    twilio_peer.gone.add("CA1")
    await twilio.hang_up("CA1")
    await twilio.hang_up("CA2")
    assert [one.sent for one in twilio_peer.asked] == [{"Status": ["completed"]}] * 2


async def test_recording_starts_only_where_twilio_records(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    await twilio.record("CA1", ORDER.call_id)
    assert not twilio_peer.asked
    twilio_peer.gone.add("CA2")
    async with open_twilio(twilio_options(twilio_peer.url, records=True)) as gateway:
        await gateway.record("CA1", ORDER.call_id)
        await gateway.record("CA2", ORDER.call_id)
    assert twilio_peer.asked[0].path == f"{BASE}/Calls/CA1/Recordings.json"
    assert twilio_peer.asked[0].sent["RecordingChannels"] == ["dual"]


async def test_recordings_come_with_both_sides_where_there_are_two(
    twilio: TwilioGateway, twilio_peer: TwilioPeer
) -> None:
    assert await fetched(twilio, RECORDING) == WAV
    assert twilio_peer.asked[0].query == {"RequestedChannels": "2"}
    twilio_peer.dual = False
    assert await fetched(twilio, RECORDING) == WAV
    assert len(twilio_peer.asked) == 3


async def test_a_recordings_url_leads_to_our_carrier_whatever_host_it_names(
    twilio: TwilioGateway, twilio_peer: TwilioPeer
) -> None:
    assert await fetched(twilio, f"https://evil.example/Accounts/{SID}/Recordings/{RECORDING}") == WAV
    with pytest.raises(CarrierRefused) as caught:
        await fetched(twilio, "https://evil.example/secret")
    assert caught.value.code == "bad_recording"
    assert len(twilio_peer.asked) == 1


async def test_deleting_a_recording_twice_is_no_error(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    await twilio.delete_recording(RECORDING)
    twilio_peer.gone.add(RECORDING)
    await twilio.delete_recording(RECORDING)
    assert len(twilio_peer.requests("DELETE")) == 2
