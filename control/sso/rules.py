"""Records and policy of single sign-on. Pure functions."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

# An owner is made by an owner only.
DefaultRole = Literal["admin", "member", "viewer"]

# Purposes that values are sealed with.
SECRET_PURPOSE: Final = "sso client secret"
FLOW_PURPOSE: Final = "sso flow"


@dataclass(frozen=True, slots=True)
class SsoConnection:
    """A workspace's provider.

    Attributes:
        default_role: Of those who sign in for the first time.
        is_enforced: Members with an address of a proven domain, owners excepted, use the workspace by single sign-on
            only.
    """

    workspace_id: UUID
    issuer: str
    client_id: str
    client_secret: bytes = field(repr=False)
    default_role: DefaultRole
    is_enforced: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SsoDomain:
    """A domain of mail addresses.

    Attributes:
        proof: What its TXT record must say.
        verified_at: When it did; None before.
    """

    id: UUID
    workspace_id: UUID
    domain: str
    proof: str
    created_at: datetime
    verified_at: datetime | None


@dataclass(frozen=True, slots=True)
class SsoPerson:
    """Who signed in at the provider.

    Attributes:
        subject: The provider's name for the person, which never changes.
    """

    subject: str
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class SsoPolicy:
    """Settings of single sign-on.

    Attributes:
        request_s: Timeout of an exchange with a provider, in seconds.
        flow_s: Seconds within which a sign-in must be completed.
        name_servers: Name servers (host:port) that are asked for proofs; empty: the system's name servers.
        lookup_s: Timeout of a question to a name server, in seconds.
    """

    request_s: float = 8.0
    flow_s: int = 600
    name_servers: tuple[str, ...] = ()
    lookup_s: float = 5.0
