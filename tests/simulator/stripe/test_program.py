"""The simulated Stripe as a program: its account outlives it, and its events are sent until they are taken."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import stripe
from aiohttp import web

from simulator.stripe.account import API_VERSION
from tests.platform.api import listening
from vocalized.free_port import free_port
from vocalized.stack.process import running_server

ROOT = Path(__file__).parents[3]
KEY, SECRET = "sk_test_program", "whsec_program"


class Endpoint:
    """Takes webhooks, but the first one only at its second try."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.refused = 0
        self.came = asyncio.Event()

    async def receive(self, request: web.Request) -> web.Response:
        if not self.refused:
            self.refused += 1
            return web.Response(status=503)
        body = await request.read()
        event = stripe.Webhook.construct_event(body, request.headers["Stripe-Signature"], SECRET)
        self.events.append(event.to_dict())
        self.came.set()
        return web.Response()


@asynccontextmanager
async def running_program(folder: Path, webhook_url: str, days_ahead: int) -> AsyncIterator[Any]:
    """Yields the SDK's services."""
    config = folder / "config.json"
    config.write_text(json.dumps(
        {"key": KEY, "webhook_url": webhook_url, "webhook_secret": SECRET, "days_ahead": days_ahead}
    ))  # fmt: skip
    port = free_port()
    command = [sys.executable, "-m", "simulator.stripe", "--port", str(port), "--config", str(config)]
    command += ["--state", str(folder / "account.json")]
    async with running_server(command, ROOT, port, folder / "log", name="stripe", probe="/healthz"):
        client = stripe.StripeClient(
            KEY, stripe_version=API_VERSION, base_addresses={"api": f"http://127.0.0.1:{port}"}
        )
        yield client.v1


async def test_the_account_outlives_the_program_and_events_are_sent_until_taken(tmp_path: Path) -> None:
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_post("/hook", endpoint.receive)
    async with listening(app) as url:
        async with running_program(tmp_path, f"{url}/hook", 0) as api:
            made = await asyncio.to_thread(api.customers.create, {"name": "Acme"})
            async with asyncio.timeout(20):
                await endpoint.came.wait()
        async with running_program(tmp_path, f"{url}/hook", 31) as api:
            found = await asyncio.to_thread(api.customers.retrieve, made.id)
            later = await asyncio.to_thread(api.customers.create, {"name": "Beta"})
    assert (found.name, endpoint.refused) == ("Acme", 1)
    assert later.id > made.id and 30 < (later.created - made.created) / 86_400 < 32
    sent = [event["data"]["object"]["id"] for event in endpoint.events]
    assert sent[0] == made.id and sent.count(made.id) == 1, "what was taken is not sent again"
