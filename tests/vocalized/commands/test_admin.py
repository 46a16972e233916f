"""`python -m vocalized admin create` on a real database: as its own process where it prompts or is seen as a whole."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner, Result

from control.db.migrate import migrate
from tests.vocalized.conftest import temporary_state
from vocalized.commands.cli import app
from vocalized.services.postgres import serve_postgres
from vocalized.stack.operator_settings import write_operator_settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    with temporary_state() as state, serve_postgres(state, durable=False) as server:
        migrate(server.url)
        yield server.url


def admin_create(*flags: str, url: str = "", typed: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VOCALIZED_")}
    return subprocess.run(
        [sys.executable, "-m", "vocalized", "admin", "create", *flags],
        cwd=ROOT, env=environment | ({"VOCALIZED_DATABASE_URL": url} if url else {}), input=typed,
        capture_output=True, text=True, timeout=60, start_new_session=True,
    )  # fmt: skip


def create_here(*flags: str, url: str = "") -> Result:
    """As `admin_create`, in this process: a start takes a second of a core."""
    runner = CliRunner(env={"VOCALIZED_DATABASE_URL": url or None, "COLUMNS": "200", "NO_COLOR": "1"})
    result = runner.invoke(app, ["admin", "create", *flags])
    assert result.exception is None or isinstance(result.exception, SystemExit), "an error that is not explained"
    return result


async def admin_row(url: str, email: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchrow("SELECT * FROM admins WHERE email = $1", email)
    finally:
        await connection.close()


async def test_admin_is_created_with_a_generated_password(database_url: str) -> None:
    result = admin_create(
        "--email", "Grace@Example.com", "--role", "support", "--name", "Grace", "--json", url=database_url
    )
    assert result.returncode == 0, result.stderr
    printed = json.loads(result.stdout.splitlines()[-1])
    row = await admin_row(database_url, "grace@example.com")
    assert (printed["id"], printed["role"], printed["name"]) == (str(row["id"]), row["role"], row["name"])
    assert PasswordHasher().verify(row["password_hash"], printed["password"])
    repeated = admin_create("--email", "grace@example.com", url=database_url)
    assert (repeated.returncode, repeated.stdout) == (1, "") and "address" in repeated.stderr


def test_password_is_printed_without_json(database_url: str) -> None:
    result = create_here("--email", "kay@example.com", url=database_url)
    password = result.stdout.strip().rpartition(" ")[2]
    row = asyncio.run(admin_row(database_url, "kay@example.com"))
    assert row["role"] == "super_admin" and row["name"] == "kay"
    assert PasswordHasher().verify(row["password_hash"], password)


async def test_password_can_be_typed_at_a_prompt(database_url: str) -> None:
    flags = ("--email", "ida@example.com", "--ask")
    result = admin_create(*flags, url=database_url, typed="a fine long phrase\na fine long phrase\n")
    assert result.returncode == 0 and "a fine long phrase" not in result.stdout
    row = await admin_row(database_url, "ida@example.com")
    assert PasswordHasher().verify(row["password_hash"], "a fine long phrase")


async def test_database_of_the_platform_that_up_runs_is_found(database_url: str, tmp_path: Path) -> None:
    write_operator_settings(tmp_path, {"VOCALIZED_DATABASE_URL": database_url, "VOCALIZED_SECRET_KEYS": "k"})
    result = admin_create("--email", "ada@example.com", "--state", str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert (await admin_row(database_url, "ada@example.com"))["role"] == "super_admin"


@pytest.mark.parametrize(
    ("flags", "typed", "message"),
    [
        (("--email", "eve@example.com", "--ask"), "password123\npassword123\n", "tried first"),
        (("--email", "eve@example.com", "--ask"), "a fine long phrase\nanother one\n", "differ"),
    ],
)
async def test_errors_are_explained(database_url: str, flags: tuple[str, ...], typed: str, message: str) -> None:
    result = admin_create(*flags, url=database_url, typed=typed)
    assert result.returncode == 1 and message in result.stderr and "Traceback" not in result.stderr
    assert await admin_row(database_url, "eve@example.com") is None


def test_address_is_checked(database_url: str) -> None:
    result = create_here("--email", "no address", url=database_url)
    assert result.exit_code == 1 and "@" in result.stderr and "Traceback" not in result.stderr


def test_database_is_required(tmp_path: Path) -> None:
    missing = create_here("--email", "eve@example.com", "--state", str(tmp_path))
    assert missing.exit_code == 1 and "VOCALIZED_DATABASE_URL" in missing.stderr
    assert f"no platform runs on {tmp_path}" in missing.stderr
    unreachable = create_here("--email", "eve@example.com", url="postgresql://nobody@127.0.0.1:1/none")
    assert unreachable.exit_code == 1 and "Traceback" not in unreachable.stderr
