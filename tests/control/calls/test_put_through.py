"""Callers who were put through: they take a place and minutes until their carrier tells the end."""

from typing import Any
from uuid import UUID

import pytest

from control.calls import store, store_outbound
from control.calls.model import Admitted, Progress, Refused
from control.calls.state import media_ended
from control.db.pool import Connection
from shared.errors import Conflict, Invalid
from shared.events import CallEnded, Usage
from shared.ids import new_id
from tests.control.calls.stage import NOW, House, Shop, later
from tests.control.calls.test_outbound import SOMEBODY, refused


@pytest.mark.parametrize("direction", ["outbound", "inbound"])
async def test_a_caller_who_was_put_through_is_on_the_line_still(house: House, direction: str) -> None:
    shop = await house.shop(tier="starter")  # five at once
    call_id, name = await put_through(house, shop, direction)
    for place in range(4):
        await house.place(shop, f"+1212555{place:04}", at=later(90))
    assert await refused(house, shop, at=later(90)) == (Conflict, "call_limit")
    told = await house.ring(shop, at=later(90))
    assert isinstance(told, Refused) and told.why == "over_limit"
    await say(house, name, 1_060, duration_s=1_060)
    assert (await house.row(call_id))["duration_seconds"] == 1_060
    assert isinstance(await house.ring(shop, at=later(1_061)), Admitted)


async def test_a_caller_who_was_put_through_does_not_count_for_ever(house: House) -> None:
    shop = await house.shop(tier="starter")
    await put_through(house, shop, "inbound")
    for place in range(4):
        await house.place(shop, f"+1212555{place:04}", at=later(3_600))
    assert await refused(house, shop, at=later(3_719)) == (Conflict, "call_limit")
    await house.place(shop, SOMEBODY, at=later(3_721))


@pytest.mark.parametrize(("direction", "counted"), [("outbound", 1_060), ("inbound", 1_000)])
async def test_how_long_callers_are_put_through_counts(house: House, direction: str, counted: int) -> None:
    shop = await house.shop()
    call_id, name = await put_through(house, shop, direction)

    async def seconds(at: float) -> int:
        placed = await house.staff(lambda db: store_outbound.count_placed(db, shop.workspace_id, SOMEBODY, later(at)))
        return placed.seconds

    assert await seconds(560) == counted - 500, "while it lasts"
    await say(house, name, 1_060, duration_s=1_060)
    assert await seconds(2_000) == counted
    assert call_id


async def test_callers_are_not_put_through_to_a_number_of_ours(house: House) -> None:
    shop = await house.shop()
    with pytest.raises(Invalid) as raised:
        await house.member(shop, lambda db: house.calls.transferable(db, shop.workspace_id, shop.number))
    assert (raised.value.code, raised.value.param) == ("number_is_own", "number")
    assert await house.member(shop, lambda db: house.calls.transferable(db, shop.workspace_id, SOMEBODY)) == SOMEBODY


async def put_through(house: House, shop: Shop, direction: str) -> tuple[UUID, str]:
    """A call, and its carrier's name of it, whose agent talked for a minute from NOW on."""
    name = f"CA-through-{new_id()}"
    if direction == "inbound":
        call_id = (await house.admitted(shop, name)).call_id
    else:
        call_id = await house.place(shop, SOMEBODY)
        await house.staff(lambda db: house.calls.placing.placed(db, call_id, name, NOW))

    async def over(db: Connection) -> None:
        await house.calls.progress(db, Progress("twilio", name, "in_progress", NOW))
        its = (await store.lock_states(db, [call_id]))[call_id]
        event = CallEnded("completed", "transferred", "", 60_000, Usage(call_ms=60_000))
        await store.update_states(db, [media_ended(its, event, later(60))])

    await house.staff(over)
    return call_id, name


async def say(house: House, name: str, seconds: float, **given: Any) -> None:
    """The carrier tells the end."""
    progress = Progress("twilio", name, "completed", later(seconds), **given)
    await house.staff(lambda db: house.calls.progress(db, progress))
