"""The PostgreSQL roles that programs sign in as.

They own no tables, so a program can do only what their grants allow.
"""

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
# Members of this role enter any scope without a proof. The role has no other right.
PLATFORM: Final = "vocalized_platform"

_ITERATIONS: Final = 4_096  # PostgreSQL's default.

_OWNS: Final = """
    SELECT r.rolsuper OR r.rolbypassrls OR pg_has_role(session_user, c.relowner, 'MEMBER')
    FROM pg_roles r, pg_class c WHERE r.rolname = session_user AND c.oid = 'audit_log'::regclass
"""


class LoginRefused(Exception):
    """The program's PostgreSQL user has more rights than the program needs."""


def with_login(url: str, role: str) -> str:
    """Return the URL with another user and no password, for a server that trusts a socket."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role)}@{host}"))


async def require_plain_login(pool: Pool, login: str) -> None:
    """Raise LoginRefused for a superuser, an owner of the tables, or a user that bypasses row-level security.

    Errors of the query are raised, too.

    Args:
        login: The role that the program is supposed to sign in as.
    """
    async with pool.acquire() as db:
        if await db.fetchval(_OWNS):
            user = await db.fetchval("SELECT session_user")
            raise LoginRefused(
                f"VOCALIZED_DATABASE_URL: {user} owns the tables or bypasses their protection; sign in as {login}, "
                "whose password `python -m control migrate` sets from VOCALIZED_DATABASE_PASSWORDS"
            )


async def set_passwords(url: str, passwords: Mapping[str, str]) -> None:
    """Set the passwords of roles. Raises OSError, TimeoutError and asyncpg.PostgresError.

    Args:
        url: Database URL of the tables' owner.
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
    """Return the verifier that PostgreSQL stores for a password, so that the server's logs never contain the password.

    Source: RFC 5803 (SCRAM-SHA-256).

    Args:
        password: ASCII only, which needs no SASLprep.
        salt: Default: a random salt.
    """
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{parts[0]}${parts[1]}:{parts[2]}"
