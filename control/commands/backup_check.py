"""`python -m control backup-check`: an alias of `backups check`."""

import argparse

from config.settings import backup_settings
from control.commands import backups

read_settings, run = backup_settings, backups.run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `backups check`."""
    backups.add_check_arguments(parser)
    parser.set_defaults(action="check")
