"""The context of a request, which all handlers receive: transaction, caller and services."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from control.audit.service import Actor
from control.db.pool import Connection
from control.http.access import AdminRole, WorkspaceRole
from control.http.services import Services


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """Origin of a request.

    Attributes:
        address: The client's IP, as reported by trusted proxies.
    """

    request_id: str
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Context:
    """The context of a request to an open route.

    Attributes:
        db: A connection in the request's transaction.
        now: When the request arrived, UTC.
    """

    db: Connection
    services: Services
    origin: RequestOrigin
    now: datetime


@dataclass(frozen=True, slots=True)
class CallingKey:
    """The API key of a request.

    Attributes:
        role: The role with which the key acts in its workspace.
        unrecorded: The hash of the secret if its use must be recorded. Otherwise None.
    """

    id: UUID
    workspace_id: UUID
    role: WorkspaceRole
    unrecorded: bytes | None = None


@dataclass(frozen=True, slots=True)
class UserContext(Context):
    """The context of a request by a signed-in user or an API key.

    Attributes:
        key: The API key, held by the user. None for a session.
        credential: The request's credential, for sockets that outlast the request
            (control/http/auth/lasting_rights.py).
    """

    user_id: UUID
    email: str
    name: str
    is_verified: bool
    key: CallingKey | None = field(default=None, kw_only=True)
    credential: str = field(default="", kw_only=True, repr=False)

    @property
    def actor(self) -> Actor:
        """The actor for the audit log."""
        key_id = None if self.key is None else self.key.id
        return Actor("user", self.user_id, self.email, self.origin.request_id, self.origin.address, key_id)


@dataclass(frozen=True, slots=True)
class SessionContext(UserContext):
    """The context of a signed-in user's request outside of a workspace."""

    session_id: UUID


@dataclass(frozen=True, slots=True)
class MemberContext(UserContext):
    """The context of a request by a member of the workspace in the path, or by one of its API keys.

    Attributes:
        role: The member's role, or the role with which the key acts.
    """

    workspace_id: UUID
    role: WorkspaceRole
    workspace_status: str


@dataclass(frozen=True, slots=True)
class AdminContext(Context):
    """The context of a staff member's request.

    Attributes:
        credential: See UserContext.
    """

    admin_id: UUID
    session_id: UUID
    email: str
    name: str
    role: AdminRole
    credential: str = field(default="", kw_only=True, repr=False)

    @property
    def actor(self) -> Actor:
        """The actor for the audit log."""
        return Actor("admin", self.admin_id, self.email, self.origin.request_id, self.origin.address)
