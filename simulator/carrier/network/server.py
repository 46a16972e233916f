"""The network as one HTTP application: the REST APIs of both carriers, the handset socket, and the
network's own API.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from simulator.carrier.clock import Clock, RealTimeClock
from simulator.carrier.network.config import NetworkConfig, SeededNumber
from simulator.carrier.network.handset_server import HandsetServer
from simulator.carrier.network.inputs import read_faults, read_subscriber, read_telnyx_faults
from simulator.carrier.network.inventory import Inventory, OwnedNumber
from simulator.carrier.network.phone_network import JournalEntry, PhoneNetwork, Subscriber
from simulator.carrier.network.telnyx.carrier import TelnyxCarrier
from simulator.carrier.network.twilio.carrier import TwilioCarrier
from simulator.carrier.network.twilio.numbers_api import new_number
from simulator.carrier.network.webhook_client import WebhookClient

_DRAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class RunningNetwork:
    """The parts of a network, and the application to serve."""

    phone_network: PhoneNetwork
    webhook_client: WebhookClient
    twilio: TwilioCarrier | None
    telnyx: TelnyxCarrier | None
    app: web.Application


@asynccontextmanager
async def running_network(
    config: NetworkConfig, numbers: Path | None = None, make_clock: Callable[[], Clock] = RealTimeClock
) -> AsyncIterator[RunningNetwork]:
    """Run a network. `numbers` is the file with the bought numbers. Raises OSError or ValueError."""
    default = None if config.default is None else Subscriber(config.default)
    phone_network = PhoneNetwork(make_clock, default, inventory=Inventory(numbers))
    # Each webhook uses a new connection, because a broken keep-alive connection would look like a fault of the
    # receiver.
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        webhook_client = WebhookClient(session)
        twilio = TwilioCarrier(phone_network, config.twilio, webhook_client) if config.twilio is not None else None
        telnyx = (
            TelnyxCarrier(phone_network, config.telnyx, webhook_client, phone_network.inventory)
            if config.telnyx is not None
            else None
        )
        for carrier in (twilio, telnyx):
            if carrier is not None:
                phone_network.add(carrier)
        for number in config.numbers:
            _seed(phone_network, config, number)
        try:
            yield RunningNetwork(
                phone_network, webhook_client, twilio, telnyx, _app(phone_network, webhook_client, twilio, telnyx)
            )
        finally:
            for carrier in (twilio, telnyx):
                if carrier is not None:
                    await carrier.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_S):
                    await webhook_client.drain()
            await webhook_client.close()


def _app(
    phone_network: PhoneNetwork,
    webhook_client: WebhookClient,
    twilio: TwilioCarrier | None,
    telnyx: TelnyxCarrier | None,
) -> web.Application:
    app = web.Application()
    handsets = HandsetServer(phone_network)
    app.on_shutdown.append(handsets.hang_up)
    control_api = _ControlApi(phone_network, webhook_client, twilio, telnyx)
    app.add_routes(
        [
            web.get("/healthz", control_api.health),
            web.get("/network/handset", handsets.open),
            web.get("/network/calls", control_api.calls),
            web.put("/network/subscribers/{number}", control_api.set_subscriber),
            web.put("/network/faults", control_api.set_faults),
        ]
    )
    for carrier in (twilio, telnyx):
        if carrier is not None:
            app.add_routes(carrier.routes())
    return app


def _seed(phone_network: PhoneNetwork, config: NetworkConfig, number: SeededNumber) -> None:
    """Add a number of the config file, unless the inventory has it."""
    if phone_network.inventory.get(number.phone_number) is not None:
        return
    if number.carrier == "twilio":
        settings = {"VoiceUrl": number.voice_url, "StatusCallback": number.status_callback}
        phone_network.inventory.add(new_number(number.phone_number, settings))
    elif config.telnyx is not None:
        settings = {"connection_id": config.telnyx.connection_id}
        phone_network.inventory.add(
            OwnedNumber("telnyx", number.phone_number, number.phone_number.lstrip("+"), {**settings})
        )


class _ControlApi:
    """The network's own HTTP API, which carriers do not have."""

    def __init__(
        self,
        phone_network: PhoneNetwork,
        webhook_client: WebhookClient,
        twilio: TwilioCarrier | None,
        telnyx: TelnyxCarrier | None,
    ) -> None:
        self._network, self._client, self._twilio, self._telnyx = (
            phone_network,
            webhook_client,
            twilio,
            telnyx,
        )

    async def health(self, request: web.Request) -> web.Response:
        """Report that the server is running."""
        return web.json_response({"status": "ok"})

    async def calls(self, request: web.Request) -> web.Response:
        """Return the latest calls, oldest first. Twilio's calls include their logs (verbs, errors)."""
        return web.json_response({"calls": [self._entry_json(entry) for entry in self._network.journal]})

    async def set_subscriber(self, request: web.Request) -> web.Response:
        """Set a subscriber: {behaviour, ring_ms, say: the path of a recording or "", greeting_ms}."""
        try:
            body = await request.json()
            subscriber = await asyncio.to_thread(read_subscriber, body)
        except (json.JSONDecodeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        self._network.subscribers[request.match_info["number"]] = subscriber
        return web.Response(status=204)

    async def set_faults(self, request: web.Request) -> web.Response:
        """Replace all faults.

        - Webhooks: {duplicate, shuffle_s, delay_s, drop_first}.
        - {twilio_rest, telnyx_rest}: the next REST requests fail with these statuses. {twilio_lost, telnyx_lost}: the
          requests are executed before they fail.
        - {telnyx_refuses}: refused Call Control commands with the tag of the reason. {telnyx_silent_closes,
          telnyx_underscores, telnyx_changes_ids, telnyx_refuses_repeats}: see TelnyxFaults.
        """
        try:
            body = await request.json()
            faults, failing = read_faults(body)
            telnyx_faults = read_telnyx_faults(body)
        except (json.JSONDecodeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        self._client.faults = faults
        self._client.faults_by_phone.clear()
        if self._twilio is not None:
            self._twilio.faults.clear()
        if self._telnyx is not None:
            self._telnyx.faults.set(telnyx_faults)
        for name, carrier in (("twilio", self._twilio), ("telnyx", self._telnyx)):
            if carrier is not None:
                carrier.fail_next.clear()
                carrier.fail_next.extend(failing[f"{name}_rest"])
                carrier.lose_next.clear()
                carrier.lose_next.extend(failing[f"{name}_lost"])
        return web.Response(status=204)

    def _entry_json(self, entry: JournalEntry) -> dict[str, object]:
        call = self._twilio.calls.calls.get(entry.ring.call_id) if self._twilio is not None else None
        log = [{"kind": entry.kind, "text": entry.text, "code": entry.code} for entry in call.log] if call else []
        return {
            "direction": entry.direction,
            "carrier": entry.ring.carrier,
            "call_id": entry.ring.call_id,
            "from": entry.ring.caller,
            "to": entry.ring.called,
            "state": entry.state,
            "log": log,
        }
