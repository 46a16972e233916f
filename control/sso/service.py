"""Single sign-on: owners configure a workspace's provider and domains, and members sign in at the provider."""

import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import structlog

from control.accounts.rules import User, normal_address
from control.accounts.users.service import Accounts, SignInResult
from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.db.scope import enter_platform
from control.http.auth.tokens import new_token, token_hash
from control.http.context import RequestOrigin
from control.http.names import letter_name
from control.integrations.vendor_http import VendorHttp
from control.sso import queries
from control.sso.domain_proofs import PREFIX, DomainProofs, LookupFailed
from control.sso.openid import (
    ClientAccount,
    NewSignIn,
    OpenIdClient,
    ProviderRefused,
    SignInRefused,
    make_authorize_url,
)
from control.sso.rules import FLOW_PURPOSE, SECRET_PURPOSE, DefaultRole, SsoConnection, SsoDomain, SsoPerson, SsoPolicy
from control.workspaces.service import Workspaces
from shared.egress import EgressGuard
from shared.egress_addresses import HostInvalid, parse_host
from shared.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized, Unavailable
from shared.ids import new_id
from shared.secrets import Sealer, UnsealError

log = structlog.get_logger()
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class SsoChange:
    """The settings of a connection that an owner submits.

    Attributes:
        client_secret: None keeps the current secret.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    default_role: DefaultRole
    is_enforced: bool


class SsoSettings:
    """Manages a workspace's provider and domains for its owners. The audit log records each change, without secrets."""

    def __init__(
        self,
        *,
        workspaces: Workspaces,
        accounts: Accounts,
        sealer: Sealer,
        openid: OpenIdClient,
        proofs: DomainProofs,
    ) -> None:
        self._workspaces = workspaces
        self._accounts = accounts
        self._sealer = sealer
        self._openid = openid
        self._proofs = proofs

    async def find(self, db: Connection, workspace_id: UUID) -> SsoConnection | None:
        """Return the workspace's connection, or None."""
        return await queries.find_connection(db, workspace_id)

    async def check_issuer(self, issuer: str, workspace_id: UUID) -> None:
        """Check that the provider's metadata can be used.

        Holds no database connection. Raises Invalid (issuer_refused).
        """
        try:
            await self._openid.discover(issuer, str(workspace_id))
        except ProviderRefused as refused:
            raise Invalid(f"This provider cannot be used: {refused}.", param="issuer", code="issuer_refused") from None

    async def save(
        self, db: Connection, actor: Actor, workspace_id: UUID, change: SsoChange, now: datetime
    ) -> SsoConnection:
        """Store the connection.

        A new issuer or client identifies other people, so everyone whom the previous connection signed in is signed out
        and unlinked.

        Raises Conflict (workspace_suspended; domain_unproven if single sign-on is to be enforced without a proven
        domain) and Invalid (client_secret_missing).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        before = await queries.find_connection(db, workspace_id)
        is_other = before is None or (before.issuer, before.client_id) != (change.issuer, change.client_id)
        if change.client_secret is None and is_other:
            raise Invalid("The client secret is required.", param="client_secret", code="client_secret_missing")
        if change.is_enforced and not await queries.has_verified(db, workspace_id):
            raise Conflict("Prove a domain first: nobody could sign in.", code="domain_unproven")
        if before is not None and is_other:
            await self._forget_people(db, workspace_id, now)
        connection = self._make(before, workspace_id, change, now)
        await queries.upsert_connection(db, connection)
        await _record(db, actor, "sso.update", workspace_id, before, connection)
        return connection

    async def remove(self, db: Connection, actor: Actor, workspace_id: UUID, now: datetime) -> None:
        """Remove the connection and sign out everyone whom it signed in. Domains stay. Raises NotFound."""
        before = await queries.find_connection(db, workspace_id)
        if before is None or not await queries.delete_connection(db, workspace_id):
            raise NotFound("This workspace has no single sign-on.", code="sso_not_found")
        await self._forget_people(db, workspace_id, now)
        await _record(db, actor, "sso.remove", workspace_id, before, None)

    async def list_domains(self, db: Connection, workspace_id: UUID) -> list[SsoDomain]:
        """Return the workspace's domains in alphabetical order."""
        return await queries.select_domains(db, workspace_id)

    async def add_domain(
        self, db: Connection, actor: Actor, workspace_id: UUID, domain: str, now: datetime
    ) -> SsoDomain:
        """Add a domain that must still be proven.

        Raises Invalid (domain_invalid) and Conflict (domain_exists, domain_limit, workspace_suspended).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        new = SsoDomain(
            id=UUID(new_id()),
            workspace_id=workspace_id,
            domain=_normal_domain(domain),
            proof=PREFIX + secrets.token_urlsafe(32),
            created_at=now,
            verified_at=None,
        )
        if len(await queries.select_domains(db, workspace_id)) >= queries.MOST_DOMAINS:
            raise Conflict(f"A workspace can have at most {queries.MOST_DOMAINS} domains.", code="domain_limit")
        if not await queries.insert_domain(db, new):
            raise Conflict("The workspace already has this domain.", param="domain", code="domain_exists")
        await _record_domain(db, actor, "sso.domain_add", new)
        return new

    async def get_domain(self, db: Connection, workspace_id: UUID, domain_id: UUID) -> SsoDomain:
        """Return a domain of the workspace. Raises NotFound."""
        found = await queries.find_domain(db, workspace_id, domain_id)
        if found is None:
            raise NotFound("This workspace does not have this domain.", code="sso_domain_not_found")
        return found

    async def look_up_proof(self, domain: SsoDomain) -> None:
        """Query DNS for the domain's proof.

        Holds no database connection. Raises Conflict (proof_missing, proof_unavailable).
        """
        try:
            is_proven = await self._proofs.has_record(domain.domain, domain.proof)
        except LookupFailed as failed:
            raise Conflict(f"The record cannot be read: {failed}.", code="proof_unavailable") from None
        if not is_proven:
            raise Conflict(
                "The TXT record does not exist yet. A new record may take a while to become visible.",
                code="proof_missing",
            )

    async def save_proof(self, db: Connection, actor: Actor, domain: SsoDomain, now: datetime) -> SsoDomain:
        """Mark the domain as proven. Raises NotFound and Conflict (domain_taken)."""
        known = await self.get_domain(db, domain.workspace_id, domain.id)
        if known.verified_at is not None:
            return known
        if not await queries.set_verified(db, known.workspace_id, known.id, now):
            raise Conflict("Another workspace has proven this domain.", code="domain_taken")
        await _record_domain(db, actor, "sso.domain_prove", known)
        return replace(known, verified_at=now)

    async def remove_domain(
        self, db: Connection, actor: Actor, workspace_id: UUID, domain_id: UUID, now: datetime
    ) -> None:
        """Remove a domain. Users with its addresses are signed out and use their password again. Raises NotFound."""
        known = await self.get_domain(db, workspace_id, domain_id)
        await queries.delete_domain(db, workspace_id, domain_id)
        people = await queries.select_people(db, workspace_id, known.domain)
        await self._accounts.end_sso_sessions(db, people, workspace_id, "domain of single sign-on removed", now)
        await _record_domain(db, actor, "sso.domain_remove", known)

    def _make(
        self, before: SsoConnection | None, workspace_id: UUID, change: SsoChange, now: datetime
    ) -> SsoConnection:
        if change.client_secret is not None:
            sealed = self._sealer.seal(change.client_secret.encode(), SECRET_PURPOSE)
        else:
            assert before is not None  # `save` checks this case.
            sealed = before.client_secret
        return SsoConnection(
            workspace_id=workspace_id,
            issuer=change.issuer,
            client_id=change.client_id,
            client_secret=sealed,
            default_role=change.default_role,
            is_enforced=change.is_enforced,
            created_at=before.created_at if before else now,
            updated_at=now,
        )

    async def _forget_people(self, db: Connection, workspace_id: UUID, now: datetime) -> None:
        people = await queries.delete_identities(db, workspace_id)
        await self._accounts.end_sso_sessions(db, people, workspace_id, "single sign-on changed", now)


def _normal_domain(text: str) -> str:
    """Return the domain in ASCII and lower case, like the domains of stored addresses. Raises Invalid."""
    try:
        host = parse_host(text.strip().rstrip(".").lower())
    except HostInvalid:
        host = None
    if not isinstance(host, str) or "." not in host:
        raise Invalid("This is not a domain name like example.com.", param="domain", code="domain_invalid")
    return host


async def _record(
    db: Connection,
    actor: Actor,
    action: str,
    workspace_id: UUID,
    before: SsoConnection | None,
    after: SsoConnection | None,
) -> None:
    old, new = (None if connection is None else _audit_values(connection) for connection in (before, after))
    await record_change(db, actor, Change(action, "sso", str(workspace_id), workspace_id, before=old, after=new))


async def _record_domain(db: Connection, actor: Actor, action: str, domain: SsoDomain) -> None:
    change = Change(action, "sso_domain", str(domain.id), domain.workspace_id, after={"domain": domain.domain})
    await record_change(db, actor, change)


def _audit_values(connection: SsoConnection) -> dict[str, object]:
    names = ("issuer", "client_id", "default_role", "is_enforced")
    return {name: getattr(connection, name) for name in names}


@dataclass(frozen=True, slots=True)
class BegunSignIn:
    """A sign-in that has begun.

    Attributes:
        authorize_url: Address at which the person signs in.
        flow_token: Token for the client that completes the sign-in.
    """

    connection: SsoConnection
    authorize_url: str = field(repr=False)
    flow_token: str = field(repr=False)
    new: NewSignIn


@dataclass(frozen=True, slots=True)
class ReturnedBrowser:
    """The parameters with which a browser returned from the provider.

    Attributes:
        workspace_id: The workspace whose page the browser returned to.
        issuer: The provider's issuer, if it was sent (RFC 9207).
    """

    workspace_id: UUID
    state: str = field(repr=False)
    code: str = field(repr=False)
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class ReturnedSignIn:
    """A sign-in that its browser returned for, and that cannot be used again.

    Attributes:
        secrets: The secrets that were created when the sign-in began.
    """

    connection: SsoConnection
    code: str = field(repr=False)
    secrets: NewSignIn


class SsoSignIns:
    """Sign-ins at a workspace's provider. A sign-in begins with an e-mail address and ends with the browser's return.

    `state` binds the browser to this sign-in, `nonce` binds the ID token, and the PKCE verifier binds the code. The
    flow token binds all of them to the client that began the sign-in, so that a link from another person signs nobody
    in.

    Providers redirect browsers to `callback`, where each workspace has its own path. A code therefore never returns as
    the code of another provider (mix-up attack, RFC 9700, section 4.4): if a provider redirects a person to the
    provider of another workspace, the browser ends at the page of that workspace, which has no matching sign-in.
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
        """Return the address to which the workspace's provider redirects the browser."""
        return f"{self._callback}/{workspace_id}"

    async def find(self, db: Connection, email: str) -> SsoConnection:
        """Return the connection of the workspace that has proven the address's domain. Enters platform scope.

        Raises:
            NotFound: No workspace has proven the domain (sso_not_found).
        """
        await enter_platform(db)
        connection = await queries.find_by_domain(db, email.rpartition("@")[2])
        if connection is None:
            raise NotFound("No workspace uses single sign-on for this e-mail address.", code="sso_not_found")
        return connection

    async def begin(self, connection: SsoConnection, email: str) -> BegunSignIn:
        """Return the provider's sign-in address for a new sign-in. Holds no database connection.

        Raises Unavailable (provider_away).
        """
        try:
            metadata = await self._openid.discover(connection.issuer, str(connection.workspace_id))
        except ProviderRefused as refused:
            raise _provider_away(connection, refused) from None
        new = NewSignIn()
        url = make_authorize_url(metadata, self._account(connection, ""), new, email)
        return BegunSignIn(connection, url, new_token().text, new)

    async def store(self, db: Connection, begun: BegunSignIn, now: datetime) -> None:
        """Store the data that a browser's return is checked against, and delete a few expired sign-ins.

        Enters platform scope.
        """
        await enter_platform(db)
        await queries.delete_expired_flows(db)
        sealed = self._sealer.seal(msgspec.json.encode([begun.new.nonce, begun.new.verifier]), FLOW_PURPOSE)
        expires_at = now + timedelta(seconds=self._policy.flow_s)
        state, client = token_hash(begun.new.state), token_hash(begun.flow_token)
        await queries.insert_flow(db, state, begun.connection.workspace_id, client, sealed, expires_at)

    async def use(self, db: Connection, browser: ReturnedBrowser, flow_token: str, now: datetime) -> ReturnedSignIn:
        """Consume a sign-in, so that it cannot be used again. Enters platform scope.

        Raises Unauthorized (sso_over) and Invalid (issuer_mismatch).
        """
        await enter_platform(db)
        used = await queries.use_flow(db, token_hash(browser.state), token_hash(flow_token), now)
        connection = await queries.find_connection(db, used[0]) if used else None
        if used is None or connection is None:
            raise Unauthorized("This sign-in was already completed, or it began too long ago.", code="sso_over")
        if browser.workspace_id != connection.workspace_id:
            raise _mismatch("callback_id")
        if browser.issuer is not None and browser.issuer != connection.issuer:
            raise _mismatch("iss")
        try:
            nonce, verifier = msgspec.json.decode(self._sealer.open(used[1], FLOW_PURPOSE), type=tuple[str, str])
        except UnsealError:
            raise Unauthorized("This sign-in began too long ago.", code="sso_over") from None
        return ReturnedSignIn(connection, browser.code, NewSignIn(browser.state, nonce, verifier))

    async def identify(self, returned: ReturnedSignIn) -> SsoPerson:
        """Return the person who signed in at the provider. Holds no database connection.

        Raises Unauthorized (sso_refused) and Unavailable (provider_away).
        """
        connection = returned.connection
        owner = str(connection.workspace_id)
        try:
            secret = self._sealer.open(connection.client_secret, SECRET_PURPOSE).decode()
            metadata = await self._openid.discover(connection.issuer, owner)
            account = self._account(connection, secret)
            return await self._openid.complete(metadata, account, returned.code, returned.secrets, owner)
        except SignInRefused as refused:
            log.warning("sso.sign_in_refused", workspace_id=owner, reason=str(refused))
            raise Unauthorized(f"The sign-in is invalid: {refused}.", code="sso_refused") from None
        except (ProviderRefused, UnsealError) as refused:
            raise _provider_away(connection, refused) from None

    async def complete(
        self, db: Connection, connection: SsoConnection, person: SsoPerson, origin: RequestOrigin, now: datetime
    ) -> SignInResult:
        """Find or create the person's account, add the person to the workspace, and start a session.

        Enters the user's scope.

        Raises Forbidden (sso_domain, sso_other_person, account_deactivated), Conflict (member_limit) and Unauthorized
        (sso_over, if the connection changed in the meantime).
        """
        await enter_platform(db)
        workspace_id = connection.workspace_id
        known = await queries.find_connection(db, workspace_id)
        if known is None or (known.issuer, known.client_id) != (connection.issuer, connection.client_id):
            raise Unauthorized("The workspace's single sign-on settings changed during this sign-in.", code="sso_over")
        user = await self._find_user(db, known, person, now)
        actor = Actor("user", user.id, user.email, origin.request_id, origin.address)
        await queries.insert_identity(db, workspace_id, person.subject, user.id, now)
        await self._workspaces.admit(db, actor, workspace_id, known.default_role, now)
        await record_change(db, actor, Change("user.sso_sign_in", "user", str(user.id), workspace_id))
        return await self._accounts.sign_in_by_sso(db, user.id, workspace_id, origin, now)

    async def _find_user(self, db: Connection, connection: SsoConnection, person: SsoPerson, now: datetime) -> User:
        """Return the account that is linked to the subject, else the account with the address, else a new account.

        In each case, the address must belong to a proven domain, because a provider must not sign in anyone else.
        """
        linked = await queries.find_identity(db, connection.workspace_id, person.subject)
        user = await self._accounts.find(db, linked) if linked else None
        email = user.email if user else _address(person.email)
        if not await queries.lock_verified(db, connection.workspace_id, email.rpartition("@")[2]):
            raise Forbidden("The workspace has not proven the domain of this address.", code="sso_domain")
        user = user or await self._accounts.find_by_email(db, email)
        if user is None:
            name = letter_name(person.name)[:_LONGEST_NAME].strip() or email.partition("@")[0]
            password = secrets.token_urlsafe(32)  # A random password; "forgot password" can replace it.
            return await self._accounts.create_user(db, email, name, password, verified=True, now=now)
        if not linked:
            await self._require_unknown(db, connection, user)
        if not user.is_verified:  # Another person, who does not own the address, may have created the account.
            await self._accounts.take_over(db, user.id, now)
        await self._accounts.email_links.mark_verified(db, user.id, email, now)
        return user

    async def _require_unknown(self, db: Connection, connection: SsoConnection, user: User) -> None:
        """Raise Forbidden (sso_other_person) if the provider links the address to another person.

        The new person must not get the account of the previous person.
        """
        workspace_id = connection.workspace_id
        is_known = await queries.has_identity(db, workspace_id, user.id)
        if is_known and await self._workspaces.is_member(db, workspace_id, user.id):
            raise Forbidden(
                "The provider links this member's address to another person. An owner must remove that member first.",
                code="sso_other_person",
            )

    def _account(self, connection: SsoConnection, secret: str) -> ClientAccount:
        return ClientAccount(connection.client_id, secret, self.redirect_uri(connection.workspace_id))


def _mismatch(param: str) -> Invalid:
    """Return the error for a wrong provider. It commits, so that the sign-in stays consumed."""
    return Invalid("The browser comes from another provider.", param=param, code="issuer_mismatch", commits=True)


def _address(text: str) -> str:
    try:
        return normal_address(text)
    except ValueError:
        raise Forbidden("The provider sent an invalid e-mail address.", code="sso_domain") from None


def _provider_away(connection: SsoConnection, error: Exception) -> Unavailable:
    log.warning("sso.provider_refused", workspace_id=str(connection.workspace_id), error=type(error).__name__)
    return Unavailable("The workspace's provider does not respond correctly. Try again later.", code="provider_away")


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """The services of single sign-on.

    Attributes:
        settings: Configuration by owners.
        sign_ins: Sign-ins of members.
    """

    settings: SsoSettings
    sign_ins: SsoSignIns


def make_single_sign_on(
    workspaces: Workspaces,
    accounts: Accounts,
    sealer: Sealer,
    guard: EgressGuard,
    policy: SsoPolicy,
    callback: str,
) -> SingleSignOn:
    """Make the services of single sign-on.

    Args:
        callback: See `SsoSignIns`.
    """
    openid = OpenIdClient(VendorHttp(guard, policy.request_s))
    return SingleSignOn(
        SsoSettings(
            workspaces=workspaces,
            accounts=accounts,
            sealer=sealer,
            openid=openid,
            proofs=DomainProofs(policy),
        ),
        SsoSignIns(
            workspaces=workspaces,
            accounts=accounts,
            sealer=sealer,
            openid=openid,
            policy=policy,
            callback=callback,
        ),
    )
