"""Starts the phone network: `python -m simulator.carrier.network --port N --config FILE.json --state DIR`."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
from aiohttp import web

from simulator.carrier.network.config import ConfigError, NetworkConfig, read_config
from simulator.carrier.network.server import running_network

_DRAIN_S = 2.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the network. Returns the exit code: 0 after a clean stop, 1 for an OS error (port, state), 2 for an invalid
    config.
    """
    arguments = _parser().parse_args(argv)
    try:
        config = read_config(arguments.config, f"http://{arguments.host}:{arguments.port}")
        uvloop.run(_serve(config, arguments.host, arguments.port, arguments.state))
    except OSError as error:
        print(f"network: {error}", file=sys.stderr)
        return 1
    except (ConfigError, ValueError) as error:
        print(f"network: {error}", file=sys.stderr)
        return 2
    return 0


async def _serve(config: NetworkConfig, host: str, port: int, state: Path | None) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    async with running_network(config, state / "numbers.json" if state is not None else None) as network:
        runner = web.AppRunner(network.app, access_log=None, shutdown_timeout=_DRAIN_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, backlog=1_024).start()
            print(f"network: listening on http://{host}:{port}", flush=True)
            await stop.wait()
        finally:
            await runner.cleanup()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="network", description="A simulated phone network with Twilio and Telnyx.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--config", type=Path, required=True, help="a JSON file with accounts and numbers")
    parser.add_argument("--state", type=Path, help="a folder that stores the bought numbers")
    return parser


if __name__ == "__main__":
    sys.exit(main())
