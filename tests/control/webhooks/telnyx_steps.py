"""Steps of tests of Telnyx's calls."""

from datetime import timedelta
from typing import Any

from control.webhooks.later import finish_open
from tests.control.webhooks.stage import World

SPARE = "wss://media-2.example.com"
HUMAN = "+14155557777"
# Telnyx's codes: the call is over; the request is at fault.
OVER, REFUSED = "90018", "10015"


async def answered(world: World, call: str, **payload: Any) -> None:
    """A call that got its agent; what was asked of Telnyx for that is forgotten."""
    await world.incoming(call, **payload)
    await world.telnyx("call.answered", call, direction="incoming", **payload)
    assert world.exchange.actions == ["answer", "streaming_start"]
    world.exchange.taken.clear()


async def later(world: World, seconds: float = 6) -> int:
    """The worker's duty, so much later."""
    return await finish_open(world.pool, world.rooms, world.clock() + timedelta(seconds=seconds), 50)


async def all_handled(world: World) -> bool:
    return all(event["handled_at"] for event in await world.events())


async def has_failed(world: World) -> bool:
    return any(event["last_error"] for event in await world.events())
