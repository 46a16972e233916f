"""Twilio as a carrier of the phone network."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiohttp import web

from simulator.carrier.network.conferences import Conferences
from simulator.carrier.network.inventory import OwnedNumber
from simulator.carrier.network.line import Line
from simulator.carrier.network.phone_network import IncomingCall, NotAnswered, PhoneNetwork
from simulator.carrier.network.twilio.addresses_api import AddressesApi
from simulator.carrier.network.twilio.call_registry import CallRegistry
from simulator.carrier.network.twilio.calls_api import CallsApi
from simulator.carrier.network.twilio.dial_verb import DialExecutor
from simulator.carrier.network.twilio.media_streams import TwilioMediaStreams
from simulator.carrier.network.twilio.model import (
    DocumentSource,
    Status,
    StatusCallback,
    TwilioCall,
    TwilioConfig,
    fresh_sid,
)
from simulator.carrier.network.twilio.numbers_api import NumbersApi, new_number
from simulator.carrier.network.twilio.outbound_calls import CallRequest, OutboundCalls
from simulator.carrier.network.twilio.pricing_api import PricingApi
from simulator.carrier.network.twilio.recorder import Recorder
from simulator.carrier.network.twilio.recordings_api import RecordingsApi
from simulator.carrier.network.twilio.regulation import Regulation
from simulator.carrier.network.twilio.regulatory_api import RegulatoryApi
from simulator.carrier.network.twilio.rest import RequestGuard, not_found
from simulator.carrier.network.twilio.twiml_executor import CallInterrupted, CallRejected, TwimlExecutor
from simulator.carrier.network.twilio.webhooks import TwilioWebhooks
from simulator.carrier.network.webhook_client import WebhookClient

_CLOSE_S = 5.0


class TwilioCarrier:
    """A Twilio account: a phone_network.Carrier with the routes of its REST API.

    Attributes:
        fail_next: HTTP statuses with which the next REST requests fail, one each.
        lose_next: HTTP statuses with which the next REST requests fail after they were executed.
        regulation: The account's addresses and bundles.
        faults: May change while the network runs.
    """

    name = "twilio"

    def __init__(self, network: PhoneNetwork, config: TwilioConfig, client: WebhookClient) -> None:
        self._network, self._config, self.faults = network, config, config.faults
        self._guard = RequestGuard(config)
        self.regulation = Regulation(config.regulated)
        self._webhooks = TwilioWebhooks(config, client)
        self._media = TwilioMediaStreams(config, client, self._webhooks)
        self.recorder = Recorder(config, self._webhooks)
        self.calls = CallRegistry(self._webhooks, self.recorder)
        self._dial_executor = DialExecutor(network, self.calls, self._webhooks, self.recorder)
        self._outbound_calls = OutboundCalls(
            network, self.calls, self._webhooks, self.recorder, self._make_outbound_executor, config.calls_per_second
        )
        self.fail_next, self.lose_next = self._guard.fail_next, self._guard.lose_next
        self._conferences = Conferences()
        self._tasks: set[asyncio.Task[None]] = set()

    def owns(self, number: str) -> bool:
        """Return whether the account owns the number."""
        return self._number(number) is not None

    def add_number(self, phone_number: str, settings: dict[str, str]) -> OwnedNumber:
        """Add a number to the account. `settings` have Twilio's names, such as VoiceUrl. Raises NumberTaken."""
        owned = new_number(phone_number, settings)
        self._network.inventory.add(owned)
        return owned

    async def incoming(self, call: IncomingCall) -> None:
        """Handle a call to one of the account's numbers. Returns after the call has ended."""
        owned = self._number(call.called)
        if owned is None:
            return call.refuse("unknown_number")
        await _InboundCall(self, call, owned).run()

    def place(self, call: TwilioCall, call_request: CallRequest) -> None:
        """Start a call that was requested through REST."""
        self.calls.open(call)
        self._start_task(self._outbound_calls.place(call, call_request))

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the REST API: /2010-04-01/… and the pricing API's /v1/… and /v2/…."""
        calls = CallsApi(self._config, self._guard, self.calls, self.owns, self.place)
        numbers = NumbersApi(self._config, self._guard, self._network, self.regulation)
        addresses = AddressesApi(self._config, self._guard, self.regulation)
        compliance = RegulatoryApi(self._config, self._guard, self.regulation)
        recordings = RecordingsApi(self._config, self._guard, self.calls, self.recorder)
        rest = web.route("*", "/2010-04-01/{rest:.*}", self._guard.guarded(_reject_unknown_path))
        apis = (calls, numbers, addresses, compliance, recordings, PricingApi(self._guard))
        return [*(route for api in apis for route in api.routes()), rest]

    async def close(self) -> None:
        """End every call. Waits up to 5 s for the end of calls that were placed through REST."""
        for call in list(self.calls.calls.values()):
            if not call.over:
                call.end("failed")
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_CLOSE_S)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    def make_executor(self, call: TwilioCall, answer: Callable[[], Awaitable[Line]]) -> TwimlExecutor:
        """Return an executor for the documents of a call."""
        return TwimlExecutor(
            call, self._webhooks, self._media, self.recorder, self._dial_executor.dial, answer, self._conferences
        )

    def _make_outbound_executor(self, call: TwilioCall, line: Callable[[], Line]) -> TwimlExecutor:
        async def open_line() -> Line:
            return line()

        return self.make_executor(call, open_line)

    def _number(self, number: str) -> OwnedNumber | None:
        owned = self._network.inventory.get(number)
        return owned if owned is not None and owned.carrier == self.name else None

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _InboundCall:
    """An incoming call."""

    def __init__(self, carrier: TwilioCarrier, incoming: IncomingCall, owned: OwnedNumber) -> None:
        settings = owned.settings
        callback = StatusCallback(
            str(settings.get("StatusCallback") or ""), str(settings.get("StatusCallbackMethod") or "POST")
        )
        extra = {"CallToken": fresh_sid("")} | (
            {"StirVerstat": "TN-Validation-Passed-A"} if _attested(incoming) else {}
        )
        self._call = TwilioCall(
            fresh_sid("CA"),
            "inbound",
            incoming.caller,
            incoming.called,
            "ringing",
            phone_number_sid=owned.id,
            callback=callback,
            extra=extra,
        )
        self._source = DocumentSource(
            str(settings.get("VoiceUrl") or ""),
            str(settings.get("VoiceMethod") or "POST"),
            str(settings.get("VoiceFallbackUrl") or ""),
            str(settings.get("VoiceFallbackMethod") or "POST"),
        )
        self._carrier, self._incoming = carrier, incoming

    async def run(self) -> None:
        """Run the call to its final status."""
        call = self._call
        self._carrier.calls.open(call)
        self._incoming.ringing(call.sid)
        watcher = asyncio.create_task(self._watch_hang_up())
        status: Status = "completed"
        try:
            if self._source.url:
                await self._carrier.make_executor(call, self._answer).run(self._source)
        except CallRejected as refused:
            status = "busy"
            self._incoming.refuse("busy" if refused.reason == "busy" else "rejected")
        except (NotAnswered, CallInterrupted):
            pass
        finally:
            watcher.cancel()
            await self._finish(status)

    async def _answer(self) -> Line:
        if self._call.line is None:
            if self._call.cancelled is not None:
                raise CallInterrupted
            self._carrier.calls.answered(self._call, await self._incoming.answer())
        assert self._call.line is not None
        return self._call.line

    async def _watch_hang_up(self) -> None:
        await self._incoming.hung_up.wait()
        if self._call.line is None:
            self._call.end("no-answer")

    async def _finish(self, status: Status) -> None:
        call = self._call
        if call.line is not None:
            line = call.line
            self._carrier.calls.finish(call, "completed")
            return await line.closed()
        self._incoming.refuse("failed" if call.cancelled is None else "cancelled")
        final = status if status != "completed" else call.cancelled or "failed"
        self._carrier.calls.finish(call, final, 486 if final == "busy" else 487)


def _attested(incoming: IncomingCall) -> bool:
    return incoming.caller.startswith("+1")


async def _reject_unknown_path(request: web.Request) -> web.StreamResponse:
    raise not_found(request)
