"""Telnyx as a carrier of the phone network."""

import uuid

from aiohttp import web

from simulator.carrier.network.inventory import Inventory
from simulator.carrier.network.phone_network import IncomingCall, PhoneNetwork
from simulator.carrier.network.telnyx.actions import CallActions
from simulator.carrier.network.telnyx.api import TelnyxApi
from simulator.carrier.network.telnyx.calls import CARRIER, Calls
from simulator.carrier.network.telnyx.conferences import TelnyxConferences
from simulator.carrier.network.telnyx.config import TelnyxConfig
from simulator.carrier.network.telnyx.events import TelnyxWebhooks
from simulator.carrier.network.telnyx.media_streams import TelnyxMediaStreams
from simulator.carrier.network.telnyx.numbers import AccountNumbers
from simulator.carrier.network.telnyx.playback import Playback, Voice
from simulator.carrier.network.telnyx.recordings import Recordings
from simulator.carrier.network.webhook_client import WebhookClient


class TelnyxCarrier:
    """A Telnyx account: a phone_network.Carrier with the routes of its REST API.

    Attributes:
        fail_next: HTTP statuses with which the next requests fail, one each.
        lose_next: HTTP statuses with which the next requests fail after they were executed.
        faults: The configured faults, which may change while the network runs.
        codecs_by_phone: The configured codecs, which may change while the network runs.
    """

    name = CARRIER

    def __init__(
        self,
        network: PhoneNetwork,
        config: TelnyxConfig,
        client: WebhookClient,
        inventory: Inventory | None = None,
        *,
        voice: Voice | None = None,
    ) -> None:
        """Create the account.

        Args:
            inventory: Stores the account's numbers. None uses the network's inventory.
            voice: Converts text to mu-law for the speak command. Without a voice, a text is silence of plausible
                length.

        Raises:
            ValueError: The signing key is invalid.
        """
        self.webhooks = TelnyxWebhooks(client, config)
        self.recordings = Recordings(config, self.webhooks)
        self.numbers = AccountNumbers(config, inventory or network.inventory, self.webhooks)
        self._client, self.faults, self.codecs_by_phone = client, config.faults, config.codecs_by_phone
        streams = TelnyxMediaStreams(
            config, self.webhooks, client.session, str(uuid.uuid5(uuid.NAMESPACE_OID, config.api_key))
        )
        sounds = Playback(self.webhooks, client.session, voice)
        self.calls = Calls(network, config, self.webhooks, streams, self.recordings)
        actions = CallActions(config, self.calls, streams, sounds, self.recordings)
        conferences = TelnyxConferences(self.calls, self.webhooks)
        self._api = TelnyxApi(config, self.calls, actions, self.numbers, self.recordings, conferences)
        self.fail_next, self.lose_next = self._api.fail_next, self._api.lose_next

    @property
    def public_key(self) -> str:
        """The account's public key: base64 of 32 bytes."""
        return self.webhooks.public_key

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the REST API under /v2."""
        return self._api.routes()

    def owns(self, number: str) -> bool:
        """Return whether the account owns the number."""
        return self.numbers.owns(number)

    async def incoming(self, call: IncomingCall) -> None:
        """Handle a call to one of its numbers. A call to a number without the app's connection fails."""
        if not self.numbers.connected(call.called):
            return call.refuse("failed")
        await self.calls.incoming(call)

    async def close(self) -> None:
        """Hang up every call and wait for the end of the calls, but not for their webhooks."""
        await self.calls.close()
        await self.numbers.close()
