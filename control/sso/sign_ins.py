"""Sign-in at a workspace's provider: begun by a mail address, completed by what the browser comes back with.

Between the two, `state` connects the browser, `nonce` the ID token, and the PKCE verifier the code to this sign-in; the
flow token connects all of it to the client that began, so that nobody is signed in by a link of somebody else's.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import structlog

from control.accounts.addresses import normal_address
from control.accounts.letter_names import letter_name
from control.accounts.model import User
from control.accounts.service import Accounts, SignInResult
from control.accounts.sessions import Origin
from control.accounts.tokens import new_token, token_hash
from control.db.pool import Connection
from control.db.scope import enter_platform
from control.platform.audit import Actor, Change, record_change
from control.sso import store
from control.sso.model import FLOW_PURPOSE, SECRET_PURPOSE, SsoConnection, SsoPerson, SsoPolicy
from control.sso.openid import (
    ClientAccount,
    NewSignIn,
    OpenIdClient,
    ProviderRefused,
    SignInRefused,
    make_authorize_url,
)
from control.workspaces.service import Workspaces
from shared.errors import Forbidden, Invalid, NotFound, Unauthorised, Unavailable
from shared.secrets import Sealer, UnsealError

_LONGEST_NAME = 200
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BegunSignIn:
    """authorize_url: where the person signs in. flow_token: for the client that completes the sign-in."""

    connection: SsoConnection
    authorize_url: str = field(repr=False)
    flow_token: str = field(repr=False)
    new: NewSignIn


@dataclass(frozen=True, slots=True)
class ReturnedBrowser:
    """What a browser came back with. workspace_id: of the page that it came to. issuer: if it was sent (RFC 9207)."""

    workspace_id: UUID
    state: str = field(repr=False)
    code: str = field(repr=False)
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class ReturnedSignIn:
    """A sign-in whose browser came back, and which is used up. secrets: of its beginning."""

    connection: SsoConnection
    code: str = field(repr=False)
    secrets: NewSignIn


class SsoSignIns:
    """callback: the page that providers send browsers to; each workspace's has a path of its own below it.

    So a code never comes back as another provider's (mix-up, RFC 9700, 4.4): a provider that leads a person on to
    another workspace's gets no further than that one's page, which knows nothing of the sign-in.
    """

    def __init__(
        self,
        *,
        workspaces: Workspaces,
        accounts: Accounts,
        sealer: Sealer,
        openid: OpenIdClient,
        policy: SsoPolicy,
        callback: str,
    ) -> None:
        self._workspaces = workspaces
        self._accounts = accounts
        self._sealer = sealer
        self._openid = openid
        self._policy = policy
        self._callback = callback

    def redirect_uri(self, workspace_id: UUID) -> str:
        """Where the workspace's provider sends the browser."""
        return f"{self._callback}/{workspace_id}"

    async def find(self, db: Connection, email: str) -> SsoConnection:
        """Of the workspace that has proven the address's domain; enters platform scope. Raises NotFound."""
        await enter_platform(db)
        connection = await store.find_by_domain(db, email.rpartition("@")[2])
        if connection is None:
            raise NotFound("Nobody signs in with such an address by single sign-on.", code="sso_not_found")
        return connection

    async def begin(self, connection: SsoConnection, email: str) -> BegunSignIn:
        """Asks the provider where to sign in, without a connection to the database. Raises Unavailable
        (provider_away)."""
        try:
            metadata = await self._openid.discover(connection.issuer, str(connection.workspace_id))
        except ProviderRefused as refused:
            raise _provider_away(connection, refused) from None
        new = NewSignIn()
        url = make_authorize_url(metadata, self._account(connection, ""), new, email)
        return BegunSignIn(connection, url, new_token().text, new)

    async def store(self, db: Connection, begun: BegunSignIn, now: datetime) -> None:
        """Stores what a browser's return is checked against, and deletes a few that expired; enters platform scope."""
        await enter_platform(db)
        await store.delete_expired_flows(db)
        sealed = self._sealer.seal(msgspec.json.encode([begun.new.nonce, begun.new.verifier]), FLOW_PURPOSE)
        expires_at = now + timedelta(seconds=self._policy.flow_s)
        state, client = token_hash(begun.new.state), token_hash(begun.flow_token)
        await store.insert_flow(db, state, begun.connection.workspace_id, client, sealed, expires_at)

    async def use(self, db: Connection, browser: ReturnedBrowser, flow_token: str, now: datetime) -> ReturnedSignIn:
        """Uses a begun sign-in up; enters platform scope. Raises Unauthorised (sso_over), Invalid (issuer_mismatch)."""
        await enter_platform(db)
        used = await store.use_flow(db, token_hash(browser.state), token_hash(flow_token), now)
        connection = await store.find_connection(db, used[0]) if used else None
        if used is None or connection is None:
            raise Unauthorised("This sign-in was completed before, or began too long ago.", code="sso_over")
        if browser.workspace_id != connection.workspace_id:
            raise _mismatch("callback_id")
        if browser.issuer is not None and browser.issuer != connection.issuer:
            raise _mismatch("iss")
        try:
            nonce, verifier = msgspec.json.decode(self._sealer.open(used[1], FLOW_PURPOSE), type=tuple[str, str])
        except UnsealError:
            raise Unauthorised("This sign-in began too long ago.", code="sso_over") from None
        return ReturnedSignIn(connection, browser.code, NewSignIn(browser.state, nonce, verifier))

    async def identify(self, returned: ReturnedSignIn) -> SsoPerson:
        """Asks the provider who signed in, without a connection to the database. Raises Unauthorised (sso_refused),
        Unavailable (provider_away)."""
        connection = returned.connection
        owner = str(connection.workspace_id)
        try:
            secret = self._sealer.open(connection.client_secret, SECRET_PURPOSE).decode()
            metadata = await self._openid.discover(connection.issuer, owner)
            account = self._account(connection, secret)
            return await self._openid.complete(metadata, account, returned.code, returned.secrets, owner)
        except SignInRefused as refused:
            log.warning("sso.sign_in_refused", workspace_id=owner, reason=str(refused))
            raise Unauthorised(f"The sign-in is not valid: {refused}.", code="sso_refused") from None
        except (ProviderRefused, UnsealError) as refused:
            raise _provider_away(connection, refused) from None

    async def complete(
        self, db: Connection, connection: SsoConnection, person: SsoPerson, origin: Origin, now: datetime
    ) -> SignInResult:
        """Finds or makes the person's account, makes them a member, and starts a session; enters the user's scope.
        Raises Forbidden (sso_domain, sso_other_person, account_deactivated), Conflict (member_limit), Unauthorised
        (sso_over: the connection was changed meanwhile)."""
        await enter_platform(db)
        workspace_id = connection.workspace_id
        known = await store.find_connection(db, workspace_id)
        if known is None or (known.issuer, known.client_id) != (connection.issuer, connection.client_id):
            raise Unauthorised("The workspace's single sign-on was changed at this moment.", code="sso_over")
        user = await self._find_user(db, known, person, now)
        actor = Actor("user", user.id, user.email, origin.request_id, origin.address)
        await store.insert_identity(db, workspace_id, person.subject, user.id, now)
        await self._workspaces.admit(db, actor, workspace_id, known.default_role, now)
        await record_change(db, actor, Change("user.sso_sign_in", "user", str(user.id), workspace_id))
        return await self._accounts.sign_in_by_sso(db, user.id, workspace_id, origin, now)

    async def _find_user(self, db: Connection, connection: SsoConnection, person: SsoPerson, now: datetime) -> User:
        """By the provider's subject, else by the address, else a new account. The address must be of a proven domain in
        each case: a provider speaks for nobody else."""
        linked = await store.find_identity(db, connection.workspace_id, person.subject)
        user = await self._accounts.find(db, linked) if linked else None
        email = user.email if user else _address(person.email)
        if not await store.lock_verified(db, connection.workspace_id, email.rpartition("@")[2]):
            raise Forbidden("The workspace has not proven the domain of this address.", code="sso_domain")
        user = user or await self._accounts.find_by_email(db, email)
        if user is None:
            name = letter_name(person.name)[:_LONGEST_NAME].strip() or email.partition("@")[0]
            password = secrets.token_urlsafe(32)  # nobody knows it; "forgot password" sets one
            return await self._accounts.create_user(db, email, name, password, verified=True, now=now)
        if not linked:
            await self._require_unknown(db, connection, user)
        if not user.is_verified:  # whoever made the account has not shown that the address is theirs
            await self._accounts.take_over(db, user.id, now)
        await self._accounts.email_links.mark_verified(db, user.id, email, now)
        return user

    async def _require_unknown(self, db: Connection, connection: SsoConnection, user: User) -> None:
        """Providers give an address to somebody else one day, who must not get the account of the person before."""
        workspace_id = connection.workspace_id
        is_known = await store.has_identity(db, workspace_id, user.id)
        if is_known and await self._workspaces.is_member(db, workspace_id, user.id):
            raise Forbidden(
                "A member of the workspace with this address is known to its provider as somebody else; an owner "
                "removes that member first.",
                code="sso_other_person",
            )

    def _account(self, connection: SsoConnection, secret: str) -> ClientAccount:
        return ClientAccount(connection.client_id, secret, self.redirect_uri(connection.workspace_id))


def _mismatch(param: str) -> Invalid:
    """The sign-in stays used up."""
    return Invalid("The browser comes from another provider.", param=param, code="issuer_mismatch", commits=True)


def _address(text: str) -> str:
    try:
        return normal_address(text)
    except ValueError:
        raise Forbidden("The provider tells an address that is none.", code="sso_domain") from None


def _provider_away(connection: SsoConnection, error: Exception) -> Unavailable:
    log.warning("sso.provider_refused", workspace_id=str(connection.workspace_id), error=type(error).__name__)
    return Unavailable("The workspace's provider does not answer as it should; try again later.", code="provider_away")
