"""The official SDK against this network.

Every resource of the SDK builds its URL from its domain's `base_url`, so the tests set `client.api.base_url` and
`client.pricing.base_url`, without edge and region. The SDK's own `requests` client, form fields, paging and errors are
used unchanged.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]  # ships no types
from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from tests.platform.twilio_network import (
    ACCOUNT,
    LIMIT_S,
    NUMBER,
    PERSON,
    TOKEN,
    Customer,
    TwilioNetwork,
    add_own_number,
    answering_phone,
    connect,
    running_twilio_network,
)

T = TypeVar("T")


@asynccontextmanager
async def client_of(net: TwilioNetwork, token: str = TOKEN) -> AsyncIterator[Client]:
    http = TwilioHttpClient(timeout=LIMIT_S)
    client = Client(ACCOUNT, token, http_client=http)
    client.api.base_url = net.url
    client.pricing.base_url = net.url
    yield client
    http.session.close()


async def run_blocking(question: Callable[[], T]) -> T:
    """Runs a blocking SDK call in a thread, because the network runs in this loop."""
    return await asyncio.to_thread(question)


async def test_numbers_are_searched_bought_updated_and_released() -> None:
    async with running_twilio_network() as net, client_of(net) as client:
        found = await run_blocking(lambda: client.available_phone_numbers("US").local.list(area_code=512, limit=3))
        assert [one.phone_number for one in found] == ["+15125550000", "+15125550001", "+15125550002"]
        assert (found[0].locality, found[0].region, found[0].capabilities["voice"]) == ("Austin", "TX", True)
        free = await run_blocking(lambda: client.available_phone_numbers("US").toll_free.list(limit=1))
        assert (free[0].phone_number, free[0].locality) == ("+18335550000", None)
        mobile = await run_blocking(lambda: client.available_phone_numbers("GB").mobile.list(limit=1))
        assert mobile[0].phone_number.startswith("+447")
        assert await run_blocking(lambda: client.available_phone_numbers("FR").local.list(limit=1)) == []
        wanted = found[0].phone_number
        bought = await run_blocking(
            lambda: client.incoming_phone_numbers.create(phone_number=wanted, voice_url="https://h/v")
        )
        assert (bought.phone_number, bought.voice_url, bought.voice_method) == (wanted, "https://h/v", "POST")
        assert bought.sid.startswith("PN") and net.carrier.owns(wanted)
        with pytest.raises(TwilioRestException) as taken:
            await run_blocking(lambda: client.incoming_phone_numbers.create(phone_number=wanted))
        assert (taken.value.status, taken.value.code) == (400, 21422)
        found = await run_blocking(lambda: client.available_phone_numbers("US").local.list(area_code=512, limit=1))
        assert found[0].phone_number != wanted
        changed = await run_blocking(
            lambda: client.incoming_phone_numbers(bought.sid).update(status_callback="https://h/s")
        )
        assert (changed.voice_url, changed.status_callback) == ("https://h/v", "https://h/s")
        listed = await run_blocking(lambda: client.incoming_phone_numbers.list(phone_number=wanted))
        assert [one.sid for one in listed] == [bought.sid]
        assert (await run_blocking(client.incoming_phone_numbers(bought.sid).fetch)).date_created is not None
        by_area = await run_blocking(lambda: client.incoming_phone_numbers.create(area_code="512"))
        assert by_area.phone_number == "+15125550001"
        assert await run_blocking(client.incoming_phone_numbers(bought.sid).delete)
        with pytest.raises(TwilioRestException) as gone:
            await run_blocking(client.incoming_phone_numbers(bought.sid).fetch)
        assert (gone.value.status, gone.value.code) == (404, 20404)
        contains = await run_blocking(
            lambda: client.available_phone_numbers("US").local.list(contains="+1512555*042", limit=2)
        )
        assert [contain.phone_number for contain in contains] == ["+15125550042", "+15125551042"]


async def test_a_call_is_placed_redirected_recorded_and_ended() -> None:
    async with Customer().running() as customer, running_twilio_network() as net, client_of(net) as client:
        add_own_number(net, customer)
        net.phone_network.subscribers[PERSON] = answering_phone()
        customer.documents["/answered"] = [connect(customer)]
        fields: dict[str, Any] = {
            "to": PERSON,
            "from_": NUMBER,
            "url": f"{customer.url}/answered",
            "status_callback": f"{customer.url}/status",
            "status_callback_event": ["initiated", "ringing", "answered", "completed"],
            "machine_detection": "Enable",
            "async_amd": "true",
            "async_amd_status_callback": f"{customer.url}/amd",
        }
        call = await run_blocking(lambda: client.calls.create(**fields))
        assert (call.status, call.direction, call.to) == ("queued", "outbound-api", PERSON)
        await customer.wait_until(lambda: customer.fields_of("/amd") and customer.agents and customer.agents[0].start)
        live = await run_blocking(client.calls(call.sid).fetch)
        assert (live.status, live.answered_by) == ("in-progress", "human")
        assert [one.sid for one in await run_blocking(lambda: client.calls.list(status="in-progress", to=PERSON))] == [
            call.sid
        ]
        recording = await run_blocking(lambda: client.calls(call.sid).recordings.create(recording_channels="dual"))
        assert recording.status == "in-progress"
        moved = await run_blocking(
            lambda: client.calls(call.sid).update(twiml="<Response><Pause length='60'/></Response>")
        )
        assert moved.status == "in-progress"
        await customer.wait_until(lambda: customer.agents[0].stopped)
        await run_blocking(lambda: client.calls(call.sid).update(status="completed"))
        await customer.wait_until(lambda: len(customer.fields_of("/status")) == 4)
        done = await run_blocking(client.calls(call.sid).fetch)
        assert done.status == "completed" and done.duration.isdecimal() and done.end_time is not None
        kept = await run_blocking(client.recordings(recording.sid).fetch)
        assert (kept.status, kept.channels, kept.call_sid) == ("completed", 2, call.sid)
        assert await run_blocking(client.recordings(recording.sid).delete)
        with pytest.raises(TwilioRestException) as over:
            await run_blocking(lambda: client.calls(call.sid).update(status="completed"))
        assert over.value.code == 21220
        assert all(webhook.signed for webhook in customer.webhooks)


async def test_a_wrong_token_is_refused_and_prices_are_told() -> None:
    async with running_twilio_network() as net, client_of(net, "wrong") as client:
        with pytest.raises(TwilioRestException) as refused:
            await run_blocking(client.api.accounts(ACCOUNT).fetch)
        assert (refused.value.status, refused.value.code) == (401, 20003)
    async with running_twilio_network() as net, client_of(net) as client:
        assert (await run_blocking(client.api.accounts(ACCOUNT).fetch)).status == "active"
        numbers = await run_blocking(client.pricing.v1.phone_numbers.countries("US").fetch)
        assert {
            phone_number_price["number_type"]: phone_number_price["current_price"]
            for phone_number_price in numbers.phone_number_prices
        }["local"] == "1.15"
        voice = await run_blocking(client.pricing.v2.voice.countries("US").fetch)
        assert voice.inbound_call_prices[0]["current_price"] == "0.0085"
        number = await run_blocking(client.pricing.v2.voice.numbers("+14155550100").fetch)
        assert number.outbound_call_prices[0]["base_price"] == "0.0140"


async def test_injected_failures() -> None:
    async with running_twilio_network() as net, client_of(net) as client:
        net.carrier.fail_next.extend([429, 503])
        for status, code in ((429, 20429), (503, 20500)):
            with pytest.raises(TwilioRestException) as failed:
                await run_blocking(lambda: client.incoming_phone_numbers.create(phone_number=NUMBER))
            assert (failed.value.status, failed.value.code) == (status, code)
        assert not net.carrier.owns(NUMBER)
        net.carrier.lose_next.append(500)
        with pytest.raises(TwilioRestException):
            await run_blocking(lambda: client.incoming_phone_numbers.create(phone_number=NUMBER))
        assert net.carrier.owns(NUMBER)
