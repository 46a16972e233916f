"""Serves the simulated Stripe on a port of this machine."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from simulator.stripe.account import API_VERSION, StripeAccount, StripeObject
from simulator.stripe.api import run_operation
from simulator.stripe.errors import StripeFailure
from simulator.stripe.faults import StripeFaultKind, StripeFaultQueue
from simulator.stripe.form import parse_form
from simulator.stripe.idempotency import IdempotencyKeys, SavedAnswer

# Longer than the timeout of any client in tests.
_SILENCE_S: Final = 60.0
_FAILURES: Final = {
    "rate_limited": StripeFailure("Too many requests", status=429, code="rate_limit", is_saved=False),
    "conflict": StripeFailure(
        "This object cannot be accessed right now because another API request or Stripe process is currently "
        "accessing it.",
        status=409,
        code="lock_timeout",
        is_saved=False,
    ),
    "error": StripeFailure("An unknown error occurred", status=500, kind="api_error"),
    "error_after": StripeFailure("An unknown error occurred", status=500, kind="api_error"),
}


@dataclass(slots=True)
class SimulatedStripe:
    """A running simulated Stripe.

    Attributes:
        url: URL of the API.
        requests: Method and path of each request, in order.
    """

    account: StripeAccount
    url: str = ""
    faults: StripeFaultQueue = field(default_factory=StripeFaultQueue)
    keys: IdempotencyKeys = field(default_factory=IdempotencyKeys)
    requests: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a request."""
        self.requests.append(f"{request.method} {request.path}")
        fault = self.faults.take(request.method, request.path)
        if fault == "reset":
            return _reset(request)
        text = request.query_string if request.method != "POST" else await request.text()
        key = request.headers.get("Idempotency-Key", "") if request.method == "POST" else ""
        try:
            self._authorize(request)
            saved = self.keys.begin(key, f"{request.method} {request.path} {text}", self.account.now) if key else None
        except StripeFailure as failure:
            return _answer(failure.status, failure.body)
        if saved is not None:
            return _answer(saved.status, saved.body, {"Idempotent-Replayed": "true"})
        status, body, is_saved = self._run(request, text, fault)
        saving = SavedAnswer(f"{request.method} {request.path} {text}", status, body, self.account.now)
        if key:
            self.keys.end(key, saving if is_saved else None)
        if fault == "silence":
            await asyncio.sleep(_SILENCE_S)
        return _answer(status, body)

    def _run(self, request: web.Request, text: str, fault: StripeFaultKind | None) -> tuple[int, StripeObject, bool]:
        """Return status, body, and whether the answer is kept under the request's key."""
        try:
            if fault in ("rate_limited", "conflict", "error"):
                raise _FAILURES[fault]
            made = run_operation(self.account, request.method, request.path, parse_form(text))
            if fault == "error_after":
                raise _FAILURES[fault]
        except StripeFailure as failure:
            return failure.status, failure.body, failure.is_saved
        # The answer is copied, because the object may change later but the saved answer must not.
        return 200, json.loads(json.dumps(made)), True

    def _authorize(self, request: web.Request) -> None:
        """Check the key: a Bearer token, or the user name of Basic auth (Stripe API reference, "Authentication")."""
        basic = f"Basic {b64encode(f'{self.account.key}:'.encode()).decode()}"
        if request.headers.get("Authorization") not in (f"Bearer {self.account.key}", basic):
            raise StripeFailure("Invalid API Key provided.", status=401, is_saved=False)
        version = request.headers.get("Stripe-Version", API_VERSION)
        if version != API_VERSION:
            raise StripeFailure(f"Invalid Stripe API version: {version}", is_saved=False)


@asynccontextmanager
async def running_stripe(
    account: StripeAccount,
    port: int = 0,
    *,
    routes: Sequence[web.AbstractRouteDef] = (),
    middlewares: Sequence[Middleware] = (),
) -> AsyncIterator[SimulatedStripe]:
    """Serve the account on 127.0.0.1.

    Args:
        port: 0 selects a free port.
        routes: Routes beside the API.

    Raises:
        OSError: The port is taken.
    """
    stripe = SimulatedStripe(account)
    app = web.Application(middlewares=middlewares)
    app.router.add_routes(routes)
    app.router.add_route("*", "/{path:.*}", stripe.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        stripe.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield stripe
    finally:
        await runner.cleanup()


def _answer(status: int, body: StripeObject, headers: dict[str, str] | None = None) -> web.Response:
    sent = {"Request-Id": "req_simulated", "Stripe-Version": API_VERSION, **(headers or {})}
    return web.json_response(body, status=status, headers=sent)


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
