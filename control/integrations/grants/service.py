"""Vendor grants: OAuth flows started by members, token refresh, and revocation.

A redirect from the vendor arrives in a browser without a session, so anyone with a state can complete the flow. An
attacker could start a flow and have another person grant access (RFC 6749, section 10.12; RFC 9700, section 4.7). The
grant is therefore stored sealed and separate until the member who started the flow confirms it with a code. Only the
browser that was redirected receives this code. An unconfirmed grant is deleted without revocation, because at vendors
such as Google a revocation would end all grants of the account.

Only one refresh per grant runs at a time. The refresh locks the grant's row, reads it again, and takes a lease; other
processes wait for the stored token. Within a process, all callers share the refresh, so that waiting callers hold no
database connections. A lease lasts longer than the longest exchange with the vendor, so only a dead or stalled process
loses its lease. If a stalled process continues, it can replace only the version of the credentials that it read; later
credentials stay.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import msgspec
import structlog

from control.db.errors import COLLISIONS
from control.db.jobs import JobFailed, decode_payload, enqueue
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform, enter_workspace
from control.db.transaction import in_transaction
from control.http.auth.tokens import new_token, token_hash
from control.integrations.grants import queries
from control.integrations.grants.oauth import (
    ClientRefused,
    GrantRefused,
    OAuthClientAccount,
    OAuthRequests,
    make_authorize_url,
    new_verifier,
)
from control.integrations.grants.queries import OAuthState, SealedGrant
from control.integrations.grants.rules import (
    CREDENTIALS_UNREADABLE,
    GRANT_REFUSED,
    VERIFIER_PURPOSE,
    GrantPolicy,
    ObtainedGrant,
    StateSigner,
    StoredGrant,
    VendorCredentials,
    open_credentials,
    open_pending,
    seal_credentials,
    seal_pending,
)
from control.integrations.types import queries as types_queries
from control.integrations.types.rules import open_client_secret, parse_type_config
from control.integrations.vendor_http import VendorUnreachable
from shared.errors import Conflict, NotFound, Unavailable
from shared.ids import new_id
from shared.secrets import Sealer, UnsealError

log = structlog.get_logger()


class TypeAccounts:
    """The platform's OAuth client accounts at the vendors.

    Args:
        public_url: Public address of this API, used for redirects.
    """

    def __init__(self, sealer: Sealer, public_url: str) -> None:
        self.sealer = sealer
        self._public_url = public_url.rstrip("/")

    async def get(self, db: Connection, integration_type: str) -> OAuthClientAccount:
        """Return the account. Raises Conflict (code type_not_ready) if the type has no OAuth config or no client id."""
        found = await types_queries.select_type(db, integration_type)
        config = None if found is None else parse_type_config(found.config, found.auth_type).oauth
        if config is None or not config.client_id:
            raise Conflict("The platform has no client id at this vendor yet.", code="type_not_ready")
        secret = open_client_secret(self.sealer, await types_queries.select_secret(db, integration_type))
        return OAuthClientAccount(config, self.redirect_uri(integration_type), secret)

    def redirect_uri(self, integration_type: str) -> str:
        """Return the redirect address, which must be registered at the vendor."""
        return f"{self._public_url}/integrations/oauth/callback/{integration_type}"


# -- Obtaining grants: OAuth flows --

# Reasons why a flow failed, for the page that the browser is redirected to.
STATE_INVALID: Final = "state_invalid"
ACCESS_DENIED: Final = "access_denied"
VENDOR_REFUSED: Final = "vendor_refused"
VENDOR_AWAY: Final = "vendor_away"
INTEGRATION_REMOVED: Final = "integration_removed"


@dataclass(frozen=True, slots=True)
class RedirectParameters:
    """The parameters of the vendor's redirect (RFC 6749, section 4.1.2)."""

    state: str = field(repr=False)
    code: str = field(repr=False)
    error: str


@dataclass(frozen=True, slots=True)
class TakenFlow:
    """A flow whose redirect has arrived, with the data for exchanging the code."""

    state: OAuthState
    client: OAuthClientAccount
    code: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FlowOutcome:
    """The outcome of a flow.

    Attributes:
        error: Empty if access was granted. Then `confirmation` contains the code.
        state: None if the redirect does not belong to a known flow.
    """

    error: str = ""
    state: OAuthState | None = None
    confirmation: str = field(default="", repr=False)


class OAuthFlows:
    """Begins, takes and confirms the OAuth flows of members."""

    def __init__(self, accounts: TypeAccounts, requests: OAuthRequests, policy: GrantPolicy) -> None:
        self._accounts, self._requests, self._policy = accounts, requests, policy
        self._signer = StateSigner(accounts.sealer)

    async def begin(
        self, db: Connection, workspace_id: UUID, integration_id: UUID, integration_type: str, user_id: UUID,
        now: datetime,
    ) -> str:  # fmt: skip
        """Start a flow and return the vendor's address where the member grants access.

        Raises Conflict (code type_not_ready).
        """
        client = await self._accounts.get(db, integration_type)
        state, verifier = self._signer.new(integration_type), new_verifier()
        sealed = self._accounts.sealer.seal(verifier.encode(), VERIFIER_PURPOSE)
        flow = OAuthState(UUID(new_id()), workspace_id, integration_id, user_id, integration_type, sealed)
        await queries.insert_state(db, flow, state.hash, now + timedelta(seconds=self._policy.state_s))
        return make_authorize_url(client, state.text, verifier)

    async def take(
        self, db: Connection, integration_type: str, redirect: RedirectParameters, now: datetime
    ) -> TakenFlow | FlowOutcome:
        """Consume the state of a redirect, whether it reports success or an error. Requires platform scope."""
        state_hash = self._signer.check(redirect.state, integration_type)
        state = None if state_hash is None else await queries.take_state(db, state_hash, now)
        if state is None or state.integration_type != integration_type:
            return FlowOutcome(STATE_INVALID)
        if redirect.error or not redirect.code:
            return FlowOutcome(ACCESS_DENIED if redirect.error == "access_denied" else VENDOR_REFUSED, state)
        try:
            verifier = self._accounts.sealer.open(state.verifier, VERIFIER_PURPOSE).decode()
            client = await self._accounts.get(db, integration_type)
        except UnsealError:  # the settings no longer contain the sealing key
            return FlowOutcome(STATE_INVALID, state)
        except Conflict:  # staff removed the client id during the flow
            return FlowOutcome(VENDOR_REFUSED, state)
        return TakenFlow(state, client, redirect.code, verifier)

    async def exchange(self, flow: TakenFlow, now: datetime) -> ObtainedGrant | FlowOutcome:
        """Exchange the code for tokens at the vendor. Call this method without a database connection."""
        owner = str(flow.state.workspace_id)
        try:
            grant = await self._requests.exchange_code(flow.client, flow.code, flow.verifier, now, owner)
        except (GrantRefused, ClientRefused):
            return FlowOutcome(VENDOR_REFUSED, flow.state)
        except VendorUnreachable:
            return FlowOutcome(VENDOR_AWAY, flow.state)
        return await self._with_account(flow, grant)

    async def keep(self, db: Connection, flow: TakenFlow, grant: ObtainedGrant, now: datetime) -> FlowOutcome:
        """Store a grant until it is confirmed. Requires platform scope."""
        confirmation = new_token()
        sealed = seal_pending(self._accounts.sealer, grant)
        kept = await queries.store_pending(db, flow.state.id, confirmation.hash, sealed, now, self._policy.confirm_s)
        if not kept:
            return FlowOutcome(INTEGRATION_REMOVED, flow.state)
        return FlowOutcome(state=flow.state, confirmation=confirmation.text)

    async def confirm(self, db: Connection, confirmation: str, user_id: UUID, now: datetime) -> OAuthState:
        """Store a confirmed grant as the grant of its connection.

        Raises NotFound (code confirmation_not_found), also if another user started the flow.
        """
        state = await queries.take_confirmed(db, token_hash(confirmation), user_id, now)
        grant = None if state is None else open_pending(self._accounts.sealer, state.credentials or b"")
        stored = None
        if state is not None:
            stored = await queries.select_grant(db, state.workspace_id, state.integration_id, lock=True)
        if state is None or grant is None or stored is None:
            raise NotFound("No grant can be confirmed with this code.", code="confirmation_not_found")
        await queries.store_grant(
            db, state.workspace_id, state.integration_id, stored.version, self._sealed(grant, now)
        )
        return state

    async def _with_account(self, flow: TakenFlow, grant: ObtainedGrant) -> ObtainedGrant:
        """Return the grant with the name of its account. Failures are ignored, because the name is only informative."""
        try:
            account = await self._requests.find_account(
                flow.client.config, grant.credentials.access_token, str(flow.state.workspace_id)
            )
        except VendorUnreachable:
            account = None
        return ObtainedGrant(grant.credentials, grant.expires_at, grant.scopes, grant.fields, account)

    def _sealed(self, grant: ObtainedGrant, now: datetime) -> SealedGrant:
        sealed = seal_credentials(self._accounts.sealer, grant.credentials)
        return SealedGrant(sealed, grant.expires_at, grant.scopes, grant.fields, grant.account, connected_at=now)


# -- Using grants: access tokens with a shared refresh --

T = TypeVar("T")
# Attempts to store a new grant. Losing it would be fatal if the vendor has invalidated the previous refresh token.
_STORE_TRIES: Final = 5
_STORE_WAIT_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class RefreshFlight:
    """A running refresh: the lease and the grant that is refreshed."""

    lease_id: UUID
    grant: StoredGrant
    credentials: VendorCredentials = field(repr=False)
    client: OAuthClientAccount


class Connections:
    """Implements GrantedAccess. Use one instance per process, because callers of an instance share running refreshes.

    Args:
        pool: Database pool. Each method opens its own transactions.
    """

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
        """See GrantedAccess."""
        grant = await self._read(workspace_id, lambda db: self._require(db, workspace_id, integration_id))
        credentials = self._open(grant)
        if not self._is_due(grant, credentials, refused):
            return credentials.access_token
        flight = self._flights.get(integration_id)
        if flight is None:
            flight = asyncio.create_task(self._refresh(workspace_id, integration_id, refused))
            self._flights[integration_id] = flight
            flight.add_done_callback(lambda done: self._land(integration_id, done))
        # A caller is canceled when its call ends. This must not cancel the refresh for other callers.
        return await asyncio.shield(flight)

    async def close(self) -> None:
        """Wait for running refreshes, then cancel those that remain.

        Waiting matters if the vendor rotates refresh tokens: a canceled refresh loses the new token, and the old token
        is no longer valid.
        """
        if self._flights:
            await asyncio.wait(list(self._flights.values()), timeout=self._policy.lease_s)

    def _land(self, integration_id: UUID, flight: asyncio.Task[str]) -> None:
        self._flights.pop(integration_id, None)
        if not flight.cancelled():
            flight.exception()  # retrieve the exception, because all callers may have been canceled

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
                raise Unavailable("Another process is refreshing this connection. Try again.", code="vendor_away")
            await asyncio.sleep(self._policy.poll_s)

    async def _claim(
        self, db: Connection, workspace_id: UUID, integration_id: UUID, refused: str
    ) -> str | RefreshFlight | None:
        """Return the token if it was refreshed meanwhile, or start a refresh. Locks the row.

        Returns None while another process refreshes the token.
        """
        grant = await self._require(db, workspace_id, integration_id, lock=True)
        credentials = self._open(grant)
        if not self._is_due(grant, credentials, refused):
            return credentials.access_token
        if grant.lease_until is not None:
            return None
        client = await self._accounts.get(db, grant.integration_type)
        lease_id = UUID(new_id())
        await queries.take_lease(db, workspace_id, integration_id, lease_id, self._policy.lease_s)
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
        """Store the new grant before a request uses it. Return whether it replaced the previous grant."""
        grant, sealed = flight.grant, seal_credentials(self._accounts.sealer, obtained.credentials)
        new = SealedGrant(sealed, obtained.expires_at, obtained.scopes, obtained.fields)

        async def store(db: Connection) -> bool:
            return await queries.store_grant(db, grant.workspace_id, grant.integration_id, grant.version, new)

        for attempt in range(1, _STORE_TRIES):
            try:
                return await self._read(grant.workspace_id, store)
            except (Unavailable, asyncpg.PostgresError, OSError, TimeoutError, *COLLISIONS) as error:
                log.warning("grant.store_failed", error=type(error).__name__, attempt=attempt)
                await asyncio.sleep(_STORE_WAIT_S * 2**attempt)
        return await self._read(grant.workspace_id, store)

    async def _fail(self, flight: RefreshFlight) -> str:
        """Set the connection's status to error after a refused refresh token, unless a newer grant was stored
        meanwhile.
        """
        grant = flight.grant
        failed = await self._read(
            grant.workspace_id,
            lambda db: queries.fail_grant(db, grant.workspace_id, grant.integration_id, grant.version, GRANT_REFUSED),
        )
        if failed:
            log.warning("grant.refused", integration_type=grant.integration_type)
        newest = await self._read(
            grant.workspace_id, lambda db: self._require(db, grant.workspace_id, grant.integration_id)
        )
        return self._open(newest).access_token

    async def _give_up(self, flight: RefreshFlight, error: Exception) -> str:
        """Return the old token while it is valid. The grant may still be intact if only the vendor is unavailable."""
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
            lambda db: queries.release_lease(db, grant.workspace_id, grant.integration_id, flight.lease_id),
        )

    async def _require(
        self, db: Connection, workspace_id: UUID, integration_id: UUID, *, lock: bool = False
    ) -> StoredGrant:
        grant = await queries.select_grant(db, workspace_id, integration_id, lock=lock)
        if grant is None:
            raise NotFound("There is no such integration.", code="integration_not_found")
        return grant

    def _open(self, grant: StoredGrant) -> VendorCredentials:
        """Unseal the credentials. Raises Conflict (code integration_not_connected)."""
        credentials = open_credentials(self._accounts.sealer, grant.sealed)
        if grant.status != "connected" or credentials is None:
            reason = CREDENTIALS_UNREADABLE if grant.status == "connected" else grant.status
            raise Conflict(f"This integration is not connected ({reason}).", code="integration_not_connected")
        return credentials

    def _is_due(self, grant: StoredGrant, credentials: VendorCredentials, refused: str) -> bool:
        """Return whether the token is due for a refresh and has a refresh token."""
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

        return await in_transaction(self._pool, within)


# -- Revoking grants: a job --

REVOKE_GRANT: Final = "integrations.revoke_grant"


class RevokeGrantJob(msgspec.Struct, frozen=True):
    """Payload of the job that revokes a grant.

    Attributes:
        sealed: The sealed credentials.
        account: Name of the account at the vendor. None if the vendor did not report it.
    """

    integration_type: str
    workspace_id: UUID
    sealed: bytes
    account: str | None


async def enqueue_revocation(db: Connection, grant: StoredGrant, account: str | None) -> None:
    """Enqueue the revocation of a grant, if there is a grant. Call it in the transaction that removes the grant."""
    if grant.sealed is not None:
        job = RevokeGrantJob(grant.integration_type, grant.workspace_id, grant.sealed, account)
        await enqueue(db, REVOKE_GRANT, msgspec.json.encode(job))


async def enqueue_workspace_revocations(db: Connection, workspace_id: UUID) -> None:
    """Enqueue the revocation of all grants of a workspace before it is purged. Requires platform scope."""
    for grant, account in await queries.select_workspace_grants(db, workspace_id):
        await enqueue_revocation(db, grant, account)


class GrantRevocation:
    """Handles the job `integrations.revoke_grant`.

    Args:
        pool: Database pool. Each method opens its own transactions.
    """

    def __init__(self, pool: Pool, accounts: TypeAccounts, requests: OAuthRequests) -> None:
        self._pool, self._accounts, self._requests = pool, accounts, requests

    async def run(self, payload: bytes) -> None:
        """Revoke a grant.

        Raises JobFailed. The failure is permanent if the vendor refuses or the credentials cannot be unsealed.
        """
        job = decode_payload(payload, RevokeGrantJob)
        credentials = open_credentials(self._accounts.sealer, job.sealed)
        if credentials is None:
            raise JobFailed("credentials cannot be unsealed", is_permanent=True)
        try:
            client = await in_transaction(self._pool, lambda db: self._client(db, job))
            if client is None:
                log.info("grant.revocation_skipped", integration_type=job.integration_type)
                return
            await self._requests.revoke(client, credentials, str(job.workspace_id))
        except Unavailable:
            raise JobFailed("database unavailable") from None
        except VendorUnreachable as error:
            raise JobFailed(str(error)) from None
        except (ClientRefused, Conflict) as error:
            raise JobFailed(str(error), is_permanent=True) from None

    async def _client(self, db: Connection, job: RevokeGrantJob) -> OAuthClientAccount | None:
        """Return the OAuth client, or None if another connection has a grant of this account.

        At vendors such as Google, revoking one token ends all grants of the account.
        """
        await enter_platform(db)
        if job.account is not None and await queries.has_account(db, job.integration_type, job.account):
            return None
        return await self._accounts.get(db, job.integration_type)
