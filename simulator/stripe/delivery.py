"""Sends events to the webhook endpoint until each event was accepted."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout

from simulator.stripe.account import StripeAccount, StripeObject
from simulator.stripe.webhooks import StripeWebhooks

_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 60.0
_REQUEST_S: Final = 10.0


class WebhookDelivery:
    """Delivers one event after another, oldest first. Failed events are sent again after increasing waits.

    Events that an earlier process could not send come first.

    Args:
        on_taken: Called after each accepted event.
    """

    def __init__(self, account: StripeAccount, webhooks: StripeWebhooks, on_taken: Callable[[], None]) -> None:
        self._webhooks, self._on_taken = webhooks, on_taken
        self._new = asyncio.Event()
        webhooks.waiting.extend(one for one in account.events if one["pending_webhooks"])
        account.listen(lambda event: self._new.set())

    async def run(self) -> None:
        """Deliver events until canceled."""
        wait_s = _FIRST_WAIT_S
        async with ClientSession(timeout=ClientTimeout(total=_REQUEST_S)) as session:
            while True:
                self._new.clear()
                if not self._webhooks.waiting:
                    await self._new.wait()
                elif await self._is_taken(session, self._webhooks.waiting[0]):
                    wait_s = _FIRST_WAIT_S
                else:
                    await asyncio.sleep(wait_s)
                    wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    async def _is_taken(self, session: ClientSession, event: StripeObject) -> bool:
        """Send an event and return whether the endpoint accepted it.

        The signature uses the real time, because the account's clock may be ahead.
        """
        try:
            status = await self._webhooks.send(session, event, at=time.time())
        except (ClientError, OSError, TimeoutError):
            return False
        if not 200 <= status < 300:
            return False
        event["pending_webhooks"] = 0
        self._on_taken()
        return True
