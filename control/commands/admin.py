"""`python -m control admin`: creates, changes and disables staff accounts."""

import argparse
import asyncio
import getpass
import json
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, get_args
from uuid import UUID

from config.settings import DatabaseSettings, database_settings
from control.accounts.passwords import Passwords
from control.accounts.rules import Admin, AdminRole, HashPolicy, ListedSession, network_of, normal_address
from control.accounts.staff.service import (
    NewAdmin,
    create_admin,
    end_all_sessions,
    end_session,
    has_super_admin,
    list_sessions,
    reset_account,
    reset_totp,
    set_active,
)
from control.db.pool import Connection, open_pool
from shared.errors import Invalid

read_settings = database_settings

ROLES: Final[Sequence[str]] = get_args(AdminRole)
_PASSWORD_BYTES: Final = 15


@dataclass(frozen=True, slots=True)
class CreatedAdmin:
    """An admin account whose password was set.

    Attributes:
        generated: The password, if it was generated; shown once.
    """

    admin: Admin
    generated: str | None = field(repr=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    create = actions.add_parser("create", help="add a member of the staff; prints a generated password once")
    _add_email(create)
    create.add_argument("--role", choices=ROLES, default="super_admin", help="what they may do (super_admin)")
    create.add_argument("--name", default="", help="shown to others; else the address up to the @")
    _add_password(create)
    reset = actions.add_parser("reset", help="set a new password, remove the second factor, and end all sessions")
    _add_email(reset)
    _add_password(reset)
    sessions = actions.add_parser("sessions", help="list an admin's sessions, or end them")
    _add_email(sessions)
    ending = sessions.add_mutually_exclusive_group()
    ending.add_argument("--end", type=UUID, metavar="ID", help="end this one")
    ending.add_argument("--end-all", action="store_true", help="end all")
    helps = {
        "reset-totp": "remove a lost second factor with its recovery codes, and end all sessions",
        "disable": "refuse an admin from the next request on",
        "enable": "let a disabled admin sign in again",
    }
    for action, text in helps.items():
        _add_email(actions.add_parser(action, help=text))


def run(arguments: argparse.Namespace, settings: DatabaseSettings) -> int:
    """Run the action and return the exit code. Raises Problem and the database's errors."""
    database_url = settings.database_url.get_secret_value()
    email = _address(arguments.email)
    if arguments.action in ("create", "reset"):
        password = read_password() if arguments.ask else None
        if arguments.action == "create":
            made = asyncio.run(create_account(database_url, email, arguments.role, arguments.name, password))
        else:
            made = asyncio.run(_reset(database_url, email, password))
        print(format_created(made, arguments.as_json, is_new=arguments.action == "create"))
    elif arguments.action == "sessions":
        print(asyncio.run(_sessions(database_url, email, arguments.end, arguments.end_all)))
    else:
        print(asyncio.run(_change(database_url, arguments.action, email)))
    return 0


async def create_account(
    database_url: str, email: str, role: AdminRole, name: str, password: str | None
) -> CreatedAdmin:
    """Create an account. Raises the errors of `create_admin` and of the database driver.

    Args:
        name: Empty for the part of the address before the @.
        password: None to generate a password.
    """
    generated = None if password is not None else secrets.token_urlsafe(_PASSWORD_BYTES)
    new = NewAdmin(email, name or email.partition("@")[0], role, password or generated or "")
    return CreatedAdmin(await add_admin(database_url, new), generated)


async def add_admin(database_url: str, new: NewAdmin) -> Admin:
    """Add an admin. Raises the errors of `control.accounts.staff.service.create_admin` and of the database driver."""
    with closing(Passwords(HashPolicy(workers=1))) as passwords:
        async with _transaction(database_url) as db:
            return await create_admin(db, passwords, new, datetime.now(UTC))


def format_created(created: CreatedAdmin, as_json: bool, *, is_new: bool = True) -> str:
    """Format the result as lines for people, or as a JSON object. It contains the password only if it was generated."""
    admin = created.admin
    if as_json:
        fields = {"id": str(admin.id), "email": admin.email, "name": admin.name, "role": admin.role}
        return json.dumps(fields | ({"password": created.generated} if created.generated else {}))
    done = f"{admin.email} is an admin now ({admin.role})."
    if not is_new:
        done = f"{admin.email} has a new password and no longer has a second factor. All sessions were ended."
    lines = [done]
    lines += [f"Password, shown only this once: {created.generated}"] if created.generated else []
    return "\n".join(lines)


def read_password() -> str:
    """Read a password: typed twice by a person, or from a line of standard input. Raises Invalid.

    Passwords are not arguments, because the list of processes shows arguments.
    """
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise Invalid("no password was given on standard input", param="password")
        return password
    try:
        password = getpass.getpass("Password: ")
        again = getpass.getpass("Again: ")
    except (EOFError, KeyboardInterrupt):
        raise Invalid("no password was typed", param="password") from None
    if again != password:
        raise Invalid("the passwords differ", param="password")
    return password


async def _reset(database_url: str, email: str, password: str | None) -> CreatedAdmin:
    generated = None if password is not None else secrets.token_urlsafe(_PASSWORD_BYTES)
    with closing(Passwords(HashPolicy(workers=1))) as passwords:
        async with _transaction(database_url) as db:
            admin = await reset_account(db, passwords, email, password or generated or "", datetime.now(UTC))
    return CreatedAdmin(admin, generated)


async def _sessions(database_url: str, email: str, ended: UUID | None, ends_all: bool) -> str:
    """End sessions or list them. Return the text to print."""
    now = datetime.now(UTC)
    async with _transaction(database_url) as db:
        if ended is not None:
            await end_session(db, email, ended, now)
            return "The session is over."
        if ends_all:
            await end_all_sessions(db, email, now)
            return f"All sessions of {email} are over."
        found = await list_sessions(db, email, now)
    return "\n".join(_session_line(session) for session in found) or f"{email} has no session."


def _session_line(session: ListedSession) -> str:
    network = network_of(session.address) if session.address else "?"
    agent = "".join(char if char.isprintable() else "?" for char in session.user_agent or "")
    return f"{session.id}  {session.last_used_at:%Y-%m-%d %H:%M}  {network:<18}  {agent[:80]}"


async def _change(database_url: str, action: str, email: str) -> str:
    """Run another action on an admin. Return the text to print."""
    now = datetime.now(UTC)
    async with _transaction(database_url) as db:
        if action == "reset-totp":
            admin = await reset_totp(db, email, now)
            return f"{admin.email} no longer has a second factor. All sessions were ended."
        admin = await set_active(db, email, action == "enable", now)
        some_left = await has_super_admin(db)
    if action == "enable":
        return f"{admin.email} may sign in again."
    warning = (
        "" if some_left else "\nNo super_admin is left who may sign in: `admin enable` or `admin create` makes one."
    )
    return f"{admin.email} can no longer sign in. All sessions were ended.{warning}"


@asynccontextmanager
async def _transaction(database_url: str) -> AsyncIterator[Connection]:
    """Open a transaction as the URL's user, who must own the tables: the programs cannot change the staff."""
    async with open_pool(database_url, size=1, name="vocalized-admin", role=None) as pool, pool.transaction() as db:
        yield db


def _add_email(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--email", required=True, metavar="ADDRESS", help="the admin's address")


def _add_password(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ask", action="store_true", help="ask for the password, or read a line of standard input")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object")


def _address(text: str) -> str:
    try:
        return normal_address(text)
    except ValueError as error:
        raise Invalid(str(error), param="email") from None
