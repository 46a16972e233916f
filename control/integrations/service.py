"""Creates, changes, removes and syncs the workspaces' connections to vendors."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from control.audit.service import Actor, Change, record_change
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection, Pool
from control.integrations import queries
from control.integrations.actions.service import ActionRunner
from control.integrations.bookings.service import Bookings
from control.integrations.grants import queries as grants_queries
from control.integrations.grants.oauth import OAuthRequests
from control.integrations.grants.queries import SealedGrant
from control.integrations.grants.rules import GrantPolicy, VendorCredentials, seal_credentials
from control.integrations.grants.service import Connections, OAuthFlows, TypeAccounts, enqueue_revocation
from control.integrations.queries import NewIntegration
from control.integrations.rules import Integration
from control.integrations.syncs import queries as syncs_queries
from control.integrations.syncs.rules import SyncLog
from control.integrations.syncs.service import request_syncs
from control.integrations.types.rules import (
    PLACEHOLDER,
    IntegrationType,
    IntegrationTypeConfig,
    list_defaults,
    parse_type_config,
    require_fit,
    require_key,
)
from control.integrations.types.service import IntegrationTypes
from control.integrations.vendor_http import VendorHttp
from control.workspaces.service import Workspaces
from shared.egress import EgressGuard
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id
from shared.secrets import Sealer

MAX_CONFIG_BYTES: Final = 16_384
# Prefix of a signing secret in Standard Webhooks.
_SIGNING_PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class ConnectionEdit:
    """Input for a new or changed connection. A field that is None stays unchanged."""

    name: str | None = None
    config: Mapping[str, Any] | None = None
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StartedConnection:
    """A new connection.

    Attributes:
        oauth_url: Where the member grants access. None for types without OAuth.
        signing_secret: Signing secret of a webhook, shown only once.
    """

    integration: Integration
    oauth_url: str | None = None
    signing_secret: str | None = field(default=None, repr=False)


class Integrations:
    """Manages a workspace's connections. Each method runs in the request's transaction.

    Args:
        guard: Checks the addresses in types and settings.
        public_url: Public address of this API, used for OAuth redirects.
        pages: Address of the console or portal that the browser is sent to after a redirect.
    """

    def __init__(
        self,
        workspaces: Workspaces,
        sealer: Sealer,
        guard: EgressGuard,
        policy: GrantPolicy,
        *,
        public_url: str,
        pages: str,
    ) -> None:
        self._workspaces, self._sealer, self.policy, self.pages = workspaces, sealer, policy, pages
        self.http = VendorHttp(guard, policy.request_s)
        self.requests = OAuthRequests(self.http)
        self.types = IntegrationTypes(sealer, guard)
        self.accounts = TypeAccounts(sealer, public_url)
        self.flows = OAuthFlows(self.accounts, self.requests, policy)

    async def list_page(self, db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[Integration]:
        """Return a page of connections, newest first. Raises Invalid (code cursor_unknown)."""
        found = await queries.select_integrations(db, workspace_id, page)
        return (
            found if page.cursor is not None else found.with_total(await queries.count_integrations(db, workspace_id))
        )

    async def get(self, db: Connection, workspace_id: UUID, integration_id: UUID) -> Integration:
        """Return a connection. Raises NotFound (code integration_not_found)."""
        return _require_found(await queries.select_integration(db, workspace_id, integration_id))

    async def create(
        self, db: Connection, actor: Actor, workspace_id: UUID, integration_type: str, edit: ConnectionEdit,
        now: datetime,
    ) -> StartedConnection:  # fmt: skip
        """Create a connection.

        Raises NotFound, Invalid, Conflict (codes workspace_suspended, integration_limit, type_not_ready).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        if await queries.count_integrations(db, workspace_id) >= self.policy.connections:
            message = f"A workspace has at most {self.policy.connections} integrations."
            raise Conflict(message, code="integration_limit")
        kind = await self.types.require_enabled(db, integration_type)
        # The options of an account are visible only after connecting, so OAuth may start without required settings.
        config = _require_settings(kind, edit.config or {}, is_complete=kind.auth_type != "oauth2")
        secret = _first_secret(kind, edit.api_key)
        made = NewIntegration(
            id=UUID(new_id()),
            workspace_id=workspace_id,
            integration_type=kind.type,
            name=edit.name or kind.name,
            status="connected" if secret else "connecting",
            config=config,
            sealed=seal_credentials(self._sealer, VendorCredentials(secret)) if secret else None,
            created_by=_require_user(actor),
            created_at=now,
        )
        await queries.insert_integration(db, made)
        url = None if secret else await self._begin(db, made.id, workspace_id, kind.type, actor, now)
        after = {"integration_type": kind.type, "name": made.name, "config": dict(config)}
        change = Change("integration.create", "integration", str(made.id), workspace_id, after=after)
        await record_change(db, actor, change)
        shown = secret if kind.auth_type == "webhook" else None
        return StartedConnection(await self.get(db, workspace_id, made.id), url, shown)

    async def reconnect(
        self, db: Connection, actor: Actor, workspace_id: UUID, integration_id: UUID, now: datetime
    ) -> StartedConnection:
        """Start a new OAuth flow for a connection. The current credentials stay in use until the new grant is
        confirmed.

        Raises NotFound, Conflict (codes not_oauth, type_not_ready, workspace_suspended), Invalid (code
        integration_type_unknown).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        found = await self.get(db, workspace_id, integration_id)
        kind = await self.types.require_enabled(db, found.integration_type)
        if kind.auth_type != "oauth2":
            raise Conflict("This integration is not connected by OAuth.", code="not_oauth")
        return StartedConnection(found, await self._begin(db, found.id, workspace_id, kind.type, actor, now))

    async def confirm(
        self, db: Connection, actor: Actor, workspace_id: UUID, integration_id: UUID, confirmation: str, now: datetime
    ) -> Integration:
        """Confirm a grant.

        Raises NotFound (code confirmation_not_found), also if another member started the flow.
        """
        state = await self.flows.confirm(db, confirmation, _require_user(actor), now)
        if (state.workspace_id, state.integration_id) != (workspace_id, integration_id):
            raise NotFound("No grant can be confirmed with this code.", code="confirmation_not_found")
        await self._record_connected(db, actor, workspace_id, integration_id)
        return await self.get(db, workspace_id, integration_id)

    async def update(
        self, db: Connection, actor: Actor, workspace_id: UUID, integration_id: UUID, edit: ConnectionEdit,
        now: datetime,
    ) -> Integration:  # fmt: skip
        """Change a connection. A config replaces the previous config. A new key clears the error of a refused key.

        Changed settings restart the syncs, because their cursors belong to the previous calendar or account.

        Raises NotFound, Invalid, Conflict (code workspace_suspended).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        before = _require_found(await queries.select_integration(db, workspace_id, integration_id, lock=True))
        kind = await self.types.get(db, before.integration_type)
        config = before.config
        if edit.config is not None:
            config = _require_settings(kind, edit.config) | _granted_settings(kind, before.config)
            _require_key_for_address(kind, before.config, edit)
        after = replace(before, name=edit.name or before.name, config=config, updated_at=now)
        await queries.update_integration(db, after)
        if edit.api_key is not None:
            await self._replace_key(db, kind, before, edit.api_key, now)
        if config != before.config or edit.api_key is not None:
            await syncs_queries.restart_syncs(db, workspace_id, integration_id)
        await record_change(db, actor, _make_change(before, after, has_new_key=edit.api_key is not None))
        return await self.get(db, workspace_id, integration_id)

    async def delete(self, db: Connection, actor: Actor, workspace_id: UUID, integration_id: UUID) -> None:
        """Remove the connection with its credentials, and enqueue the revocation of its grant. Raises NotFound."""
        before = _require_found(await queries.select_integration(db, workspace_id, integration_id, lock=True))
        kind = await self.types.get(db, before.integration_type)
        grant = await grants_queries.select_grant(db, workspace_id, integration_id)
        if grant is not None and kind.auth_type == "oauth2":
            await enqueue_revocation(db, grant, before.account)
        await queries.delete_integration(db, workspace_id, integration_id)
        was = {"integration_type": before.integration_type, "name": before.name}
        change = Change("integration.delete", "integration", str(integration_id), workspace_id, before=was)
        await record_change(db, actor, change)

    async def request_sync(self, db: Connection, workspace_id: UUID, integration_id: UUID, now: datetime) -> UUID:
        """Enqueue each sync that the type declares, unless it is already queued or running.

        Returns the log id of the oldest open sync. Raises NotFound, Conflict (codes integration_not_connected,
        sync_unsupported, workspace_suspended).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        _require_found(await queries.select_integration(db, workspace_id, integration_id, lock=True))
        await request_syncs(db, workspace_id, integration_id, now)
        return await syncs_queries.select_open_log(db, workspace_id, integration_id)

    async def list_logs(
        self, db: Connection, workspace_id: UUID, integration_id: UUID, page: PageRequest
    ) -> ListPage[SyncLog]:
        """Return a page of the sync log, newest first. Raises NotFound, Invalid (code cursor_unknown)."""
        await self.get(db, workspace_id, integration_id)
        found = await syncs_queries.select_logs(db, workspace_id, integration_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await syncs_queries.count_logs(db, workspace_id, integration_id))

    async def _begin(
        self, db: Connection, integration_id: UUID, workspace_id: UUID, integration_type: str, actor: Actor,
        now: datetime,
    ) -> str:  # fmt: skip
        return await self.flows.begin(db, workspace_id, integration_id, integration_type, _require_user(actor), now)

    async def _replace_key(
        self, db: Connection, kind: IntegrationType, before: Integration, key: str, now: datetime
    ) -> None:
        if kind.auth_type != "api_key":
            raise Invalid("This integration takes no key.", code="key_not_used", param="api_key")
        grant = await grants_queries.select_grant(db, before.workspace_id, before.id)
        sealed = seal_credentials(self._sealer, VendorCredentials(require_key(key, "api_key")))
        new = SealedGrant(sealed, None, before.scopes, connected_at=now)
        version = 0 if grant is None else grant.version
        await grants_queries.store_grant(db, before.workspace_id, before.id, version, new)

    async def _record_connected(self, db: Connection, actor: Actor, workspace_id: UUID, integration_id: UUID) -> None:
        await syncs_queries.restart_syncs(db, workspace_id, integration_id)  # the grant may belong to another account
        await record_change(db, actor, Change("integration.connect", "integration", str(integration_id), workspace_id))


def _require_user(actor: Actor) -> UUID:
    if actor.id is None:
        raise ValueError("only a user can make a connection")
    return actor.id


def _require_found(found: Integration | None) -> Integration:
    if found is None:
        raise NotFound("There is no such integration in this workspace.", code="integration_not_found")
    return found


def _make_change(before: Integration, after: Integration, *, has_new_key: bool) -> Change:
    old = {"name": before.name, "config": dict(before.config)}
    new = {"name": after.name, "config": dict(after.config)}
    changed = [name for name in new if old[name] != new[name]]
    key = {"api_key": True} if has_new_key else {}
    return Change(
        "integration.update",
        "integration",
        str(after.id),
        after.workspace_id,
        before={name: old[name] for name in changed},
        after={name: new[name] for name in changed} | key,
    )


# -- Settings and initial secrets of a connection --


def _parse(kind: IntegrationType) -> IntegrationTypeConfig:
    return parse_type_config(kind.config, kind.auth_type)


def _require_settings(kind: IntegrationType, config: Mapping[str, Any], *, is_complete: bool = True) -> dict[str, Any]:
    """Return the settings, completed with the schema's defaults. Raises Invalid.

    Args:
        is_complete: Whether settings that the schema requires must be present.
    """
    if len(msgspec.json.encode(config)) > MAX_CONFIG_BYTES:
        raise Invalid(f"Settings have at most {MAX_CONFIG_BYTES:,} bytes.", code="too_long", param="config")
    schema = _parse(kind).config_schema
    filled = {**list_defaults(schema), **config}
    require_fit(filled, schema if is_complete else {**schema, "required": []}, "config")
    return filled


def _require_key_for_address(kind: IntegrationType, before: Mapping[str, Any], edit: ConnectionEdit) -> None:
    """Raise Invalid (code key_missing) if the vendor's address changes and the API key is not sent again.

    Otherwise a member with access to the settings could send the stored key to their own server and read it there.
    """
    if kind.auth_type != "api_key" or edit.api_key is not None or edit.config is None:
        return
    names = {name.split(".")[1] for name in PLACEHOLDER.findall(_parse(kind).base_url) if name.startswith("config.")}
    if any(edit.config.get(name) != before.get(name) for name in names):
        raise Invalid("Another address needs the key again.", code="key_missing", param="api_key")


def _granted_settings(kind: IntegrationType, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the vendor sent with the grant. Changes of other settings keep them."""
    oauth = _parse(kind).oauth
    names = oauth.config_fields if oauth is not None else ()
    return {name: config[name] for name in names if name in config}


def _first_secret(kind: IntegrationType, key: str | None) -> str:
    """Return the API key, or a new signing secret. Return an empty string for OAuth.

    Raises Invalid (codes key_missing, key_not_used, key_invalid).
    """
    if kind.auth_type != "api_key" and key is not None:
        raise Invalid("Integrations of this type take no key.", code="key_not_used", param="api_key")
    if kind.auth_type == "oauth2":
        return ""
    if kind.auth_type == "webhook":
        return _SIGNING_PREFIX + secrets.token_urlsafe(32)
    if key is None:
        raise Invalid("Integrations of this type need a key.", code="key_missing", param="api_key")
    return require_key(key, "api_key")


# -- Composition --

# Timeout in seconds for a request to a vendor while a caller waits.
CALL_REQUEST_S: Final = 5.0


def make_bookings(pool: Pool, integrations: Integrations) -> Bookings:
    """Return the booking service for calls, whose requests have shorter timeouts than those of jobs."""
    return Bookings(make_action_runner(pool, integrations, CALL_REQUEST_S))


def make_action_runner(pool: Pool, integrations: Integrations, timeout_s: float | None = None) -> ActionRunner:
    """Return a runner of actions.

    Args:
        timeout_s: Timeout of a request. None uses the timeout of `integrations.http`.
    """
    access = Connections(pool, integrations.accounts, integrations.requests, integrations.policy)
    http = integrations.http if timeout_s is None else VendorHttp(integrations.http.guard, timeout_s)
    return ActionRunner(access, http)
