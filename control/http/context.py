"""The context of a request, which every handler takes: transaction, caller, services."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from control.audit.service import Actor
from control.db.pool import Connection
from control.http.access import AdminRole, WorkspaceRole
from control.http.services import Services


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """Where a request came from.

    Attributes:
        address: The client's IP, as reported by trusted proxies.
    """

    request_id: str
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Context:
    """Of an open route.

    Attributes:
        db: A connection in the request's transaction.
        now: When the request came, UTC.
    """

    db: Connection
    services: Services
    origin: RequestOrigin
    now: datetime


@dataclass(frozen=True, slots=True)
class CallingKey:
    """An API key with which a request came.

    Attributes:
        role: What it acts with in its workspace.
        unrecorded: The hash of the secret, if its use is to be recorded.
    """

    id: UUID
    workspace_id: UUID
    role: WorkspaceRole
    unrecorded: bytes | None = None


@dataclass(frozen=True, slots=True)
class UserContext(Context):
    """Of a signed-in user's request, or of one with an API key.

    Attributes:
        key: Its holder is the user; None: it has no key.
        credential: What the request presented, for sockets that outlast it (control/http/auth/lasting_rights.py).
    """

    user_id: UUID
    email: str
    name: str
    is_verified: bool
    key: CallingKey | None = field(default=None, kw_only=True)
    credential: str = field(default="", kw_only=True, repr=False)

    @property
    def actor(self) -> Actor:
        """For the audit log."""
        key_id = None if self.key is None else self.key.id
        return Actor("user", self.user_id, self.email, self.origin.request_id, self.origin.address, key_id)


@dataclass(frozen=True, slots=True)
class SessionContext(UserContext):
    """Of a signed-in user's request that is about no workspace."""

    session_id: UUID


@dataclass(frozen=True, slots=True)
class MemberContext(UserContext):
    """Of a request by a member of the workspace in the path, or with one of its API keys.

    Attributes:
        role: Of a key, what it acts with.
    """

    workspace_id: UUID
    role: WorkspaceRole
    workspace_status: str


@dataclass(frozen=True, slots=True)
class AdminContext(Context):
    """Of a staff member's request.

    Attributes:
        credential: As of UserContext.
    """

    admin_id: UUID
    session_id: UUID
    email: str
    name: str
    role: AdminRole
    credential: str = field(default="", kw_only=True, repr=False)

    @property
    def actor(self) -> Actor:
        """For the audit log."""
        return Actor("admin", self.admin_id, self.email, self.origin.request_id, self.origin.address)
