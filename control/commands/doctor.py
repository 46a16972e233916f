"""`python -m control doctor`: reports what this installation lacks and how to fix it."""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from config.settings import ControlSettings, control_settings
from control.commands.api import make_api_options
from control.doctor.carriers import find_carriers
from control.doctor.stores import check_database, check_storage
from control.doctor.telnyx_account import account
from shared.doctor import DoctorFinding, check_redis, print_findings

read_settings = control_settings
_REDIS_TIMEOUT_S = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no options."""


def run(arguments: argparse.Namespace, settings: ControlSettings) -> int:
    """Run the checks. Return 1 if something required is missing. Raises SettingsError."""
    make_api_options(settings)
    return print_findings(list(_examine(settings)))


def _examine(settings: ControlSettings) -> Iterator[DoctorFinding]:
    yield DoctorFinding("settings", True, "they are valid")
    yield check_database(settings.database_url.get_secret_value())
    yield check_redis(settings.redis_url.get_secret_value(), _REDIS_TIMEOUT_S)
    if settings.storage_url:
        yield check_storage(settings.storage_url)
    webhook_url = settings.webhook_url or settings.public_url
    yield from find_carriers({"VOCALIZED_WEBHOOK_URL": webhook_url})
    yield from account(Path(os.curdir), webhook_url)
