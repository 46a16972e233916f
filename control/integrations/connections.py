"""Access tokens of connections, refreshed by one flight per grant.

A flight takes a lease on the grant's row, under the row's lock and after reading it again; the others wait for what it
stores. Calls within a process share the flight, so that waiting takes no connections. A lease is longer than the
longest exchange with the vendor, so that only a process that died or stood still loses its own; should one do so, only
the credentials that both flights began from can be replaced, and what was stored later stays.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import structlog

from control.db.errors import COLLISIONS
from control.db.pool import Connection, Pool
from control.db.scope import enter_workspace
from control.db.transaction import in_transaction
from control.integrations import store_grants
from control.integrations.credentials import ObtainedGrant, VendorCredentials, open_credentials, seal_credentials
from control.integrations.model import CREDENTIALS_UNREADABLE, GRANT_REFUSED, GrantPolicy, StoredGrant
from control.integrations.oauth import ClientRefused, GrantRefused, OAuthClientAccount, OAuthRequests
from control.integrations.store_grants import SealedGrant
from control.integrations.type_accounts import TypeAccounts
from control.integrations.vendor_http import VendorUnreachable
from shared.errors import Conflict, NotFound, Unavailable
from shared.ids import new_id

T = TypeVar("T")
# Tries to store what the vendor has just granted: where it rotates refresh tokens, no other one is valid any more.
_STORE_TRIES: Final = 5
_STORE_WAIT_S: Final = 0.2

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RefreshFlight:
    """A lease with what it is for."""

    lease_id: UUID
    grant: StoredGrant
    credentials: VendorCredentials = field(repr=False)
    client: OAuthClientAccount


class Connections:
    """Implements GrantedAccess. One instance per process shares its flights. pool: of transactions of its own."""

    def __init__(
        self,
        pool: Pool,
        accounts: TypeAccounts,
        requests: OAuthRequests,
        policy: GrantPolicy,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool, self._accounts, self._requests, self._policy = pool, accounts, requests, policy
        self._clock = clock
        self._flights: dict[UUID, asyncio.Task[str]] = {}

    async def access_token(self, workspace_id: UUID, integration_id: UUID, *, refused: str = "") -> str:
        """As GrantedAccess. refused: a token that the vendor has just refused, which is refreshed although it seems
        valid."""
        grant = await self._read(workspace_id, lambda db: self._require(db, workspace_id, integration_id))
        credentials = self._open(grant)
        if not self._is_due(grant, credentials, refused):
            return credentials.access_token
        flight = self._flights.get(integration_id)
        if flight is None:
            flight = asyncio.create_task(self._refresh(workspace_id, integration_id, refused))
            self._flights[integration_id] = flight
            flight.add_done_callback(lambda done: self._land(integration_id, done))
        # A caller that is cancelled, because its call ended, leaves the flight to the others.
        return await asyncio.shield(flight)

    async def close(self) -> None:
        """Waits for the flights, before the loop ends and cancels them: where the vendor rotates refresh tokens, the
        old one is gone by then, and the new one is not stored yet."""
        if self._flights:
            await asyncio.wait(list(self._flights.values()), timeout=self._policy.lease_s)

    def _land(self, integration_id: UUID, flight: asyncio.Task[str]) -> None:
        self._flights.pop(integration_id, None)
        if not flight.cancelled():
            flight.exception()  # read, because each of its callers may have been cancelled

    async def _refresh(self, workspace_id: UUID, integration_id: UUID, refused: str) -> str:
        deadline = asyncio.get_running_loop().time() + self._policy.wait_s
        while True:
            found = await self._read(workspace_id, lambda db: self._claim(db, workspace_id, integration_id, refused))
            match found:
                case str():
                    return found
                case RefreshFlight():
                    return await self._fly(found)
            if asyncio.get_running_loop().time() >= deadline:
                raise Unavailable("Somebody else refreshes this connection; try again.", code="vendor_away")
            await asyncio.sleep(self._policy.poll_s)

    async def _claim(
        self, db: Connection, workspace_id: UUID, integration_id: UUID, refused: str
    ) -> str | RefreshFlight | None:
        """Under the row's lock: the token if it was refreshed meanwhile, a flight, or None while another one flies."""
        grant = await self._require(db, workspace_id, integration_id, lock=True)
        credentials = self._open(grant)
        if not self._is_due(grant, credentials, refused):
            return credentials.access_token
        if grant.lease_until is not None:
            return None
        client = await self._accounts.get(db, grant.integration_type)
        lease_id = UUID(new_id())
        await store_grants.take_lease(db, workspace_id, integration_id, lease_id, self._policy.lease_s)
        return RefreshFlight(lease_id, grant, credentials, client)

    async def _fly(self, flight: RefreshFlight) -> str:
        grant = flight.grant
        try:
            obtained = await self._requests.refresh(
                flight.client, flight.credentials.refresh_token, self._clock(), str(grant.workspace_id)
            )
        except GrantRefused:
            return await self._fail(flight)
        except (ClientRefused, VendorUnreachable) as error:
            return await self._give_up(flight, error)
        except BaseException:
            await asyncio.shield(self._release(flight))
            raise
        stored = await self._store(flight, obtained)
        log.info("grant.refreshed", integration_type=grant.integration_type, replaced=stored)
        if stored:
            return obtained.credentials.access_token
        newest = await self._read(
            grant.workspace_id, lambda db: self._require(db, grant.workspace_id, grant.integration_id)
        )
        return self._open(newest).access_token

    async def _store(self, flight: RefreshFlight, obtained: ObtainedGrant) -> bool:
        """Before anybody uses it."""
        grant, sealed = flight.grant, seal_credentials(self._accounts.sealer, obtained.credentials)
        new = SealedGrant(sealed, obtained.expires_at, obtained.scopes, obtained.fields)

        async def store(db: Connection) -> bool:
            return await store_grants.store_grant(db, grant.workspace_id, grant.integration_id, grant.version, new)

        for attempt in range(1, _STORE_TRIES):
            try:
                return await self._read(grant.workspace_id, store)
            except (Unavailable, asyncpg.PostgresError, OSError, TimeoutError, *COLLISIONS) as error:
                log.warning("grant.store_failed", error=type(error).__name__, attempt=attempt)
                await asyncio.sleep(_STORE_WAIT_S * 2**attempt)
        return await self._read(grant.workspace_id, store)

    async def _fail(self, flight: RefreshFlight) -> str:
        """The vendor refuses the refresh token. Unless somebody stored a newer one meanwhile, the connection failed."""
        grant = flight.grant
        failed = await self._read(
            grant.workspace_id,
            lambda db: store_grants.fail_grant(
                db, grant.workspace_id, grant.integration_id, grant.version, GRANT_REFUSED
            ),
        )
        if failed:
            log.warning("grant.refused", integration_type=grant.integration_type)
        newest = await self._read(
            grant.workspace_id, lambda db: self._require(db, grant.workspace_id, grant.integration_id)
        )
        return self._open(newest).access_token

    async def _give_up(self, flight: RefreshFlight, error: Exception) -> str:
        """The grant may be fine, the vendor is not: the old token is used for as long as it is valid."""
        await self._release(flight)
        log.warning("grant.refresh_failed", integration_type=flight.grant.integration_type, error=str(error))
        expires_at = flight.grant.expires_at
        if expires_at is not None and expires_at > self._clock():
            return flight.credentials.access_token
        raise Unavailable(f"The connection cannot be refreshed: {error}.", code="vendor_away") from None

    async def _release(self, flight: RefreshFlight) -> None:
        grant = flight.grant
        await self._read(
            grant.workspace_id,
            lambda db: store_grants.release_lease(db, grant.workspace_id, grant.integration_id, flight.lease_id),
        )

    async def _require(
        self, db: Connection, workspace_id: UUID, integration_id: UUID, *, lock: bool = False
    ) -> StoredGrant:
        grant = await store_grants.select_grant(db, workspace_id, integration_id, lock=lock)
        if grant is None:
            raise NotFound("There is no such integration.", code="integration_not_found")
        return grant

    def _open(self, grant: StoredGrant) -> VendorCredentials:
        """Raises Conflict (code integration_not_connected)."""
        credentials = open_credentials(self._accounts.sealer, grant.sealed)
        if grant.status != "connected" or credentials is None:
            reason = CREDENTIALS_UNREADABLE if grant.status == "connected" else grant.status
            raise Conflict(f"This integration is not connected ({reason}).", code="integration_not_connected")
        return credentials

    def _is_due(self, grant: StoredGrant, credentials: VendorCredentials, refused: str) -> bool:
        """Whether the token has to be refreshed, and can be."""
        if not credentials.refresh_token:
            return False
        if refused:
            return credentials.access_token == refused
        soon = self._clock() + timedelta(seconds=self._policy.early_s)
        return grant.expires_at is not None and grant.expires_at <= soon

    async def _read(self, workspace_id: UUID, work: Callable[[Connection], Awaitable[T]]) -> T:
        async def within(db: Connection) -> T:
            await enter_workspace(db, workspace_id)
            return await work(db)

        return await in_transaction(self._pool, within, lambda: None)
