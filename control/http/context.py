"""What a handler is given: the request's transaction, who asks, and the rooms that do the work."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.accounts.service import Accounts
from control.agents.service import Agents
from control.agents.templates import Templates
from control.analytics.service import Analytics
from control.calls.handover import Handover
from control.calls.service import Calls
from control.carriers.book import Carriers
from control.db.pool import Connection
from control.http.access import AdminRole, WorkspaceRole
from control.numbers.service import Numbers
from control.platform.audit import Actor
from control.platform.service import Platform
from control.workspaces.service import Workspaces
from shared.bus.notes import Notes
from shared.storage import Storage


@dataclass(frozen=True, slots=True)
class Services:
    """The domain rooms, which hold no state, and the doors to what lies outside; made once a program."""

    accounts: Accounts
    workspaces: Workspaces
    agents: Agents
    templates: Templates
    platform: Platform
    analytics: Analytics
    numbers: Numbers
    calls: Calls
    carriers: Carriers
    handover: Handover
    storage: Storage
    notes: Notes


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from. address: the caller's IP, proxies taken into account."""

    request_id: str
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Context:
    """Of an open route. db: in the request's transaction. now: the request's moment, UTC."""

    db: Connection
    services: Services
    origin: Origin
    now: datetime


@dataclass(frozen=True, slots=True)
class UserContext(Context):
    """Of a signed-in user."""

    user_id: UUID
    session_id: UUID
    email: str
    name: str
    is_verified: bool

    @property
    def actor(self) -> Actor:
        """As the audit log names them."""
        return Actor("user", self.user_id, self.email, self.origin.request_id, self.origin.address)


@dataclass(frozen=True, slots=True)
class MemberContext(UserContext):
    """Of a member of the workspace in the path."""

    workspace_id: UUID
    role: WorkspaceRole
    workspace_status: str


@dataclass(frozen=True, slots=True)
class AdminContext(Context):
    """Of the platform's staff."""

    admin_id: UUID
    session_id: UUID
    email: str
    name: str
    role: AdminRole

    @property
    def actor(self) -> Actor:
        """As the audit log names them."""
        return Actor("admin", self.admin_id, self.email, self.origin.request_id, self.origin.address)
