"""Refreshing grants at a real authorization server, from two processes' worth of connections at once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from control.db.pool import Pool, open_pool
from control.db.scope import enter_platform
from control.integrations.grants import queries as grants_queries
from control.integrations.grants.oauth import OAuthRequests
from control.integrations.grants.queries import SealedGrant
from control.integrations.grants.rules import GrantPolicy, VendorCredentials, open_credentials, seal_credentials
from control.integrations.grants.service import REVOKE_GRANT, Connections, TypeAccounts, enqueue_workspace_revocations
from control.integrations.types.rules import seal_client_secret
from control.integrations.vendor_http import VendorHttp
from shared.egress import EgressGuard
from shared.errors import Conflict, NotFound, Unavailable
from shared.ids import new_id
from shared.secrets import Sealer
from tests.control.integrations.authorization_server import CLIENT_SECRET, AuthorizationServer, running_server
from tests.platform.services import KEY

SEALER = Sealer([KEY])
# Short, so that no test waits; each is far above what the step takes.
POLICY = GrantPolicy(lease_s=20, wait_s=20, poll_s=0.01)


@dataclass(frozen=True, slots=True)
class StoredConnection:
    """A connection in the database, and the ways to it. pool: with the role of the programs. owner: of the tests."""

    pool: Pool
    owner: Pool
    server: AuthorizationServer
    workspace_id: UUID
    integration_id: UUID

    def connections(self, policy: GrantPolicy = POLICY, timeout_s: float = 5.0) -> Connections:
        """Those of one more process."""
        http = VendorHttp(EgressGuard(["127.0.0.0/8"]), timeout_s)
        return Connections(self.pool, TypeAccounts(SEALER, "https://api.example.com"), OAuthRequests(http), policy)

    async def token(self, connections: Connections, refused: str = "") -> str:
        return await connections.access_token(self.workspace_id, self.integration_id, refused=refused)

    async def read(self) -> tuple[str, str | None, VendorCredentials]:
        """Status, error and credentials as stored."""
        async with self.owner.acquire() as db:
            row = await db.fetchrow(
                "SELECT status, error, credentials FROM integrations WHERE id = $1", self.integration_id
            )
        credentials = open_credentials(SEALER, row["credentials"])
        assert credentials is not None
        return row["status"], row["error"], credentials

    async def set_expiry(self, seconds: float) -> None:
        async with self.owner.acquire() as db:
            await db.execute(
                "UPDATE integrations SET credentials_expire_at = $2 WHERE id = $1",
                self.integration_id,
                datetime.now(UTC) + timedelta(seconds=seconds),
            )


@pytest.fixture
async def server() -> AsyncIterator[AuthorizationServer]:
    async with running_server() as running:
        yield running


@pytest.fixture
async def stored(database_url: str, server: AuthorizationServer) -> AsyncIterator[StoredConnection]:
    """A connection whose access token has expired."""
    workspace_id, integration_id, name = UUID(new_id()), UUID(new_id()), f"t{new_id()[-12:]}"
    server.refresh_tokens.add("first-refresh-token")
    config = server.type_config()
    del config["oauth"]["client_secret"]
    sealed = seal_credentials(SEALER, VendorCredentials("first-access-token", "first-refresh-token"))
    async with open_pool(database_url, size=4) as pool, open_pool(database_url, size=1, role="owner") as owner:
        async with owner.acquire() as db:
            await db.execute(
                "INSERT INTO tiers (tier_name, display_name, monthly_fee, included_minutes, price_per_minute, "
                "max_agents, max_members, max_phone_numbers, max_concurrent_calls) "
                "VALUES ('t', 'T', 0, 0, 0, 1, 1, 1, 1) ON CONFLICT DO NOTHING"
            )
            await db.execute(
                "INSERT INTO workspaces (id, name, status, tier_name) VALUES ($1, 'W', 'trial', 't')", workspace_id
            )
            await db.execute(
                "INSERT INTO integration_types (type, name, auth_type, config, secrets) "
                "VALUES ($1, 'T', 'oauth2', $2, $3)",
                name, config, seal_client_secret(SEALER, CLIENT_SECRET),
            )  # fmt: skip
            await db.execute(
                "INSERT INTO integrations (id, workspace_id, integration_type, name, status, credentials, "
                "credentials_expire_at, grant_version) VALUES ($1, $2, $3, 'I', 'connected', $4, now(), 1)",
                integration_id, workspace_id, name, sealed,
            )  # fmt: skip
        yield StoredConnection(pool, owner, server, workspace_id, integration_id)


async def test_fifty_calls_at_once_in_two_processes_need_one_refresh(stored: StoredConnection) -> None:
    processes = [stored.connections(), stored.connections()]
    tokens = await asyncio.gather(*(stored.token(processes[number % 2]) for number in range(50)))
    assert stored.server.requests == {"refresh_token": 1}
    assert len(set(tokens)) == 1 and tokens[0] in stored.server.access_tokens
    status, error, credentials = await stored.read()
    assert (status, error, credentials.access_token) == ("connected", None, tokens[0])


async def test_rotated_refresh_token_is_stored_and_used_next(stored: StoredConnection) -> None:
    connections = stored.connections()
    first = await stored.token(connections)
    assert (await stored.read())[2].refresh_token in stored.server.refresh_tokens - {"first-refresh-token"}
    await stored.set_expiry(0)
    second = await stored.token(connections)
    assert first != second and stored.server.requests == {"refresh_token": 2}


async def test_refresh_token_stays_where_the_vendor_sends_no_other_one(stored: StoredConnection) -> None:
    stored.server.rotates = False
    await stored.token(stored.connections())
    assert (await stored.read())[2].refresh_token == "first-refresh-token"


async def test_token_without_a_lifetime_is_refreshed_after_an_hour(stored: StoredConnection) -> None:
    stored.server.garbage = b'{"access_token": "session"}'  # as Salesforce answers
    connections = stored.connections()
    assert [await stored.token(connections) for _ in range(2)] == ["session", "session"]
    assert stored.server.requests == {"refresh_token": 1}
    async with stored.owner.acquire() as db:
        expires_at = await db.fetchval(
            "SELECT credentials_expire_at FROM integrations WHERE id = $1", stored.integration_id
        )
    assert timedelta(minutes=59) < expires_at - datetime.now(UTC) <= timedelta(minutes=60)


@pytest.mark.parametrize(
    "more",
    [
        b'"expires_in": 1' + b"0" * 400, b'"scope": "a\\u0000b"', b'"scope": "\\ud800"', b'"region": "\\u0000"',
        b'"region": "\\ud800"', b'"expires_in": "soon"', b'"expires_in": NaN',
    ],
)  # fmt: skip
async def test_token_is_kept_whatever_else_the_vendor_answers(stored: StoredConnection, more: bytes) -> None:
    async with stored.owner.acquire() as db:
        await db.execute(
            "UPDATE integration_types SET config = jsonb_set(config, '{oauth,config_fields}', '[\"region\"]') "
            "WHERE type = (SELECT integration_type FROM integrations WHERE id = $1)",
            stored.integration_id,
        )
    stored.server.garbage = b'{"access_token": "next", "refresh_token": "rotated", ' + more + b"}"
    assert await stored.token(stored.connections()) == "next"
    assert (await stored.read())[2].refresh_token == "rotated"


async def test_grants_of_a_workspace_that_is_purged_are_revoked(stored: StoredConnection) -> None:
    async with stored.owner.acquire() as db:
        await db.execute("DELETE FROM pgqueuer WHERE entrypoint = $1", REVOKE_GRANT)
    async with stored.pool.transaction() as db:
        await enter_platform(db)
        await enqueue_workspace_revocations(db, stored.workspace_id)
    async with stored.owner.acquire() as db:
        (job,) = await db.fetch("DELETE FROM pgqueuer WHERE entrypoint = $1 RETURNING payload", REVOKE_GRANT)
    assert msgspec.json.decode(job["payload"])["workspace_id"] == str(stored.workspace_id)


async def test_valid_token_is_used_without_the_vendor_unless_it_was_refused(stored: StoredConnection) -> None:
    await stored.set_expiry(600)
    connections = stored.connections()
    assert await stored.token(connections) == "first-access-token" and not stored.server.requests
    renewed = await stored.token(connections, refused="first-access-token")
    assert renewed in stored.server.access_tokens
    assert await stored.token(connections, refused="first-access-token") == renewed  # somebody renewed it already
    assert stored.server.requests == {"refresh_token": 1}


async def test_refused_grant_fails_the_connection_and_keeps_the_tokens(stored: StoredConnection) -> None:
    stored.server.refresh_tokens.clear()
    connections = stored.connections()
    for _ in range(2):
        with pytest.raises(Conflict) as caught:
            await stored.token(connections)
        assert caught.value.code == "integration_not_connected"
    status, error, credentials = await stored.read()
    assert (status, error) == ("error", "grant_refused")
    assert credentials == VendorCredentials("first-access-token", "first-refresh-token")
    assert stored.server.requests == {"refresh_token": 1}, "a refused grant was tried again"


async def test_refresh_slower_than_its_lease_loses_nothing(stored: StoredConnection) -> None:
    """The vendor has rotated the token, but its answer comes after the lease ended: the second flight is refused,
    because it sends the token that was replaced; what the first one stores later counts."""
    stored.server.open.clear()
    slow = asyncio.create_task(stored.token(stored.connections(GrantPolicy(lease_s=0.001, wait_s=20))))
    assert await asyncio.wait_for(stored.server.answered.get(), 10) == 200
    quick = asyncio.create_task(stored.token(stored.connections()))
    assert await asyncio.wait_for(stored.server.answered.get(), 10) == 400
    stored.server.open.set()
    outcomes = await asyncio.gather(slow, quick, return_exceptions=True)
    assert outcomes[0] in stored.server.access_tokens
    assert outcomes[1] == outcomes[0] or isinstance(outcomes[1], Conflict)
    status, error, credentials = await stored.read()
    assert (status, error, credentials.access_token) == ("connected", None, outcomes[0])
    assert credentials.refresh_token in stored.server.refresh_tokens


async def test_later_flight_is_not_overwritten_by_a_slower_one(stored: StoredConnection) -> None:
    stored.server.rotates = False
    stored.server.open.clear()
    slow = asyncio.create_task(stored.token(stored.connections(GrantPolicy(lease_s=0.001, wait_s=20))))
    assert await asyncio.wait_for(stored.server.answered.get(), 10) == 200
    async with stored.owner.acquire() as db:  # as another flight stores it
        sealed = seal_credentials(SEALER, VendorCredentials("newest", "first-refresh-token"))
        await db.execute(
            "UPDATE integrations SET credentials = $2, grant_version = grant_version + 1 WHERE id = $1",
            stored.integration_id, sealed,
        )  # fmt: skip
    stored.server.open.set()
    assert await slow == "newest"
    assert (await stored.read())[2].access_token == "newest"


async def test_waiter_of_a_dead_process_takes_over_when_its_lease_ends(stored: StoredConnection) -> None:
    async with stored.owner.acquire() as db:
        await db.execute(
            "UPDATE integrations SET refresh_lease = $2, refresh_lease_until = now() + interval '0.2 s' WHERE id = $1",
            stored.integration_id, UUID(new_id()),
        )  # fmt: skip
    assert await stored.token(stored.connections()) in stored.server.access_tokens


async def test_wait_for_another_process_is_bounded(stored: StoredConnection) -> None:
    async with stored.owner.acquire() as db:
        await db.execute(
            "UPDATE integrations SET refresh_lease = $2, refresh_lease_until = now() + interval '1 h' WHERE id = $1",
            stored.integration_id, UUID(new_id()),
        )  # fmt: skip
    with pytest.raises(Unavailable):
        await stored.token(stored.connections(GrantPolicy(lease_s=0.05, wait_s=0.05, poll_s=0.01)))
    assert not stored.server.requests


async def test_caller_who_is_gone_leaves_the_flight_to_the_others(stored: StoredConnection) -> None:
    stored.server.open.clear()
    connections = stored.connections()
    first, second = (asyncio.create_task(stored.token(connections)) for _ in range(2))
    assert await asyncio.wait_for(stored.server.answered.get(), 10) == 200
    first.cancel()
    stored.server.open.set()
    assert await second in stored.server.access_tokens and stored.server.requests == {"refresh_token": 1}


async def test_process_that_ends_stores_what_it_has_just_been_granted(stored: StoredConnection) -> None:
    stored.server.open.clear()
    connections = stored.connections()
    caller = asyncio.create_task(stored.token(connections))
    assert await asyncio.wait_for(stored.server.answered.get(), 10) == 200
    caller.cancel()
    stored.server.open.set()
    await connections.close()
    assert (await stored.read())[2].refresh_token in stored.server.refresh_tokens - {"first-refresh-token"}
    await connections.close()


@pytest.mark.parametrize("garbage", [None, b"<html>", b'{"access_token": 7}', b'{"access_token": "' + b"x" * 2_000_000])
async def test_vendor_in_trouble_fails_the_call_and_not_the_connection(
    stored: StoredConnection, garbage: bytes | None
) -> None:
    stored.server.is_down, stored.server.garbage = garbage is None, garbage
    connections = stored.connections()
    with pytest.raises(Unavailable) as caught:
        await stored.token(connections)
    assert caught.value.code == "vendor_away" and "token" not in caught.value.message.replace("access_token", "")
    assert (await stored.read())[0] == "connected"
    async with stored.owner.acquire() as db:
        lease = "SELECT refresh_lease FROM integrations WHERE id = $1"
        assert await db.fetchval(lease, stored.integration_id) is None
    stored.server.is_down, stored.server.garbage = False, None
    assert await stored.token(connections) in stored.server.access_tokens


async def test_token_that_is_still_valid_is_used_while_the_vendor_is_down(stored: StoredConnection) -> None:
    await stored.set_expiry(30)
    stored.server.is_down = True
    assert await stored.token(stored.connections()) == "first-access-token"
    assert stored.server.requests == {"refresh_token": 1}


async def test_vendor_that_does_not_answer_is_given_up(stored: StoredConnection) -> None:
    stored.server.open.clear()
    with pytest.raises(Unavailable, match=r"has not answered within 0\.2 s"):
        await stored.token(stored.connections(timeout_s=0.2))


async def test_connection_of_another_workspace_is_not_found(stored: StoredConnection) -> None:
    with pytest.raises(NotFound):
        await stored.connections().access_token(UUID(new_id()), stored.integration_id)


async def test_unsealable_credentials_are_a_connection_to_make_again(stored: StoredConnection) -> None:
    async with stored.owner.acquire() as db:
        await db.execute("UPDATE integrations SET credentials = 'x' WHERE id = $1", stored.integration_id)
    with pytest.raises(Conflict, match="credentials_unreadable"):
        await stored.token(stored.connections())


async def test_account_of_a_new_grant_replaces_the_one_before_also_where_it_is_not_told(
    stored: StoredConnection,
) -> None:
    owner = (stored.workspace_id, stored.integration_id)
    async with stored.owner.acquire() as db:
        await db.execute("UPDATE integrations SET account = 'first@example.com' WHERE id = $1", stored.integration_id)
    found = []
    for version, connected_at in ((1, None), (2, datetime.now(UTC))):
        async with stored.pool.transaction() as db:
            await enter_platform(db)
            await grants_queries.store_grant(db, *owner, version, SealedGrant(b"", None, connected_at=connected_at))
            found.append(await db.fetchval("SELECT account FROM integrations WHERE id = $1", stored.integration_id))
    assert found == ["first@example.com", None]
