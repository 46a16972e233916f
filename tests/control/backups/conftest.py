"""A platform with a call, its backups in a folder, and a second server without our role, for the checks."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import msgspec
import pytest

from control.voice.keys import seal_key
from shared.events import CallerSaid
from shared.ids import new_id
from shared.secrets import Sealer, new_key, parse_keys
from tests.control.test_rls import ROWS
from tests.platform.service_folder import make_service_folder
from vocalized.services.postgres import Postgres, serve_postgres

SECRET_KEY, BACKUP_KEY = new_key(), new_key()
CALLER = "+14155550142"
_PROVIDER_KEY = "sk-made-up-provider-key"


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A database with one call, and the folder of its backups."""

    url: str
    folder: Path
    call_id: UUID


@pytest.fixture(scope="package")
def new_server() -> Iterator[Postgres]:
    """A second server; the role of the programs does not exist there until a check creates it."""
    folder = make_service_folder()
    with serve_postgres(folder, durable=False) as server:
        yield server
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def _logs_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands would log to the test's captured stream, which is closed when the test is over."""
    monkeypatch.setattr("control.__main__.configure_logs", lambda level: None)


@pytest.fixture
def backed_up(
    monkeypatch: pytest.MonkeyPatch, fresh_database_url: str, postgres: Postgres, new_server: Postgres, tmp_path: Path
) -> BackedUp:
    """The settings in the environment, and the programs on the PATH."""
    monkeypatch.setenv("PATH", f"{postgres.programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("VOCALIZED_DATABASE_URL", fresh_database_url)
    monkeypatch.setenv("VOCALIZED_BACKUP_URL", (tmp_path / "backups").as_uri())
    monkeypatch.setenv("VOCALIZED_BACKUP_KEYS", BACKUP_KEY)
    monkeypatch.setenv("VOCALIZED_SECRET_KEYS", SECRET_KEY)
    monkeypatch.setenv("VOCALIZED_RESTORE_URL", superuser_url(new_server))
    return BackedUp(fresh_database_url, tmp_path / "backups", asyncio.run(_fill(fresh_database_url)))


def superuser_url(server: Postgres) -> str:
    """The server's own database, as its superuser."""
    return f"postgresql://postgres@/postgres?host={quote(str(server.sockets))}"


async def _fill(url: str) -> UUID:
    """A row in every table of workspaces, and a provider with a sealed key; returns the call."""
    workspace, agent = UUID(new_id()), UUID(new_id())
    db = await asyncpg.connect(url)
    try:
        await db.execute(
            "INSERT INTO tiers (tier_name, display_name, monthly_fee, included_minutes, price_per_minute, max_agents, "
            "max_members, max_phone_numbers, max_concurrent_calls) VALUES ('t', 'T', 0, 0, 0, 1, 1, 1, 1)"
        )
        await db.execute("INSERT INTO integration_types (type, name, auth_type) VALUES ('t', 'T', 'oauth2')")
        await db.execute(
            "INSERT INTO workspaces (id, name, status, tier_name) VALUES ($1, 'W', 'trial', 't')", workspace
        )
        await db.execute("INSERT INTO agents (id, workspace_id, name) VALUES ($1, $2, 'A')", agent, workspace)
        await db.execute(
            "INSERT INTO users (id, email, password_hash, name) VALUES ($1, 'a@example.com', 'h', 'N')", agent
        )
        await db.execute(
            "INSERT INTO workspace_members (workspace_id, user_id, role) VALUES ($1, $2, 'owner')", workspace, agent
        )
        for statement in filter(None, ROWS.values()):
            await db.execute(statement, workspace, agent)
        await db.execute("UPDATE calls SET caller_number = $1", CALLER)
        said = msgspec.json.encode(CallerSaid(turn=1, text="Hello.", start_ms=0, end_ms=500)).decode()
        await db.execute("UPDATE call_events SET event_type = 'caller.said', event_data = $1", said)
        sealed = seal_key(Sealer(parse_keys(SECRET_KEY)), _PROVIDER_KEY)
        await db.execute(
            "INSERT INTO providers (provider, display_name, kinds, api_key) VALUES ('p', 'P', '{llm}', $1)", sealed
        )
    finally:
        await db.close()
    return agent  # ROWS gives the call the agent's id
