"""Twilio as the world sees it: it owns numbers, serves calls to them, and answers its REST interface."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiohttp import web

from simulator.carrier.network.hooks import Hooks
from simulator.carrier.network.inventory import Owned
from simulator.carrier.network.line import Line
from simulator.carrier.network.twilio_side.calls_api import CallsApi
from simulator.carrier.network.twilio_side.dialling import Dialling
from simulator.carrier.network.twilio_side.flow import Flow, Refused, Stopped
from simulator.carrier.network.twilio_side.ledger import Ledger
from simulator.carrier.network.twilio_side.media import Media
from simulator.carrier.network.twilio_side.model import Call, Callback, Source, Status, TwilioConfig, fresh_sid
from simulator.carrier.network.twilio_side.numbers_api import NumbersApi, new_number
from simulator.carrier.network.twilio_side.placing import Placing, Wish
from simulator.carrier.network.twilio_side.pricing_api import PricingApi
from simulator.carrier.network.twilio_side.recorder import Recorder
from simulator.carrier.network.twilio_side.recordings_api import RecordingsApi
from simulator.carrier.network.twilio_side.rest import Gate, not_found
from simulator.carrier.network.twilio_side.webhooks import Webhooks
from simulator.carrier.network.world import Incoming, NotReached, World

_CLOSE_S = 5.0


class TwilioSide:
    """ledger: all calls. recorder: all recordings. fail_next: HTTP statuses with which the next REST requests are
    answered instead of being looked at, one each; lose_next: the same, but the requests are carried out."""

    name = "twilio"

    def __init__(self, world: World, config: TwilioConfig, hooks: Hooks) -> None:
        self._world, self._config = world, config
        self._gate = Gate(config)
        self._webhooks = Webhooks(config, hooks)
        self._media = Media(config, hooks, self._webhooks)
        self.recorder = Recorder(config, self._webhooks)
        self.ledger = Ledger(self._webhooks, self.recorder)
        self._dialling = Dialling(world, self.ledger, self._webhooks, self.recorder)
        self._placing = Placing(
            world, self.ledger, self._webhooks, self.recorder, self._outbound_flow, config.calls_per_second
        )
        self.fail_next, self.lose_next = self._gate.fail_next, self._gate.lose_next
        self._tasks: set[asyncio.Task[None]] = set()

    def owns(self, number: str) -> bool:
        """Whether it was bought here."""
        return self._number(number) is not None

    def add_number(self, phone_number: str, settings: dict[str, str]) -> Owned:
        """A number that the account has from the beginning. settings: as VoiceUrl. Raises inventory.Taken."""
        owned = new_number(phone_number, settings)
        self._world.inventory.add(owned)
        return owned

    async def incoming(self, call: Incoming) -> None:
        """A call to one of the account's numbers, to its end."""
        owned = self._number(call.called)
        if owned is None:
            return call.refuse("unknown_number")
        await _Inbound(self, call, owned).run()

    def place(self, call: Call, wish: Wish) -> None:
        """A call by REST begins."""
        self.ledger.open(call)
        self._begin(self._placing.place(call, wish))

    def routes(self) -> list[web.RouteDef]:
        """The REST interface: /2010-04-01/… and the pricing API's /v1/… and /v2/…"""
        calls = CallsApi(self._config, self._gate, self.ledger, self.owns, self.place)
        numbers = NumbersApi(self._config, self._gate, self._world)
        recordings = RecordingsApi(self._config, self._gate, self.ledger, self.recorder)
        rest = web.route("*", "/2010-04-01/{rest:.*}", self._gate.guarded(_nothing_there))
        return [*calls.routes(), *numbers.routes(), *recordings.routes(), *PricingApi(self._gate).routes(), rest]

    async def close(self) -> None:
        """Ends every call, and waits (a bounded time) for the ends of those that were placed by REST."""
        for call in list(self.ledger.calls.values()):
            if not call.over:
                call.end("failed")
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_CLOSE_S)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    def flow(self, call: Call, answer: Callable[[], Awaitable[Line]]) -> Flow:
        """A call's way through its documents."""
        return Flow(call, self._webhooks, self._media, self._dialling.dial, answer)

    def _outbound_flow(self, call: Call, line: Callable[[], Line]) -> Flow:
        async def open_line() -> Line:
            return line()

        return self.flow(call, open_line)

    def _number(self, number: str) -> Owned | None:
        owned = self._world.inventory.get(number)
        return owned if owned is not None and owned.carrier == self.name else None

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Inbound:
    """One incoming call."""

    def __init__(self, side: TwilioSide, incoming: Incoming, owned: Owned) -> None:
        settings = owned.settings
        told = Callback(str(settings.get("StatusCallback") or ""), str(settings.get("StatusCallbackMethod") or "POST"))
        extra = {"CallToken": fresh_sid("")} | (
            {"StirVerstat": "TN-Validation-Passed-A"} if _attested(incoming) else {}
        )
        self._call = Call(
            fresh_sid("CA"),
            "inbound",
            incoming.caller,
            incoming.called,
            "ringing",
            phone_number_sid=owned.id,
            callback=told,
            extra=extra,
        )
        self._source = Source(
            str(settings.get("VoiceUrl") or ""),
            str(settings.get("VoiceMethod") or "POST"),
            str(settings.get("VoiceFallbackUrl") or ""),
            str(settings.get("VoiceFallbackMethod") or "POST"),
        )
        self._side, self._incoming = side, incoming

    async def run(self) -> None:
        """To its final status."""
        call = self._call
        self._side.ledger.open(call)
        self._incoming.ringing(call.sid)
        watcher = asyncio.create_task(self._given_up())
        status: Status = "completed"
        try:
            if self._source.url:
                await self._side.flow(call, self._answer).run(self._source)
        except Refused as refused:
            status = "busy"
            self._incoming.refuse("busy" if refused.reason == "busy" else "rejected")
        except (NotReached, Stopped):
            pass
        finally:
            watcher.cancel()
            await self._over(status)

    async def _answer(self) -> Line:
        if self._call.line is None:
            if self._call.cancelled is not None:
                raise Stopped
            self._side.ledger.answered(self._call, await self._incoming.answer())
        assert self._call.line is not None
        return self._call.line

    async def _given_up(self) -> None:
        await self._incoming.hung_up.wait()
        if self._call.line is None:
            self._call.end("no-answer")

    async def _over(self, status: Status) -> None:
        call = self._call
        if call.line is not None:
            line = call.line
            self._side.ledger.finish(call, "completed")
            return await line.closed()
        self._incoming.refuse("failed" if call.cancelled is None else "cancelled")
        final = status if status != "completed" else call.cancelled or "failed"
        self._side.ledger.finish(call, final, 486 if final == "busy" else 487)


def _attested(incoming: Incoming) -> bool:
    return incoming.caller.startswith("+1")


async def _nothing_there(request: web.Request) -> web.StreamResponse:
    raise not_found(request)
