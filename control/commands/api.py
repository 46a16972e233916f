"""`python -m control api`: serves the admin and client API, in one process or in several processes on one port."""

import argparse
import sys

import uvloop

from config.setting_types import is_this_machine
from config.settings import ControlSettings, SettingsError, control_settings
from control.app import ApiOptions, HttpOptions, open_app, prepare_app
from control.http.route import InvalidRoute
from control.http.server import ListenOptions, serve, stop_signal, tune_garbage_collector
from control.inbound_webhooks.source import WebhookOptions
from control.inbound_webhooks.telnyx.signature import TelnyxKeys
from control.key_options import key_sets, parse_setting, require_keys, warn_of_shared_keys
from control.options import are_unsigned_accepted, make_outside_options, make_policies, make_timeouts
from shared.key_sets import TOKEN_KEYS
from shared.process_metrics import metrics_folder
from shared.supervisor import Supervisor, worker_count

read_settings = control_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options for address and processes."""
    parser.add_argument("--host", default="", help="address to listen on (VOCALIZED_CONTROL_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on")
    parser.add_argument("--workers", type=worker_count, default=1, help="processes, one event loop each")
    parser.add_argument("--shared-port", action="store_true", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace, settings: ControlSettings) -> int:
    """Serve until stopped. Raises SettingsError and the errors of `serve_api`."""
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
        connections_per_address=settings.connections_per_address,
        trusted_proxies=settings.trusted_proxies,
    )
    try:
        uvloop.run(serve_api(options, listen))
    except InvalidRoute as error:
        raise SettingsError(str(error)) from None
    return 0


def make_api_options(settings: ControlSettings) -> ApiOptions:
    """Return the API's options. Raises SettingsError."""
    keys = key_sets(settings)
    require_keys(TOKEN_KEYS, keys.tokens)
    return ApiOptions(
        database_url=settings.database_url.get_secret_value(),
        redis_url=settings.redis_url.get_secret_value(),
        keys=keys,
        accepts_unsigned=are_unsigned_accepted(settings, keys),
        http=HttpOptions(
            public_url=settings.public_url,
            trusted_proxies=settings.trusted_proxies,
            cors_origins=settings.cors_origins,
            max_body_bytes=settings.max_body_bytes,
            body_timeout_s=settings.body_timeout_s,
            redis_timeout_s=settings.redis_timeout_s,
            limits=settings.rate_limits,
        ),
        policies=make_policies(settings),
        outside=make_outside_options(settings),
        webhooks=_make_webhook_options(settings),
        pool_size=settings.database_pool_size,
        request_concurrency=settings.request_concurrency,
        allows_owner=is_this_machine(settings.public_url),
        timeouts=make_timeouts(settings),
    )


def _make_webhook_options(settings: ControlSettings) -> WebhookOptions:
    """Return the options of inbound webhooks. Raises SettingsError."""
    parse_setting("TELNYX_PUBLIC_KEYS", lambda: TelnyxKeys(settings.telnyx_public_keys))
    if settings.telnyx_api_key.get_secret_value() and not settings.telnyx_public_keys:
        raise SettingsError("settings: VOCALIZED_TELNYX_PUBLIC_KEYS: required with VOCALIZED_TELNYX_API_KEY")
    return WebhookOptions(
        url=settings.webhook_url or settings.public_url,
        twilio_tokens=[(account, token.get_secret_value()) for account, token in settings.twilio_auth_tokens],
        twilio_shared_keys=[(key, secret.get_secret_value()) for key, secret in settings.twilio_shared_keys],
        telnyx_public_keys=settings.telnyx_public_keys,
        stripe_secrets=settings.stripe_webhook_secrets,
        stripe_body_bytes=settings.stripe_webhook_body_bytes,
        require_twilio_signature=settings.twilio_require_signature,
    )


async def serve_api(options: ApiOptions, listen: ListenOptions) -> None:
    """Serve the API in this process until stopped. Raises the errors of `open_app`, and OSError for the port."""
    stop = stop_signal()
    async with open_app(options) as app:
        prepare_app(app)
        tune_garbage_collector()
        await serve(app, listen, stop)


def run_processes(port: int, host: str, count: int) -> int:
    """Run processes that share the port until this process is stopped. Return the exit code.

    Args:
        host: Empty for the host of the settings.
    """
    command = [sys.executable, "-m", "control", "api", "--port", str(port), "--shared-port"]
    command += ["--host", host] if host else []
    with metrics_folder() as metrics:
        return Supervisor(command, count, {"PROMETHEUS_MULTIPROC_DIR": metrics}).run()
