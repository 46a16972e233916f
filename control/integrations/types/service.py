"""Manage integration types: staff add, edit, disable and delete them; `migrate` inserts the shipped types."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import msgspec

from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.integrations.types import queries
from control.integrations.types.rules import (
    MAX_CONFIG_BYTES,
    AuthType,
    IntegrationType,
    TypeUsage,
    parse_type_config,
    require_addresses,
    require_key,
    seal_client_secret,
)
from shared.egress import EgressGuard
from shared.errors import Conflict, Invalid, NotFound
from shared.secrets import Sealer

SECRET: Final = "client_secret"
_SECRET_PARAM: Final = f"config.oauth.{SECRET}"


@dataclass(frozen=True, slots=True)
class NewType:
    """Input for a new type.

    Attributes:
        config: The fields of IntegrationTypeConfig. `oauth.client_secret` is stored sealed and separately.
    """

    type: str
    name: str
    description: str
    auth_type: AuthType
    config: Mapping[str, Any] = field(repr=False)
    is_enabled: bool = True


class IntegrationTypes:
    """Manages integration types. Methods for staff run in platform scope.

    Args:
        guard: Checks the addresses in a config.
    """

    def __init__(self, sealer: Sealer, guard: EgressGuard) -> None:
        self._sealer, self._guard = sealer, guard

    async def list_all(self, db: Connection, *, only_ready: bool = False) -> Sequence[IntegrationType]:
        """Return types by name.

        Args:
            only_ready: Whether to return only types that customers can connect.
        """
        return await queries.select_types(db, only_ready=only_ready)

    async def get(self, db: Connection, name: str) -> IntegrationType:
        """Return a type. Raises NotFound (code integration_type_not_found)."""
        return _require_found(await queries.select_type(db, name))

    async def require_enabled(self, db: Connection, name: str) -> IntegrationType:
        """Return a type that customers may use. Raises Invalid (code integration_type_unknown)."""
        found = await queries.select_type(db, name)
        if found is None or not found.is_enabled:
            message = "There is no such integration type."
            raise Invalid(message, code="integration_type_unknown", param="integration_type")
        return found

    async def create(self, db: Connection, actor: Actor, new: NewType, now: datetime) -> IntegrationType:
        """Add a type. Raises Invalid, which names the field, and Conflict (code integration_type_exists)."""
        config, secret = _split(new.config)
        made = IntegrationType(
            type=new.type,
            name=new.name,
            description=new.description,
            auth_type=new.auth_type,
            config=self._checked(config, new.auth_type),
            is_enabled=new.is_enabled,
            version=1,
            is_shipped=False,
            has_secret=bool(secret),
            created_at=now,
            updated_at=now,
        )
        if await queries.count_types(db) >= queries.MOST_TYPES:
            raise Conflict(f"There are {queries.MOST_TYPES} types already.", code="integration_type_limit")
        if not await queries.insert_type(db, made, self._seal(secret)):
            raise Conflict(f"There is a type {new.type!r} already.", code="integration_type_exists", param="type")
        await record_change(
            db, actor, Change("integration_type.create", "integration_type", new.type, after=_audited(made))
        )
        return await self.get(db, new.type)

    async def update(self, db: Connection, actor: Actor, name: str, changes: Mapping[str, Any]) -> IntegrationType:
        """Change a type. Connections use the new config immediately.

        Args:
            changes: Any of name, description, config, is_enabled. A config replaces the previous config. Without
                `oauth.client_secret` the stored secret stays; null removes it.

        Raises:
            NotFound: The type does not exist.
            Invalid: A change is not valid.
        """
        before = _require_found(await queries.select_type(db, name, lock=True))
        after = replace(before, **{key: value for key, value in changes.items() if key != "config"})
        has_new_secret = False
        if "config" in changes:
            config, secret = _split(changes["config"])
            has_new_secret = secret is not None
            after = replace(after, config=self._checked(config, before.auth_type))
            if has_new_secret:
                await queries.update_secret(db, name, self._seal(secret))
        await queries.update_type(db, after)
        await record_change(db, actor, _make_change(before, after, secret_changed=has_new_secret))
        return await self.get(db, name)

    async def delete(self, db: Connection, actor: Actor, name: str) -> None:
        """Delete a type. A type that is shipped or in use is disabled instead, so that its connections keep their
        history.

        Raises NotFound.
        """
        before = _require_found(await queries.select_type(db, name, lock=True))
        if before.is_shipped or await queries.is_used(db, name):
            await queries.update_type(db, replace(before, is_enabled=False))
            action = "integration_type.disable"
        else:
            await queries.delete_type(db, name)
            action = "integration_type.delete"
        await record_change(db, actor, Change(action, "integration_type", name, before=_audited(before)))

    async def list_usage(self, db: Connection) -> Sequence[TypeUsage]:
        """Return how much each type is used, most used first."""
        return await queries.select_usage(db)

    def _checked(self, config: Mapping[str, Any], auth_type: AuthType) -> Mapping[str, Any]:
        if len(msgspec.json.encode(config)) > MAX_CONFIG_BYTES:
            raise Invalid(f"A config has at most {MAX_CONFIG_BYTES:,} bytes.", code="too_long", param="config")
        require_addresses(parse_type_config(config, auth_type), self._guard)
        return config

    def _seal(self, secret: str | None) -> bytes | None:
        return seal_client_secret(self._sealer, secret) if secret else None


def _split(config: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Return the config without the client secret, and the secret.

    The secret is None if it was not given and empty if it should be removed.
    """
    oauth = config.get("oauth")
    if not isinstance(oauth, Mapping) or SECRET not in oauth:
        return dict(config), None
    secret, rest = oauth[SECRET], {key: value for key, value in oauth.items() if key != SECRET}
    if secret is None or secret == "":
        return {**config, "oauth": rest}, ""
    if not isinstance(secret, str):
        raise Invalid("A secret must be a string.", code="wrong_type", param=_SECRET_PARAM)
    return {**config, "oauth": rest}, require_key(secret, _SECRET_PARAM)


def _require_found(found: IntegrationType | None) -> IntegrationType:
    if found is None:
        raise NotFound("There is no such integration type.", code="integration_type_not_found")
    return found


def _audited(kind: IntegrationType) -> dict[str, Any]:
    return {
        "name": kind.name,
        "description": kind.description,
        "config": dict(kind.config),
        "is_enabled": kind.is_enabled,
    }


def _make_change(before: IntegrationType, after: IntegrationType, *, secret_changed: bool) -> Change:
    old, new = _audited(before), _audited(after)
    changed = [name for name in new if old[name] != new[name]]
    secret = {SECRET: True} if secret_changed else {}
    return Change(
        "integration_type.update",
        "integration_type",
        before.type,
        before={name: old[name] for name in changed},
        after={name: new[name] for name in changed} | secret,
    )


async def seed_integration_types(db: Connection, types: Iterable[Mapping[str, Any]], now: datetime) -> None:
    """Insert or update the types that the product ships with. `migrate` calls this function. Raises Invalid.

    A type stays unchanged if staff have changed more than its client id.

    Args:
        db: A connection in platform scope.
        types: The columns of each type, by name.
        now: The time of the changes.
    """
    for shipped in types:
        parse_type_config(shipped["config"], shipped["auth_type"])
        made = IntegrationType(**shipped, version=1, is_shipped=True, has_secret=False, created_at=now, updated_at=now)
        if not await queries.insert_type(db, made, None):
            await queries.update_shipped(db, made)
