"""The audit log: who did what to what, with before and after; appended in the change's own transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from control.db.pool import Connection
from shared.ids import new_id

MASK: Final = "***"
# A field whose name holds one of these is shown masked, however deep it lies.
SECRET_WORDS: Final = ("password", "secret", "token", "api_key", "credential", "hash")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. kind: admin, user or system. request_id and address: of the request, empty without one."""

    kind: Literal["admin", "user", "system"]
    id: UUID | None = None
    email: str | None = None
    request_id: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What was done. action: "workspace.suspend". before, after: only the fields that matter; secrets are masked."""

    action: str
    resource_type: str
    resource_id: str
    workspace_id: UUID | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    reason: str | None = None


async def record(db: Connection, actor: Actor, change: Change) -> None:
    """Appends to the log; part of the transaction that makes the change."""
    told = {"before": change.before, "after": change.after, "reason": change.reason}
    details = {name: masked(value) for name, value in told.items() if value is not None}
    await db.execute(
        """
        INSERT INTO audit_log (id, actor, actor_id, actor_email, action, resource_type, resource_id, workspace_id,
                               details, request_id, address)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        UUID(new_id()),
        actor.kind,
        actor.id,
        actor.email,
        change.action,
        change.resource_type,
        change.resource_id,
        change.workspace_id,
        details,
        actor.request_id or None,
        actor.address or None,
    )


def masked(value: Any, name: str = "") -> Any:
    """A copy in which the value of every secret's name is masked."""
    if value is not None and any(word in name.lower() for word in SECRET_WORDS):
        return MASK
    if isinstance(value, Mapping):
        return {key: masked(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(item, name) for item in value]
    return value
