"""The roles that programs sign in as. They own nothing: what a program may do ends where their rights end."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg  # type: ignore[import-untyped]

from control.db.pool import Pool

API: Final = "vocalized_api"
WORKER: Final = "vocalized_worker"
BACKUP: Final = "vocalized_backup"
# Its members enter each scope without a proof; it has no other right.
PLATFORM: Final = "vocalized_platform"

_ITERATIONS: Final = 4_096  # PostgreSQL's default

_OWNS: Final = """
    SELECT r.rolsuper OR r.rolbypassrls OR pg_has_role(session_user, c.relowner, 'MEMBER')
    FROM pg_roles r, pg_class c WHERE r.rolname = session_user AND c.oid = 'audit_log'::regclass
"""


class LoginRefused(Exception):
    """A program's user of PostgreSQL may do more than a program needs."""


def with_login(url: str, role: str) -> str:
    """Return the URL with another user and no password, for a server that trusts a socket."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role)}@{host}"))


async def require_plain_login(pool: Pool, login: str) -> None:
    """Raise LoginRefused for a superuser, an owner of the tables and whoever bypasses row-level security, and what a
    query raises.

    Args:
        login: The role that the program should sign in as.
    """
    async with pool.acquire() as db:
        if await db.fetchval(_OWNS):
            user = await db.fetchval("SELECT session_user")
            raise LoginRefused(
                f"VOCALIZED_DATABASE_URL: {user} owns the tables or bypasses their protection; sign in as {login}, "
                "whose password `python -m control migrate` sets from VOCALIZED_DATABASE_PASSWORDS"
            )


async def set_passwords(url: str, passwords: Mapping[str, str]) -> None:
    """Give roles their passwords. Raises OSError, TimeoutError and asyncpg.PostgresError.

    Args:
        url: As the owner.
    """
    if not passwords:
        return
    db = await asyncpg.connect(url, timeout=10, command_timeout=10)
    try:
        for role, password in passwords.items():
            await db.execute(f"ALTER ROLE \"{role}\" PASSWORD '{make_verifier(password)}'")
    finally:
        await db.close(timeout=5)


def make_verifier(password: str, salt: bytes | None = None) -> str:
    """Return what PostgreSQL stores of a password (RFC 5803, SCRAM-SHA-256), so that the password itself is in no log
    of the server.

    Args:
        password: ASCII, which needs no SASLprep.
        salt: Random without one.
    """
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{parts[0]}${parts[1]}:{parts[2]}"
