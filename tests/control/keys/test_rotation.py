"""`python -m control keys` on a real database."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.__main__ import main
from control.db.pool import open_pool
from control.db.seal_renewal import SealedColumn, TooManyLost, reseal_column
from control.keys.revocations import load_revocations
from control.keys.sealed_columns import SEALED_COLUMNS
from shared.bus.authority import BusAuthority
from shared.bus.enrollment import NodeIdentity, NodeKey, parse_node_credential
from shared.bus.stream_credentials import ForgedEntry
from shared.secrets import Sealer, new_key, parse_keys

OLD, NEW, LOST = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32
PROVIDERS = SealedColumn("providers", "api_key", "provider key")
URL = "wss://media-1.example.com"
# Sealed, but gone before an old key is removed; or not sealed.
_NOT_RESEALED = {
    "admin_recovery_codes.code_hash", "api_key_secrets.hash", "audit_sealed_rows.hash", "audit_seals.mac",
    "audit_seals.previous", "audit_seals.root", "failed_sign_ins.address_hash", "former_users.identity",
    "idempotency_keys.answer", "idempotency_keys.request_hash", "invitations.token_hash", "letter_counts.recipient",
    "oauth_states.confirmation_hash", "oauth_states.credentials", "oauth_states.state_hash", "oauth_states.verifier",
    "one_time_tokens.token_hash", "pgqueuer.payload", "phone_codes.code", "refresh_tokens.token_hash",
    "session_keys.proof_hash", "sign_in_failures.address_hash", "sign_in_failures.subject", "sso_flows.client_hash",
    "sso_flows.sealed", "sso_flows.state_hash", "tool_runs.outcome", "user_recovery_codes.code_hash",
}  # fmt: skip


@pytest.fixture(autouse=True)
def logs_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command sets up would hold for all tests of this process."""
    monkeypatch.setattr("control.__main__.configure_logs", lambda level: None)


def test_every_sealed_column_is_sealed_anew() -> None:
    """A new column of bytes has to be put into one of the two lists."""
    schema = (Path(__file__).parents[3] / "control" / "db" / "schema.sql").read_text()
    tables = re.findall(r"^CREATE TABLE public\.(\w+) \((.*?)^\)", schema, re.MULTILINE | re.DOTALL)
    columns = {table: re.findall(r"^ +(\w+) bytea", body, re.MULTILINE) for table, body in tables}
    found = {f"{table}.{column}" for table, names in columns.items() for column in names}
    assert found - _NOT_RESEALED == {
        f"{sealed_column.table}.{sealed_column.column}" for sealed_column in SEALED_COLUMNS
    }


async def seal_providers(url: str, sealer: Sealer, count: int) -> None:
    async with open_pool(url, size=1, role="owner") as owners, owners.acquire() as owner:
        await owner.execute("DELETE FROM providers")
        rows = [(f"p{number}", sealer.seal(f"key-{number}".encode(), "provider key")) for number in range(count)]
        await owner.executemany("INSERT INTO providers (provider, api_key) VALUES ($1, $2)", rows)


async def opened(url: str, sealer: Sealer) -> list[bytes]:
    async with open_pool(url, size=1, role="owner") as owners, owners.acquire() as owner:
        rows = await owner.fetch("SELECT api_key FROM providers ORDER BY length(provider), provider")
        return [sealer.open(row["api_key"], "provider key") for row in rows]


async def test_values_are_sealed_anew_in_batches_and_a_run_goes_on_where_one_ended(database_url: str) -> None:
    await seal_providers(database_url, Sealer([OLD]), 7)
    rotating, told = Sealer([NEW, OLD]), []
    async with open_pool(database_url, size=1) as pool:
        async for progress in reseal_column(pool, rotating, PROVIDERS, batch=3, pause_s=0):
            told.append((progress.resealed, progress.left))
            break  # interrupted
        async for progress in reseal_column(pool, rotating, PROVIDERS, batch=3, pause_s=0):
            told.append((progress.resealed, progress.left))
    assert told == [(3, 4), (3, 1), (4, 0), (4, 0)]
    assert await opened(database_url, Sealer([NEW])) == [f"key-{number}".encode() for number in range(7)]


async def test_values_that_no_key_opens_are_told_and_stay(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await seal_providers(database_url, Sealer([LOST]), 3)
    async with open_pool(database_url, size=1) as pool:
        found = [one async for one in reseal_column(pool, Sealer([NEW, OLD]), PROVIDERS, batch=2, pause_s=0)]
        assert (found[-1].resealed, found[-1].lost, found[-1].left) == (0, 3, 0)
        monkeypatch.setattr("control.db.seal_renewal.MOST_LOST", 1)
        with pytest.raises(TooManyLost):
            [one async for one in reseal_column(pool, Sealer([NEW]), PROVIDERS, batch=2, pause_s=0)]
    assert len(await opened(database_url, Sealer([LOST]))) == 3


async def test_the_command_tells_that_the_list_of_keys_is_likely_wrong(
    keys: dict[str, str], database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await seal_providers(database_url, Sealer([LOST]), 3)
    monkeypatch.setattr("control.db.seal_renewal.MOST_LOST", 1)
    assert await in_thread(["keys", "rotate", "--pause", "0"]) == 1
    assert "providers.api_key: no key opens 3 values" in capsys.readouterr().err


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def keys(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    sets = {f"VOCALIZED_{name}_KEYS": new_key() for name in ("TOKEN", "VAULT", "BUS")}
    for name, value in (sets | {"VOCALIZED_DATABASE_URL": database_url}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("VOCALIZED_SECRET_KEYS", raising=False)
    yield sets


def test_rotate_says_how_much_is_left(
    keys: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["keys", "rotate", "--pause", "0"]) in (0, 1)
    out = capsys.readouterr().out
    assert all(f"{sealed_column.table}.{sealed_column.column}: " in out for sealed_column in SEALED_COLUMNS)
    monkeypatch.setenv("VOCALIZED_VAULT_KEYS", "")
    assert main(["keys", "rotate"]) == 2
    assert "VOCALIZED_VAULT_KEYS: at least one key is required" in capsys.readouterr().err


async def test_a_revoked_pass_is_known_to_running_programs(keys: dict[str, str], database_url: str) -> None:
    authority = BusAuthority(parse_keys(keys["VOCALIZED_BUS_KEYS"]))
    stolen = NodeIdentity(NodeKey(), authority.enrollment.make_credential(URL))
    assert authority.enrollment.find_peer(stolen.card)
    async with open_pool(database_url, size=1) as pool:
        await load_revocations(pool, authority)
        assert authority.enrollment.find_peer(stolen.card)
        assert await in_thread(["keys", "revoke", URL]) == 0
        await load_revocations(pool, authority)
    with pytest.raises(ForgedEntry, match="revoked"):
        authority.enrollment.find_peer(stolen.card)


def test_what_needs_no_database_asks_for_none(
    keys: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Making keys and node credentials needs neither a database nor its password."""
    monkeypatch.delenv("VOCALIZED_DATABASE_URL")
    assert main(["keys", "new"]) == main(["keys", "media-pass", URL]) == 0
    for action in (["rotate"], ["revoke", URL]):
        assert main(["keys", *action]) == 2
        assert f"VOCALIZED_DATABASE_URL: required by `keys {action[0]}`" in capsys.readouterr().err


async def in_thread(arguments: list[str]) -> int:
    """The command, which has an event loop of its own."""
    return await asyncio.to_thread(main, arguments)


def test_the_bus_keys_make_a_node_credential(keys: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "media-pass", f"{URL}/"]) == 0
    node_credential = parse_node_credential(capsys.readouterr().out)
    assert node_credential.url == URL
    authority = BusAuthority(parse_keys(keys["VOCALIZED_BUS_KEYS"]))
    assert authority.enrollment.find_peer(NodeIdentity(NodeKey(), node_credential).card).is_at(URL)
    assert main(["keys", "new"]) == 0
    assert len(parse_keys(capsys.readouterr().out.strip())) == 1
    with pytest.raises(SystemExit):
        main(["keys", "media-pass", "https://x"])


async def test_the_api_cannot_revoke_or_forgive(database_url: str) -> None:
    """The programs' role only reads the list."""
    async with open_pool(database_url, size=1) as pool:
        for statement in ("DELETE FROM revoked_media_passes", "INSERT INTO revoked_media_passes VALUES ('x', now())"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with pool.transaction() as db:
                    await db.execute(statement)
