"""What can be bought is asked once for all who want to know the same at about the same time."""

import asyncio

import pytest

from control.carriers.book import Carriers
from control.numbers.market import Market
from shared.errors import Unavailable
from tests.control.carriers.twilio_peer import BASE, TwilioPeer

SEARCH = f"GET {BASE}/AvailablePhoneNumbers"


async def test_those_who_ask_together_are_answered_together(carriers: Carriers, twilio_peer: TwilioPeer) -> None:
    market = Market()
    asked = [market.available(carriers.default, "US", "415", limit) for limit in (3, 5, 3)]
    found = await asyncio.gather(*asked)
    assert [len(one) for one in found] == [3, 5, 3]
    assert len(twilio_peer.requests(SEARCH)) == 1
    await market.available(carriers.default, "US", "", 3)
    assert len(twilio_peer.requests(SEARCH)) == 2


async def test_an_answer_is_kept_for_a_moment_only(carriers: Carriers, twilio_peer: TwilioPeer) -> None:
    market = Market(holds_s=0.0)
    for _ in range(2):
        await market.available(carriers.default, "US", "415", 3)
    assert len(twilio_peer.requests(SEARCH)) == 2


@pytest.mark.parametrize(("how", "code"), [("503", "carrier_away"), ("refuse", "carrier_refused")])
async def test_failures_are_told_and_not_kept(how: str, code: str, carriers: Carriers, twilio_peer: TwilioPeer) -> None:
    market = Market()
    twilio_peer.fail(how, times=3 if how == "503" else 1)  # type: ignore[arg-type]
    with pytest.raises(Unavailable) as caught:
        await market.available(carriers.default, "US", "415", 3)
    assert caught.value.code == code
    assert await market.available(carriers.default, "US", "415", 3)


async def test_who_gives_up_does_not_spoil_it_for_others(carriers: Carriers, twilio_peer: TwilioPeer) -> None:
    market = Market()
    impatient = asyncio.create_task(market.available(carriers.default, "US", "415", 3))
    patient = asyncio.create_task(market.available(carriers.default, "US", "415", 3))
    await asyncio.sleep(0)
    impatient.cancel()
    assert len(await patient) == 3
    assert impatient.cancelled() and len(twilio_peer.requests(SEARCH)) == 1


async def test_only_so_many_questions_are_in_the_air(carriers: Carriers, twilio_peer: TwilioPeer) -> None:
    market = Market(at_once=2)
    areas = ("415", "", "416")
    results = await asyncio.gather(
        *(market.available(carriers.default, "US", area, 3) for area in areas), return_exceptions=True
    )
    assert [getattr(one, "code", "") for one in results] == ["", "", "market_busy"]
    assert await market.available(carriers.default, "US", "416", 3) == []
