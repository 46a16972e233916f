"""The arguments of the control program."""

import argparse
from collections.abc import Callable, Mapping

from control import (
    admin_commands,
    analytics_commands,
    audit_commands,
    backup_commands,
    billing_commands,
    key_commands,
    price_commands,
    provider_commands,
)
from shared.supervisor import worker_count

Command = Callable[[argparse.Namespace], int]


def make_parser(commands_by_name: Mapping[str, Command]) -> argparse.ArgumentParser:
    """The parser of the control program. commands_by_name: what each command runs; the parsed arguments have it as
    `command`."""
    parser = argparse.ArgumentParser(
        prog="python -m control", description="The control program: settings by VOCALIZED_…."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    api = commands.add_parser("api", help="serve the admin and client API")
    api.add_argument("--host", default="", help="address to listen on (VOCALIZED_CONTROL_HOST, 127.0.0.1)")
    api.add_argument("--port", type=int, default=8080, help="port to listen on")
    api.add_argument("--workers", type=worker_count, default=1, help="processes, one event loop each")
    api.add_argument("--shared-port", action="store_true", help=argparse.SUPPRESS)
    api.set_defaults(command=commands_by_name["api"])
    worker = commands.add_parser("worker", help="run background jobs and periodic duties")
    worker.add_argument("--host", default="", help="address of /healthz and /metrics (VOCALIZED_CONTROL_HOST)")
    worker.add_argument("--port", type=int, default=8081, help="port of /healthz and /metrics")
    worker.set_defaults(command=commands_by_name["worker"])
    apply = commands.add_parser("migrate", help="bring the database up to date")
    apply.set_defaults(command=commands_by_name["migrate"])
    admin = commands.add_parser("admin", help="create staff accounts, reset a second factor, disable and enable")
    admin_commands.add_arguments(admin)
    admin.set_defaults(command=commands_by_name["admin"])
    audit = commands.add_parser("audit", help="verify and export the audit log")
    audit_commands.add_arguments(audit)
    audit.set_defaults(command=commands_by_name["audit"])
    providers = commands.add_parser("providers", help="set, list and test the platform's keys of providers")
    provider_commands.add_arguments(providers)
    providers.set_defaults(command=commands_by_name["providers"])
    prices = commands.add_parser("prices", help="list prices and set what providers and carriers cost")
    price_commands.add_arguments(prices)
    prices.set_defaults(command=commands_by_name["prices"])
    explain = commands.add_parser("explain", help="the ledger's rows behind an invoice's line or a figure")
    billing_commands.add_arguments(explain)
    explain.set_defaults(command=commands_by_name["explain"])
    analytics = commands.add_parser("analytics", help="compute roll-ups again")
    analytics_commands.add_arguments(analytics)
    analytics.set_defaults(command=commands_by_name["analytics"])
    backups = commands.add_parser("backups", help="back the database up, and check that a backup can be restored")
    backup_commands.add_arguments(backups)
    backups.set_defaults(command=commands_by_name["backups"])
    check = commands.add_parser("backup-check", help="as `backups check`")
    backup_commands.add_check_arguments(check)
    check.set_defaults(command=commands_by_name["backups"], action="check")
    keys = commands.add_parser("keys", help="make keys and passes, seal the database anew, revoke media nodes")
    key_commands.add_arguments(keys)
    keys.set_defaults(command=commands_by_name["keys"])
    return parser
