"""Telnyx's side of the phone network, put together."""

import uuid

from aiohttp import web

from simulator.carrier.network.hooks import Hooks
from simulator.carrier.network.inventory import Inventory
from simulator.carrier.network.telnyx_side.actions import Actions
from simulator.carrier.network.telnyx_side.api import Api
from simulator.carrier.network.telnyx_side.calls import CARRIER, Calls
from simulator.carrier.network.telnyx_side.config import TelnyxConfig
from simulator.carrier.network.telnyx_side.events import Webhooks
from simulator.carrier.network.telnyx_side.numbers import Numbers
from simulator.carrier.network.telnyx_side.recordings import Recordings
from simulator.carrier.network.telnyx_side.sounds import Sounds, Voice
from simulator.carrier.network.telnyx_side.streams import Streams
from simulator.carrier.network.world import Incoming, World


class TelnyxSide:
    """One Telnyx account in the world; a CarrierSide, and the routes of its REST interface.

    calls, numbers, recordings, webhooks: what there is of each, to look at. fail_next: HTTP statuses with which the
    next requests are answered instead of being looked at, one each, as when Telnyx has a bad day. lose_next: the same,
    but the requests are carried out.
    """

    name = CARRIER

    def __init__(
        self,
        world: World,
        config: TelnyxConfig,
        hooks: Hooks,
        inventory: Inventory | None = None,
        *,
        voice: Voice | None = None,
    ) -> None:
        """inventory: where its numbers are kept, the world's unless another is given. voice: text to mu-law for the
        speak command; without one, spoken text is silence of plausible length.

        Raises ValueError when the signing key is none.
        """
        self.webhooks = Webhooks(hooks, config)
        self.recordings = Recordings(config, self.webhooks)
        self.numbers = Numbers(config, inventory or world.inventory, self.webhooks)
        self._hooks = hooks
        streams = Streams(config, self.webhooks, hooks.session, str(uuid.uuid5(uuid.NAMESPACE_OID, config.api_key)))
        sounds = Sounds(self.webhooks, hooks.session, voice)
        self.calls = Calls(world, config, self.webhooks, streams, self.recordings)
        actions = Actions(config, self.calls, streams, sounds, self.recordings)
        self._api = Api(config, self.calls, actions, self.numbers, self.recordings)
        self.fail_next, self.lose_next = self._api.fail_next, self._api.lose_next

    @property
    def public_key(self) -> str:
        """The account's public key, base64 of 32 bytes."""
        return self.webhooks.public_key

    def routes(self) -> list[web.RouteDef]:
        """The REST interface, all under /v2."""
        return self._api.routes()

    def owns(self, number: str) -> bool:
        """Whether the number was bought here."""
        return self.numbers.owns(number)

    async def incoming(self, call: Incoming) -> None:
        """Serves a call to one of its numbers, to its end. A number without the app's connection goes nowhere."""
        if not self.numbers.connected(call.called):
            return call.refuse("failed")
        await self.calls.incoming(call)

    async def close(self) -> None:
        """Hangs up every call; waits for their ends, but not for their webhooks."""
        await self.calls.close()
        await self.numbers.close()
