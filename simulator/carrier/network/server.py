"""The whole network as one HTTP application: both carriers' REST, handsets, and who is out there."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from simulator.carrier.network.config import NetworkConfig, SeededNumber
from simulator.carrier.network.handsets import Handsets
from simulator.carrier.network.hooks import Hooks
from simulator.carrier.network.inventory import Inventory, Owned
from simulator.carrier.network.requests import read_faults, read_subscriber
from simulator.carrier.network.telnyx_side.side import TelnyxSide
from simulator.carrier.network.twilio_side.numbers_api import new_number
from simulator.carrier.network.twilio_side.side import TwilioSide
from simulator.carrier.network.world import Passed, Subscriber, World
from simulator.carrier.pace import Pace, RealTime

_LAST_WORD_S = 2.0


@dataclass(frozen=True, slots=True)
class Network:
    """What runs: to look at and to serve."""

    world: World
    hooks: Hooks
    twilio: TwilioSide | None
    telnyx: TelnyxSide | None
    app: web.Application


@asynccontextmanager
async def opened(
    config: NetworkConfig, numbers: Path | None = None, pace: Callable[[], Pace] = RealTime
) -> AsyncIterator[Network]:
    """The network, until the block ends. numbers: the file that keeps what was bought. Raises OSError, ValueError."""
    default = None if config.default is None else Subscriber(config.default)
    world = World(pace, default, inventory=Inventory(numbers))
    # A fresh connection per webhook: one that was kept open and has died meanwhile is no fault of the receiver.
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        hooks = Hooks(session)
        twilio = TwilioSide(world, config.twilio, hooks) if config.twilio is not None else None
        telnyx = TelnyxSide(world, config.telnyx, hooks, world.inventory) if config.telnyx is not None else None
        for side in (twilio, telnyx):
            if side is not None:
                world.add(side)
        for number in config.numbers:
            _seed(world, config, number)
        try:
            yield Network(world, hooks, twilio, telnyx, _app(world, hooks, twilio, telnyx))
        finally:
            for side in (twilio, telnyx):
                if side is not None:
                    await side.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORD_S):
                    await hooks.settle()
            await hooks.close()


def _app(world: World, hooks: Hooks, twilio: TwilioSide | None, telnyx: TelnyxSide | None) -> web.Application:
    app = web.Application()
    handsets = Handsets(world)
    app.on_shutdown.append(handsets.put_down)
    desk = _Desk(world, hooks, twilio, telnyx)
    app.add_routes(
        [
            web.get("/healthz", desk.health),
            web.get("/network/handset", handsets.open),
            web.get("/network/calls", desk.calls),
            web.put("/network/subscribers/{number}", desk.subscribe),
            web.put("/network/faults", desk.disturb),
        ]
    )
    for side in (twilio, telnyx):
        if side is not None:
            app.add_routes(side.routes())
    return app


def _seed(world: World, config: NetworkConfig, number: SeededNumber) -> None:
    """A number of the config file; what the inventory knows already stays as it is there."""
    if world.inventory.get(number.phone_number) is not None:
        return
    if number.carrier == "twilio":
        settings = {"VoiceUrl": number.voice_url, "StatusCallback": number.status_callback}
        world.inventory.add(new_number(number.phone_number, settings))
    elif config.telnyx is not None:
        settings = {"connection_id": config.telnyx.connection_id}
        world.inventory.add(Owned("telnyx", number.phone_number, number.phone_number.lstrip("+"), {**settings}))


class _Desk:
    """The network's own small interface, which no carrier has."""

    def __init__(self, world: World, hooks: Hooks, twilio: TwilioSide | None, telnyx: TelnyxSide | None) -> None:
        self._world, self._hooks, self._twilio, self._telnyx = world, hooks, twilio, telnyx

    async def health(self, request: web.Request) -> web.Response:
        """It is there."""
        return web.json_response({"status": "ok"})

    async def calls(self, request: web.Request) -> web.Response:
        """The latest calls, oldest first; Twilio's with their logs (what was said, errors)."""
        return web.json_response({"calls": [self._shown(passed) for passed in self._world.journal]})

    async def subscribe(self, request: web.Request) -> web.Response:
        """A phone out there from now on: {behaviour, ring_ms, say: a recording's path or "", greeting_ms}."""
        try:
            told = await request.json()
            subscriber = await asyncio.to_thread(read_subscriber, told)
        except (json.JSONDecodeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        self._world.subscribers[request.match_info["number"]] = subscriber
        return web.Response(status=204)

    async def disturb(self, request: web.Request) -> web.Response:
        """What goes wrong from now on; what is left out goes well. Of webhooks: {duplicate, shuffle_s, delay_s,
        drop_first}. {twilio_rest, telnyx_rest}: statuses with which the next REST requests are answered;
        {twilio_lost, telnyx_lost}: the same after they were carried out."""
        try:
            told = await request.json()
            faults, failing = read_faults(told)
        except (json.JSONDecodeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        self._hooks.faults = faults
        for name, side in (("twilio", self._twilio), ("telnyx", self._telnyx)):
            if side is not None:
                side.fail_next.clear()
                side.fail_next.extend(failing[f"{name}_rest"])
                side.lose_next.clear()
                side.lose_next.extend(failing[f"{name}_lost"])
        return web.Response(status=204)

    def _shown(self, passed: Passed) -> dict[str, object]:
        call = self._twilio.ledger.calls.get(passed.ring.call_id) if self._twilio is not None else None
        log = [{"kind": entry.kind, "text": entry.text, "code": entry.code} for entry in call.log] if call else []
        return {
            "direction": passed.direction,
            "carrier": passed.ring.carrier,
            "call_id": passed.ring.call_id,
            "from": passed.ring.caller,
            "to": passed.ring.called,
            "state": passed.state,
            "log": log,
        }
