"""Parses the arguments of the control program.

Each command is a module of `control/commands`, loaded only if it is chosen: loading all of them takes 2 s of CPU, and
`migrate` needs a third of that.
"""

import argparse
import gc
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final, Protocol, cast

COMMANDS: Final[Mapping[str, str]] = {
    "api": "serve the admin and client API",
    "worker": "run background jobs and periodic duties",
    "migrate": "bring the database up to date",
    "admin": "create staff accounts, reset a second factor, disable and enable",
    "audit": "verify and export the audit log",
    "providers": "set, list and test the platform's keys of providers",
    "prices": "list prices and set what providers and carriers cost",
    "explain": "the ledger's rows behind an invoice's line or a figure",
    "analytics": "compute roll-ups again",
    "backups": "back the database up, and check that a backup can be restored",
    "doctor": "what this installation lacks, and what to do about it",
    "backup-check": "as `backups check`",
    "keys": "create keys and node credentials, reseal the database, revoke media nodes",
}


class Command(Protocol):
    """A module of `control/commands`."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's options."""

    def read_settings(self) -> Any:
        """Read the command's settings, which include `log_level`. Raises SettingsError."""

    def run(self, arguments: argparse.Namespace, settings: Any) -> int:
        """Run the command and return the exit code. Raises SettingsError, Problem and the errors of the stores."""


def parse_arguments(argv: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """Return the chosen command and its arguments. Raises SystemExit for invalid arguments, and after printing help."""
    parser = argparse.ArgumentParser(
        prog="python -m control", description="The control program: settings by VOCALIZED_…."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    parsers = {name: commands.add_parser(name, help=text) for name, text in COMMANDS.items()}
    if not argv or argv[0] not in parsers:
        parser.parse_args(argv)  # Exits the program: the parser itself has no option except --help.
        raise AssertionError("a command is required")
    command = load_command(argv[0])
    command.add_arguments(parsers[argv[0]])
    return command, parser.parse_args(argv)


def load_command(name: str) -> Command:
    """Load the module of a command, and exempt it from Python's garbage collector.

    A collection during loading would take 0.3 s, and later ones are useless, because modules live as long as the
    process.
    """
    gc.disable()
    try:
        return cast(Command, import_module(f"control.commands.{name.replace('-', '_')}"))
    finally:
        gc.freeze()
        gc.enable()
