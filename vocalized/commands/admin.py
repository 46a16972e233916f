"""`vocalized admin create`: adds a member of the platform's staff straight to the database."""

import getpass
import sys
from dataclasses import dataclass
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
from rich.console import Console

from control.accounts.rules import AdminRole, normal_address
from control.commands.admin import CreatedAdmin, create_account, format_created
from shared.errors import Problem
from vocalized.stack.addresses import StackNotRunning
from vocalized.stack.operator_settings import read_operator_settings


class AdminError(Exception):
    """No admin was added; the message says why."""


@dataclass(frozen=True, slots=True)
class AdminOptions:
    """The command line. database_url: empty for that of the platform that `up` runs on `state`. ask: prompt for a
    password instead of generating one."""

    database_url: str
    email: str
    role: AdminRole
    name: str
    ask: bool
    as_json: bool
    state: Path


async def create_admin(options: AdminOptions, console: Console) -> None:
    """Prints the password only if it was generated here. Raises AdminError."""
    database_url = options.database_url or _running_database(options.state)
    password = _prompt() if options.ask else None
    try:
        email = normal_address(options.email)
        created = await create_account(database_url, email, options.role, options.name, password)
    except (Problem, ValueError) as problem:
        raise AdminError(str(problem)) from None
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise AdminError(f"the database cannot be used: {error}") from None
    _print(created, options.as_json, console)


def _running_database(state: Path) -> str:
    try:
        return read_operator_settings(state)["VOCALIZED_DATABASE_URL"]
    except StackNotRunning as error:
        raise AdminError(f"no database: set VOCALIZED_DATABASE_URL, or give --database-url; {error}") from None


def _prompt() -> str:
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise AdminError("the passwords differ")
    return password


def _print(created: CreatedAdmin, as_json: bool, console: Console) -> None:
    text = format_created(created, as_json)
    if as_json:
        print(text, file=sys.stdout)
    else:
        console.print(text, markup=False)
