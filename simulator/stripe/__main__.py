"""Runs a simulated Stripe: `python -m simulator.stripe --port N --config FILE.json --state FILE.json`."""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from simulator.stripe.account import StripeAccount
from simulator.stripe.delivery import WebhookDelivery
from simulator.stripe.persistence import load_account, save_account
from simulator.stripe.server import running_stripe
from simulator.stripe.webhooks import StripeWebhooks


@dataclass(frozen=True, slots=True)
class StripeConfig:
    """The configuration of the simulated account.

    Attributes:
        key: Secret key of the account.
        webhook_url: URL of the webhook endpoint.
        webhook_secret: Secret of the webhook endpoint.
        days_ahead: How many days the account's clock is ahead.
    """

    key: str
    webhook_url: str
    webhook_secret: str
    days_ahead: int = 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the account. Returns the exit code: 0 after a clean stop, 1 for an OS error (port, state), 2 for an invalid
    config.
    """
    arguments = _parser().parse_args(argv)
    try:
        config = StripeConfig(**json.loads(arguments.config.read_text()))
        asyncio.run(_serve(config, arguments.port, arguments.state))
    except OSError as error:
        print(f"stripe: {error}", file=sys.stderr)
        return 1
    except (TypeError, ValueError) as error:
        print(f"stripe: {error}", file=sys.stderr)
        return 2
    return 0


async def _serve(config: StripeConfig, port: int, state: Path) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    account = StripeAccount(_now(config), config.key)
    load_account(account, state)
    webhooks = StripeWebhooks(account, config.webhook_url, (config.webhook_secret,))
    delivery = WebhookDelivery(account, webhooks, lambda: save_account(account, state))

    @web.middleware
    async def keep(request: web.Request, handler: Handler) -> web.StreamResponse:
        account.now = _now(config)
        response = await handler(request)
        if request.method != "GET":
            save_account(account, state)
        return response

    async with running_stripe(account, port, routes=[web.get("/healthz", _answer_health)], middlewares=[keep]):
        sending = asyncio.create_task(delivery.run())
        await stop.wait()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _answer_health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def _now(config: StripeConfig) -> float:
    return time.time() + config.days_ahead * 86_400


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stripe", description="A simulated Stripe.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--config", type=Path, required=True, help="a JSON file with key and webhook endpoint")
    parser.add_argument("--state", type=Path, required=True, help="a file that stores the account")
    return parser


if __name__ == "__main__":
    sys.exit(main())
