"""Sends the account's events, signed as Stripe signs them (docs.stripe.com/webhooks/signature), when a test says so.

Stripe promises neither order nor that an event comes once; with `lose`, `deliver(reversed(…))` and repeats a test
chooses what happens.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence

from aiohttp import ClientSession

from simulator.stripe.account import StripeAccount, StripeObject


def sign_payload(payload: bytes, secrets: Sequence[str], at: float) -> str:
    """The header Stripe-Signature. secrets: whole, with `whsec_`; several while one is replaced. v0 is a signature of
    Stripe's own, to be ignored."""
    moment = str(int(at))
    signatures = [
        hmac.new(secret.encode(), moment.encode() + b"." + payload, hashlib.sha256).hexdigest() for secret in secrets
    ]
    return ",".join([f"t={moment}", *(f"v1={signature}" for signature in signatures), f"v0={'0' * 64}"])


class StripeWebhooks:
    """Events that an endpoint has not got yet. secrets: of the endpoint."""

    def __init__(self, account: StripeAccount, url: str, secrets: Sequence[str]) -> None:
        self.waiting: list[StripeObject] = []
        self._account, self._url, self._secrets = account, url, secrets
        account.listen(self.waiting.append)

    def lose(self) -> list[StripeObject]:
        """Forget the waiting events, as when the endpoint was unreachable for days; return them."""
        lost = list(self.waiting)
        self.waiting.clear()
        return lost

    async def deliver(self, session: ClientSession, events: Iterable[StripeObject] | None = None) -> list[int]:
        """Send the events in this order, by default all that wait, in theirs; return the statuses of the answers."""
        chosen = list(self.waiting if events is None else events)
        return [await self.send(session, event) for event in chosen]

    async def send(self, session: ClientSession, event: StripeObject, *, at: float | None = None) -> int:
        """Send one event. at: the signature's time; by default the account's. What was answered with 2xx waits no
        longer."""
        body = json.dumps(event, indent=2).encode()
        signature = sign_payload(body, self._secrets, self._account.now if at is None else at)
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
        async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
            if 200 <= response.status < 300 and event in self.waiting:
                self.waiting.remove(event)
            return response.status
