"""Sends the account's events when a test requests it, signed in Stripe's format (docs.stripe.com/webhooks/signature).

Stripe guarantees neither the order of events nor that an event arrives once. Tests choose what happens with `lose`,
`deliver(reversed(…))` and repeats.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence

from aiohttp import ClientSession

from simulator.stripe.account import StripeAccount, StripeObject


def sign_payload(payload: bytes, secrets: Sequence[str], at: float) -> str:
    """Return the header Stripe-Signature. Its v0 is a signature of Stripe's own, which receivers must ignore.

    Args:
        payload: The request's body.
        secrets: Whole secrets with `whsec_`; several while a secret is being replaced.
        at: Unix time of the signature.
    """
    moment = str(int(at))
    signatures = [
        hmac.new(secret.encode(), moment.encode() + b"." + payload, hashlib.sha256).hexdigest() for secret in secrets
    ]
    return ",".join([f"t={moment}", *(f"v1={signature}" for signature in signatures), f"v0={'0' * 64}"])


class StripeWebhooks:
    """Events that the endpoint has not received yet.

    Args:
        secrets: The endpoint's secrets.
    """

    def __init__(self, account: StripeAccount, url: str, secrets: Sequence[str]) -> None:
        self.waiting: list[StripeObject] = []
        self._account, self._url, self._secrets = account, url, secrets
        account.listen(self.waiting.append)

    def lose(self) -> list[StripeObject]:
        """Drop the waiting events, as if the endpoint had been unreachable for days. Returns the dropped events."""
        lost = list(self.waiting)
        self.waiting.clear()
        return lost

    async def deliver(self, session: ClientSession, events: Iterable[StripeObject] | None = None) -> list[int]:
        """Send events in this order and return the statuses of the answers. By default, all waiting events are sent."""
        chosen = list(self.waiting if events is None else events)
        return [await self.send(session, event) for event in chosen]

    async def send(self, session: ClientSession, event: StripeObject, *, at: float | None = None) -> int:
        """Send an event. An event answered with 2xx no longer waits.

        Args:
            at: Time of the signature. None uses the account's time.
        """
        body = json.dumps(event, indent=2).encode()
        signature = sign_payload(body, self._secrets, self._account.now if at is None else at)
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
        async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
            if 200 <= response.status < 300 and event in self.waiting:
                self.waiting.remove(event)
            return response.status
