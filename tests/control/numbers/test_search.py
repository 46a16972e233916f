"""Searches for numbers: equal ones share a request."""

import asyncio

import pytest

from control.carriers.service import Carriers
from control.numbers.service import NumberSearch
from shared.errors import Unavailable
from tests.control.carriers.twilio_peer import BASE, TwilioPeer

SEARCH = f"GET {BASE}/AvailablePhoneNumbers"


async def test_equal_searches_share_one_request(carriers: Carriers, twilio_peer: TwilioPeer) -> None:
    search = NumberSearch()
    found = await asyncio.gather(*(search.find_available(carriers.default, "US", "415") for _ in range(3)))
    assert found[0] and found == found[:1] * 3
    assert len(twilio_peer.requests_to(SEARCH)) == 1
    await search.find_available(carriers.default, "US", "")
    assert len(twilio_peer.requests_to(SEARCH)) == 2


async def test_answer_is_cached_for_seconds(carriers: Carriers, twilio_peer: TwilioPeer) -> None:
    search = NumberSearch(holds_s=0.0)
    for _ in range(2):
        await search.find_available(carriers.default, "US", "415")
    assert len(twilio_peer.requests_to(SEARCH)) == 2


@pytest.mark.parametrize(("kind", "code"), [("503", "carrier_away"), ("refuse", "carrier_refused")])
async def test_failures_are_not_cached(kind: str, code: str, carriers: Carriers, twilio_peer: TwilioPeer) -> None:
    search = NumberSearch()
    twilio_peer.fail(kind, times=3 if kind == "503" else 1)  # type: ignore[arg-type]
    with pytest.raises(Unavailable) as caught:
        await search.find_available(carriers.default, "US", "415")
    assert caught.value.code == code
    assert await search.find_available(carriers.default, "US", "415")


async def test_cancelled_search_does_not_cancel_others(carriers: Carriers, twilio_peer: TwilioPeer) -> None:
    search = NumberSearch()
    cancelled = asyncio.create_task(search.find_available(carriers.default, "US", "415"))
    remaining = asyncio.create_task(search.find_available(carriers.default, "US", "415"))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await remaining
    assert cancelled.cancelled() and len(twilio_peer.requests_to(SEARCH)) == 1


async def test_concurrent_searches_are_limited(carriers: Carriers, twilio_peer: TwilioPeer) -> None:
    search = NumberSearch(at_once=2)
    areas = ("415", "", "416")
    results = await asyncio.gather(
        *(search.find_available(carriers.default, "US", area) for area in areas), return_exceptions=True
    )
    assert [getattr(result, "code", "") for result in results] == ["", "", "market_busy"]
    assert await search.find_available(carriers.default, "US", "416") == []
