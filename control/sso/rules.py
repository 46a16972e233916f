"""Records and policy of single sign-on. Pure functions."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

# The default role cannot be `owner`: only an owner can make another owner.
DefaultRole = Literal["admin", "member", "viewer"]

# Purposes that values are sealed for.
SECRET_PURPOSE: Final = "sso client secret"
FLOW_PURPOSE: Final = "sso flow"


@dataclass(frozen=True, slots=True)
class SsoConnection:
    """A workspace's connection to its OpenID Connect provider.

    Attributes:
        default_role: Role of people who sign in for the first time.
        is_enforced: Whether members with an address of a proven domain can use the workspace only through single
            sign-on. Owners are exempt.
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
    """A domain of e-mail addresses.

    Attributes:
        proof: The text that the domain's TXT record must contain.
        verified_at: When the record was found; None before.
    """

    id: UUID
    workspace_id: UUID
    domain: str
    proof: str
    created_at: datetime
    verified_at: datetime | None


@dataclass(frozen=True, slots=True)
class SsoPerson:
    """The person who signed in at the provider.

    Attributes:
        subject: The provider's id of the person, which never changes.
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
        name_servers: Name servers (host:port) that are queried for domain proofs; empty for the system's name servers.
        lookup_s: Timeout of a query to a name server, in seconds.
    """

    request_s: float = 8.0
    flow_s: int = 600
    name_servers: tuple[str, ...] = ()
    lookup_s: float = 5.0
