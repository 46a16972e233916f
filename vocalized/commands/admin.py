"""`vocalized admin create`: adds a member of the platform's staff straight to the database."""

import getpass
import json
import secrets
import sys
from dataclasses import dataclass
from typing import Final

import asyncpg  # type: ignore[import-untyped]
from rich.console import Console

from control.accounts.addresses import normal_address
from control.accounts.model import Admin, AdminRole
from control.accounts.new_admin import NewAdmin
from shared.errors import Problem
from vocalized.stack.admins import add_admin

_PASSWORD_BYTES: Final = 15


class AdminError(Exception):
    """No admin was added; the message says why."""


@dataclass(frozen=True, slots=True)
class AdminOptions:
    """The command line. ask: prompt for a password instead of generating one."""

    database_url: str
    email: str
    role: AdminRole
    name: str
    ask: bool
    as_json: bool


async def create_admin(options: AdminOptions, console: Console) -> None:
    """Prints the password only if it was generated here. Raises AdminError."""
    if not options.database_url:
        raise AdminError("no database: set VOCALIZED_DATABASE_URL, or give --database-url")
    password = _prompt() if options.ask else secrets.token_urlsafe(_PASSWORD_BYTES)
    try:
        email = normal_address(options.email)
        new = NewAdmin(email, options.name or email.partition("@")[0], options.role, password)
        admin = await add_admin(options.database_url, new)
    except (Problem, ValueError) as problem:
        raise AdminError(str(problem)) from None
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise AdminError(f"the database cannot be used: {error}") from None
    _print(admin, None if options.ask else password, options.as_json, console)


def _prompt() -> str:
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise AdminError("the passwords differ")
    return password


def _print(admin: Admin, password: str | None, as_json: bool, console: Console) -> None:
    if as_json:
        fields = {"id": str(admin.id), "email": admin.email, "name": admin.name, "role": admin.role}
        print(json.dumps(fields | ({"password": password} if password else {})), file=sys.stdout)
        return
    console.print(f"{admin.email} is an admin now ({admin.role}).")
    if password:
        console.print(f"Password, shown only this once: {password}", markup=False)
