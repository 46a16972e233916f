"""OAuth flows of members: begun at the API, granted at the vendor, and confirmed by the member who began.

The vendor's redirect comes with a browser that has no sign-in here, so whoever holds a state can complete the flow: an
attacker could begin one and have somebody else grant it (RFC 6749, 10.12; RFC 9700, 4.7). So what the redirect brings
is kept apart, sealed, until the one who began confirms it with a code that only the browser of the redirect got. What
is not confirmed is deleted and not revoked: at vendors such as Google that would end all grants of that account.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.accounts.tokens import new_token, token_hash
from control.db.pool import Connection
from control.integrations import store_grants, store_states
from control.integrations.credentials import (
    ObtainedGrant,
    open_pending,
    seal_credentials,
    seal_pending,
)
from control.integrations.model import VERIFIER_PURPOSE, GrantPolicy
from control.integrations.oauth import (
    ClientRefused,
    GrantRefused,
    OAuthClientAccount,
    OAuthRequests,
    make_authorize_url,
    new_verifier,
)
from control.integrations.states import StateSigner
from control.integrations.store_grants import SealedGrant
from control.integrations.store_states import OAuthState
from control.integrations.type_accounts import TypeAccounts
from control.integrations.vendor_http import VendorUnreachable
from shared.errors import Conflict, NotFound
from shared.ids import new_id
from shared.secrets import UnsealError

# Why a flow failed, for the page that the redirect leads to.
STATE_INVALID: Final = "state_invalid"
ACCESS_DENIED: Final = "access_denied"
VENDOR_REFUSED: Final = "vendor_refused"
VENDOR_AWAY: Final = "vendor_away"
INTEGRATION_REMOVED: Final = "integration_removed"


@dataclass(frozen=True, slots=True)
class RedirectParameters:
    """What the vendor's redirect has (RFC 6749, 4.1.2)."""

    state: str = field(repr=False)
    code: str = field(repr=False)
    error: str


@dataclass(frozen=True, slots=True)
class TakenFlow:
    """A flow whose redirect came, with what the exchange of the code needs."""

    state: OAuthState
    client: OAuthClientAccount
    code: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FlowOutcome:
    """What became of a flow. error: empty if access was granted; then `confirmation` has the code. state: None where
    the redirect belongs to no flow."""

    error: str = ""
    state: OAuthState | None = None
    confirmation: str = field(default="", repr=False)


class OAuthFlows:
    """The flows of all workspaces."""

    def __init__(self, accounts: TypeAccounts, requests: OAuthRequests, policy: GrantPolicy) -> None:
        self._accounts, self._requests, self._policy = accounts, requests, policy
        self._signer = StateSigner(accounts.sealer)

    async def begin(
        self, db: Connection, workspace_id: UUID, integration_id: UUID, integration_type: str, user_id: UUID,
        now: datetime,
    ) -> str:  # fmt: skip
        """The address at the vendor where the member grants access. Raises Conflict (code type_not_ready)."""
        client = await self._accounts.get(db, integration_type)
        state, verifier = self._signer.new(integration_type), new_verifier()
        sealed = self._accounts.sealer.seal(verifier.encode(), VERIFIER_PURPOSE)
        flow = OAuthState(UUID(new_id()), workspace_id, integration_id, user_id, integration_type, sealed)
        await store_states.insert_state(db, flow, state.hash, now + timedelta(seconds=self._policy.state_s))
        return make_authorize_url(client, state.text, verifier)

    async def take(
        self, db: Connection, integration_type: str, redirect: RedirectParameters, now: datetime
    ) -> TakenFlow | FlowOutcome:
        """Uses the state up, whatever the redirect says. In platform scope."""
        state_hash = self._signer.check(redirect.state, integration_type)
        state = None if state_hash is None else await store_states.take_state(db, state_hash, now)
        if state is None or state.integration_type != integration_type:
            return FlowOutcome(STATE_INVALID)
        if redirect.error or not redirect.code:
            return FlowOutcome(ACCESS_DENIED if redirect.error == "access_denied" else VENDOR_REFUSED, state)
        try:
            verifier = self._accounts.sealer.open(state.verifier, VERIFIER_PURPOSE).decode()
            client = await self._accounts.get(db, integration_type)
        except UnsealError:  # its key was taken out of the settings meanwhile
            return FlowOutcome(STATE_INVALID, state)
        except Conflict:  # the staff took the client id away meanwhile
            return FlowOutcome(VENDOR_REFUSED, state)
        return TakenFlow(state, client, redirect.code, verifier)

    async def exchange(self, flow: TakenFlow, now: datetime) -> ObtainedGrant | FlowOutcome:
        """Asks the vendor for the tokens, without a connection to the database."""
        owner = str(flow.state.workspace_id)
        try:
            grant = await self._requests.exchange_code(flow.client, flow.code, flow.verifier, now, owner)
        except (GrantRefused, ClientRefused):
            return FlowOutcome(VENDOR_REFUSED, flow.state)
        except VendorUnreachable:
            return FlowOutcome(VENDOR_AWAY, flow.state)
        return await self._with_account(flow, grant)

    async def keep(self, db: Connection, flow: TakenFlow, grant: ObtainedGrant, now: datetime) -> FlowOutcome:
        """Keeps a grant until it is confirmed. In platform scope."""
        confirmation = new_token()
        sealed = seal_pending(self._accounts.sealer, grant)
        kept = await store_states.store_pending(
            db, flow.state.id, confirmation.hash, sealed, now, self._policy.confirm_s
        )
        if not kept:
            return FlowOutcome(INTEGRATION_REMOVED, flow.state)
        return FlowOutcome(state=flow.state, confirmation=confirmation.text)

    async def confirm(self, db: Connection, confirmation: str, user_id: UUID, now: datetime) -> OAuthState:
        """Makes the grant the connection's. Raises NotFound (code confirmation_not_found), also for another user than
        the one who began."""
        state = await store_states.take_confirmed(db, token_hash(confirmation), user_id, now)
        grant = None if state is None else open_pending(self._accounts.sealer, state.credentials or b"")
        stored = None
        if state is not None:
            stored = await store_grants.select_grant(db, state.workspace_id, state.integration_id, lock=True)
        if state is None or grant is None or stored is None:
            raise NotFound("There is nothing that you could confirm with this code.", code="confirmation_not_found")
        await store_grants.store_grant(
            db, state.workspace_id, state.integration_id, stored.version, self._sealed(grant, now)
        )
        return state

    async def _with_account(self, flow: TakenFlow, grant: ObtainedGrant) -> ObtainedGrant:
        """The account's name is a help for people, so nothing fails without it."""
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
