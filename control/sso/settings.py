"""What owners set: the workspace's provider, and the domains that it may speak for."""

import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from control.accounts.service import Accounts
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record_change
from control.sso import store
from control.sso.domain_proofs import PREFIX, DomainProofs, LookupFailed
from control.sso.model import SECRET_PURPOSE, DefaultRole, SsoConnection, SsoDomain
from control.sso.openid import OpenIdClient, ProviderRefused
from control.sso.read_people import select_people
from control.workspaces.service import Workspaces
from shared.egress_addresses import HostInvalid, parse_host
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id
from shared.secrets import Sealer


@dataclass(frozen=True, slots=True)
class SsoChange:
    """A connection as its owner wants it. client_secret: None leaves it as it is."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    default_role: DefaultRole
    is_enforced: bool


class SsoSettings:
    """Each change is written to the audit log, without secrets."""

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
        """The workspace's connection."""
        return await store.find_connection(db, workspace_id)

    async def check_issuer(self, issuer: str, workspace_id: UUID) -> None:
        """Asks the provider, without a connection to the database. Raises Invalid (issuer_refused)."""
        try:
            await self._openid.discover(issuer, str(workspace_id))
        except ProviderRefused as refused:
            raise Invalid(f"This provider cannot be used: {refused}.", param="issuer", code="issuer_refused") from None

    async def save(
        self, db: Connection, actor: Actor, workspace_id: UUID, change: SsoChange, now: datetime
    ) -> SsoConnection:
        """Stores the connection. Another issuer or client means other people: whom the old one signed in is signed out
        and forgotten. Raises Conflict (workspace_suspended, domain_unproven: nothing can be enforced yet), Invalid
        (client_secret_missing)."""
        await self._workspaces.require_not_suspended(db, workspace_id)
        before = await store.find_connection(db, workspace_id)
        is_other = before is None or (before.issuer, before.client_id) != (change.issuer, change.client_id)
        if change.client_secret is None and is_other:
            raise Invalid("The client's secret is needed.", param="client_secret", code="client_secret_missing")
        if change.is_enforced and not await store.has_verified(db, workspace_id):
            raise Conflict("Prove a domain first: nobody could sign in.", code="domain_unproven")
        if before is not None and is_other:
            await self._forget_people(db, workspace_id, now)
        connection = self._make(before, workspace_id, change, now)
        await store.upsert_connection(db, connection)
        await _record(db, actor, "sso.update", workspace_id, before, connection)
        return connection

    async def remove(self, db: Connection, actor: Actor, workspace_id: UUID, now: datetime) -> None:
        """Removes the connection, and signs out whom it signed in; domains stay. Raises NotFound."""
        before = await store.find_connection(db, workspace_id)
        if before is None or not await store.delete_connection(db, workspace_id):
            raise NotFound("This workspace has no single sign-on.", code="sso_not_found")
        await self._forget_people(db, workspace_id, now)
        await _record(db, actor, "sso.remove", workspace_id, before, None)

    async def list_domains(self, db: Connection, workspace_id: UUID) -> list[SsoDomain]:
        """In alphabetical order."""
        return await store.select_domains(db, workspace_id)

    async def add_domain(
        self, db: Connection, actor: Actor, workspace_id: UUID, domain: str, now: datetime
    ) -> SsoDomain:
        """Adds a domain that is to be proven. Raises Invalid (domain_invalid), Conflict (domain_exists, domain_limit,
        workspace_suspended)."""
        await self._workspaces.require_not_suspended(db, workspace_id)
        new = SsoDomain(
            id=UUID(new_id()),
            workspace_id=workspace_id,
            domain=_normal_domain(domain),
            proof=PREFIX + secrets.token_urlsafe(32),
            created_at=now,
            verified_at=None,
        )
        if len(await store.select_domains(db, workspace_id)) >= store.MOST_DOMAINS:
            raise Conflict(f"A workspace may have {store.MOST_DOMAINS} domains.", code="domain_limit")
        if not await store.insert_domain(db, new):
            raise Conflict("The workspace has this domain.", param="domain", code="domain_exists")
        await _record_domain(db, actor, "sso.domain_add", new)
        return new

    async def get_domain(self, db: Connection, workspace_id: UUID, domain_id: UUID) -> SsoDomain:
        """Raises NotFound."""
        found = await store.find_domain(db, workspace_id, domain_id)
        if found is None:
            raise NotFound("This workspace has no such domain.", code="sso_domain_not_found")
        return found

    async def look_up_proof(self, domain: SsoDomain) -> None:
        """Asks DNS, without a connection to the database. Raises Conflict (proof_missing, proof_unavailable)."""
        try:
            is_proven = await self._proofs.has_record(domain.domain, domain.proof)
        except LookupFailed as failed:
            raise Conflict(f"The record cannot be read: {failed}.", code="proof_unavailable") from None
        if not is_proven:
            raise Conflict("There is no such TXT record yet; it may take a while to be seen.", code="proof_missing")

    async def save_proof(self, db: Connection, actor: Actor, domain: SsoDomain, now: datetime) -> SsoDomain:
        """Stores that the domain is proven. Raises NotFound, Conflict (domain_taken)."""
        known = await self.get_domain(db, domain.workspace_id, domain.id)
        if known.verified_at is not None:
            return known
        if not await store.set_verified(db, known.workspace_id, known.id, now):
            raise Conflict("Another workspace has proven this domain.", code="domain_taken")
        await _record_domain(db, actor, "sso.domain_prove", known)
        return replace(known, verified_at=now)

    async def remove_domain(
        self, db: Connection, actor: Actor, workspace_id: UUID, domain_id: UUID, now: datetime
    ) -> None:
        """Removes a domain: its addresses are signed out, and sign in by password again. Raises NotFound."""
        known = await self.get_domain(db, workspace_id, domain_id)
        await store.delete_domain(db, workspace_id, domain_id)
        people = await select_people(db, workspace_id, known.domain)
        await self._accounts.end_sso_sessions(db, people, workspace_id, "domain of single sign-on removed", now)
        await _record_domain(db, actor, "sso.domain_remove", known)

    def _make(
        self, before: SsoConnection | None, workspace_id: UUID, change: SsoChange, now: datetime
    ) -> SsoConnection:
        if change.client_secret is not None:
            sealed = self._sealer.seal(change.client_secret.encode(), SECRET_PURPOSE)
        else:
            assert before is not None  # checked by `save`
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
        people = await store.delete_identities(db, workspace_id)
        await self._accounts.end_sso_sessions(db, people, workspace_id, "single sign-on changed", now)


def _normal_domain(text: str) -> str:
    """In ASCII and lower case, as addresses are. Raises Invalid."""
    try:
        host = parse_host(text.strip().rstrip(".").lower())
    except HostInvalid:
        host = None
    if not isinstance(host, str) or "." not in host:
        raise Invalid("This is no domain like example.com.", param="domain", code="domain_invalid")
    return host


async def _record(
    db: Connection,
    actor: Actor,
    action: str,
    workspace_id: UUID,
    before: SsoConnection | None,
    after: SsoConnection | None,
) -> None:
    old, new = (None if one is None else _audit_values(one) for one in (before, after))
    await record_change(db, actor, Change(action, "sso", str(workspace_id), workspace_id, before=old, after=new))


async def _record_domain(db: Connection, actor: Actor, action: str, domain: SsoDomain) -> None:
    change = Change(action, "sso_domain", str(domain.id), domain.workspace_id, after={"domain": domain.domain})
    await record_change(db, actor, change)


def _audit_values(connection: SsoConnection) -> dict[str, object]:
    names = ("issuer", "client_id", "default_role", "is_enforced")
    return {name: getattr(connection, name) for name in names}
