"""Runs the simulated services: `python -m simulator.integrations --port N --config FILE.json --state FILE.json`.

All services share one address, one OAuth server and one key. `GET /records` returns their records, which are lost when
the program ends. Tokens are kept.
"""

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

from simulator.integrations.authorization import AuthorizationServer
from simulator.integrations.server import running_integrations


@dataclass(frozen=True, slots=True)
class IntegrationsConfig:
    """The configuration of the simulated services.

    Attributes:
        key: Accepted as a bearer token, like OAuth tokens.
        client_id: The platform's client id.
        client_secret: The platform's client secret.
        redirect_prefix: Prefix of the platform's redirect URIs.
    """

    key: str
    client_id: str
    client_secret: str
    redirect_prefix: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run the services. Returns the exit code: 0 after a clean stop, 1 for an OS error (port, state), 2 for an invalid
    config.
    """
    arguments = _parser().parse_args(argv)
    try:
        config = IntegrationsConfig(**json.loads(arguments.config.read_text()))
        asyncio.run(_serve(config, arguments.port, arguments.state))
    except OSError as error:
        print(f"integrations: {error}", file=sys.stderr)
        return 1
    except (TypeError, ValueError) as error:
        print(f"integrations: {error}", file=sys.stderr)
        return 2
    return 0


async def _serve(config: IntegrationsConfig, port: int, state: Path) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    url = f"http://127.0.0.1:{port}"
    server = AuthorizationServer(config.client_id, config.client_secret, config.redirect_prefix, url, state)
    server.load()
    routes = [web.get("/healthz", _answer_health), *server.routes()]
    async with running_integrations(port, token=config.key, accepts=server.accepts, routes=routes) as vendors:
        vendors.contacts.clock = lambda: round(time.time() * 1_000)
        await stop.wait()


async def _answer_health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="integrations", description="Simulated vendors that workspaces connect.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--config", type=Path, required=True, help="a JSON file with the key and the OAuth client")
    parser.add_argument("--state", type=Path, required=True, help="a file that stores the tokens")
    return parser


if __name__ == "__main__":
    sys.exit(main())
