"""`api`: serves the admin and client API."""

import argparse

import uvloop

from config.settings import ControlSettings, SettingsError, control_settings
from control.api_options import make_api_options
from control.http.route import InvalidRoute
from control.http.server import ListenOptions
from control.key_options import warn_of_shared_keys
from control.processes import run_processes, serve_api
from shared.supervisor import worker_count

read_settings = control_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Address and processes."""
    parser.add_argument("--host", default="", help="address to listen on (VOCALIZED_CONTROL_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on")
    parser.add_argument("--workers", type=worker_count, default=1, help="processes, one event loop each")
    parser.add_argument("--shared-port", action="store_true", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace, settings: ControlSettings) -> int:
    """Serves until it is told to stop. Raises SettingsError, and as `serve_api` does."""
    options = make_api_options(settings)
    warn_of_shared_keys(options.keys)
    if arguments.workers > 1:
        return run_processes(arguments.port, arguments.host, arguments.workers)
    listen = ListenOptions(
        host=arguments.host or settings.control_host,
        port=arguments.port,
        shared_port=arguments.shared_port,
        keepalive_s=settings.keepalive_timeout_s,
        drain_s=settings.control_drain_timeout_s,
    )
    try:
        uvloop.run(serve_api(options, listen))
    except InvalidRoute as error:
        raise SettingsError(str(error)) from None
    return 0
