"""`worker`: runs background jobs and periodic duties."""

import argparse

import uvloop

from config.settings import ControlSettings, control_settings
from control.http.server import stop_signal
from control.key_options import warn_of_shared_keys
from control.worker import BackgroundWorkerOptions, run_worker
from control.worker_options import make_worker_options

read_settings = control_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The address of its status."""
    parser.add_argument("--host", default="", help="address of /healthz and /metrics (VOCALIZED_CONTROL_HOST)")
    parser.add_argument("--port", type=int, default=8081, help="port of /healthz and /metrics")


def run(arguments: argparse.Namespace, settings: ControlSettings) -> int:
    """Works until it is told to stop. Raises SettingsError, and as `run_worker` does."""
    options = make_worker_options(settings, arguments.host or settings.control_host, arguments.port)
    warn_of_shared_keys(options.keys)
    uvloop.run(_run(options))
    return 0


async def _run(options: BackgroundWorkerOptions) -> None:
    await run_worker(options, stop_signal())
