"""Makes somebody a member of the platform's staff, straight in the database."""

import getpass
import json
import secrets
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import asyncpg  # type: ignore[import-untyped]
from rich.console import Console

from control.accounts.addresses import normal_address
from control.accounts.hiring import NewAdmin, hire
from control.accounts.passwords import Passwords
from control.accounts.policy import HashPolicy
from control.accounts.store_admins import Admin, AdminRole
from control.db.pool import open_pool
from shared.errors import Problem

_PASSWORD_BYTES: Final = 15


class AdminFault(Exception):
    """Nobody was made an admin; the message says why."""


@dataclass(frozen=True, slots=True)
class AdminOptions:
    """What the command line says. ask: for a password, instead of making one up."""

    database_url: str
    email: str
    role: AdminRole
    name: str
    ask: bool
    as_json: bool


async def create_admin(options: AdminOptions, console: Console) -> None:
    """Prints the password only if it was made up here. Raises AdminFault."""
    if not options.database_url:
        raise AdminFault("no database: set VOCALIZED_DATABASE_URL, or give --database-url")
    password = _asked() if options.ask else secrets.token_urlsafe(_PASSWORD_BYTES)
    try:
        email = normal_address(options.email)
        new = NewAdmin(email, options.name or email.partition("@")[0], options.role, password)
        admin = await hire_into(options.database_url, new)
    except (Problem, ValueError) as problem:
        raise AdminFault(str(problem)) from None
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise AdminFault(f"the database cannot be used: {error}") from None
    _tell(admin, None if options.ask else password, options.as_json, console)


async def hire_into(url: str, new: NewAdmin) -> Admin:
    """Makes an admin in this database. Raises as `control.accounts.hiring.hire` does, and what the driver raises."""
    passwords = Passwords(HashPolicy(workers=1))
    try:
        async with open_pool(url, size=1, name="vocalized-admin") as pool, pool.transaction() as db:
            return await hire(db, passwords, new, datetime.now(UTC))
    finally:
        passwords.close()


def _asked() -> str:
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise AdminFault("the passwords differ")
    return password


def _tell(admin: Admin, password: str | None, as_json: bool, console: Console) -> None:
    if as_json:
        told = {"id": str(admin.id), "email": admin.email, "name": admin.name, "role": admin.role}
        print(json.dumps(told | ({"password": password} if password else {})), file=sys.stdout)
        return
    console.print(f"{admin.email} is an admin now ({admin.role}).")
    if password:
        console.print(f"Password, shown only this once: {password}", markup=False)
