"""`python -m control worker`: runs background jobs and periodic duties."""

import argparse
from datetime import timedelta

import uvloop

from config.setting_types import is_this_machine
from config.settings import ControlSettings, SettingsError, control_settings
from control.accounts.emails.gateways import open_gateway
from control.http.server import stop_signal
from control.key_options import key_sets, parse_setting, warn_of_shared_keys
from control.options import are_unsigned_accepted, make_outside_options, make_policies, make_timeouts
from control.worker import BackgroundWorkerOptions, run_worker

read_settings = control_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options for the address of the status server."""
    parser.add_argument("--host", default="", help="address of /healthz and /metrics (VOCALIZED_CONTROL_HOST)")
    parser.add_argument("--port", type=int, default=8081, help="port of /healthz and /metrics")


def run(arguments: argparse.Namespace, settings: ControlSettings) -> int:
    """Run the worker until stopped. Raises SettingsError and the errors of `run_worker`."""
    options = make_worker_options(settings, arguments.host or settings.control_host, arguments.port)
    warn_of_shared_keys(options.keys)
    uvloop.run(_run(options))
    return 0


async def _run(options: BackgroundWorkerOptions) -> None:
    await run_worker(options, stop_signal())


def make_worker_options(settings: ControlSettings, host: str, port: int) -> BackgroundWorkerOptions:
    """Return the worker's options. Raises SettingsError."""
    mail_url, keys = settings.smtp_url.get_secret_value(), key_sets(settings)
    parse_setting("SMTP_URL", lambda: open_gateway(mail_url))
    return BackgroundWorkerOptions(
        database_url=settings.database_url.get_secret_value(),
        keys=keys,
        accepts_unsigned=are_unsigned_accepted(settings, keys),
        policies=make_policies(settings),
        mail_url=mail_url,
        mail_from=settings.mail_from,
        outside=make_outside_options(settings),
        carrier_recordings_deleted=settings.carrier_recordings_deleted,
        unknown_calls_ended=settings.unknown_calls_ended,
        allows_owner=is_this_machine(settings.public_url),
        billing_ahead=_billing_ahead(settings),
        host=host,
        port=port,
        timeouts=make_timeouts(settings),
    )


def _billing_ahead(settings: ControlSettings) -> timedelta:
    """Return how far ahead periods are billed.

    Raises SettingsError on a platform that other machines can reach, because its cards would be charged too early.
    """
    if settings.billing_days_ahead and not is_this_machine(settings.public_url):
        raise SettingsError("settings: VOCALIZED_BILLING_DAYS_AHEAD: only where VOCALIZED_PUBLIC_URL is this machine")
    return timedelta(days=settings.billing_days_ahead)
