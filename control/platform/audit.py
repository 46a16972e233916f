"""The audit log: actor, action, resource, values before and after; written in the transaction of the change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from control.db.pool import Connection
from control.platform import store_audit
from shared.ids import new_id

MASK: Final = "***"
# The value of a field whose name contains one of these words is masked, at any depth.
SECRET_FIELD_WORDS: Final = ("password", "secret", "token", "api_key", "credential", "hash")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who made a change. request_id, address: of the HTTP request; empty without one. key_id: of the API key with which
    a system acts for the user; the log names it in place of the user's id."""

    kind: Literal["admin", "user", "system"]
    id: UUID | None = None
    email: str | None = None
    request_id: str = ""
    address: str = ""
    key_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A change to a resource. action: for example "workspace.suspend". before, after: the changed fields."""

    action: str
    resource_type: str
    resource_id: str
    workspace_id: UUID | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    reason: str | None = None


async def record_change(db: Connection, actor: Actor, change: Change) -> None:
    """Appends to the log; part of the transaction that makes the change."""
    values = {"before": change.before, "after": change.after, "reason": change.reason}
    await store_audit.insert_entry(
        db,
        entry_id=UUID(new_id()),
        actor=actor.kind if actor.key_id is None else "api_key",
        actor_id=actor.key_id or actor.id,
        actor_email=actor.email,
        action=change.action,
        resource_type=change.resource_type,
        resource_id=change.resource_id,
        workspace_id=change.workspace_id,
        details={name: mask_secrets(value) for name, value in values.items() if value is not None},
        request_id=actor.request_id or None,
        address=actor.address or None,
    )


def mask_number(number: str) -> str:
    """A phone number with all but its first four characters and its last two masked: the log is never changed, so what
    it would hold of a caller could not be deleted."""
    return number if len(number) < 8 or not number.startswith("+") else f"{number[:4]}{MASK}{number[-2:]}"


def mask_secrets(value: Any, name: str = "") -> Any:
    """Returns a copy in which each value under a secret's name is replaced by MASK."""
    if value is not None and any(word in name.lower() for word in SECRET_FIELD_WORDS):
        return MASK
    if isinstance(value, Mapping):
        return {key: mask_secrets(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [mask_secrets(item, name) for item in value]
    return value
