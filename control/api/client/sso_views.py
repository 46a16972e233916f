"""Response models of single sign-on (client API)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.http.pagination import HasMore
from control.sso.domain_proofs import record_name
from control.sso.model import DefaultRole, SsoConnection, SsoDomain
from control.sso.sign_ins import BegunSignIn


@dataclass(frozen=True, slots=True)
class SsoView:
    """A workspace's provider. default_role: of those who sign in for the first time. is_enforced: members with an
    address of a proven domain, owners excepted, use the workspace by single sign-on only."""

    issuer: str
    client_id: str
    default_role: DefaultRole
    is_enforced: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SsoAnswer:
    """connection: the provider; null without one. redirect_uri: to be registered there."""

    connection: SsoView | None
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class SsoDomainView:
    """A domain. record_name, record_value: of the TXT record that proves it. verified_at: when it did; null before."""

    id: UUID
    domain: str
    record_name: str
    record_value: str
    created_at: datetime
    verified_at: datetime | None


@dataclass(frozen=True, slots=True)
class SsoDomainAnswer:
    """A domain."""

    domain: SsoDomainView


@dataclass(frozen=True, slots=True)
class SsoDomainList:
    """All domains. has_more: always false."""

    domains: list[SsoDomainView]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class BegunSso:
    """authorize_url: where the person signs in. flow_token: to be sent with the completion."""

    authorize_url: str
    flow_token: str


def to_connection(found: SsoConnection | None) -> SsoView | None:
    if found is None:
        return None
    return SsoView(found.issuer, found.client_id, found.default_role, found.is_enforced, found.updated_at)


def to_domain(found: SsoDomain) -> SsoDomainView:
    return SsoDomainView(
        found.id, found.domain, record_name(found.domain), found.proof, found.created_at, found.verified_at
    )


def to_begun(begun: BegunSignIn) -> BegunSso:
    return BegunSso(begun.authorize_url, begun.flow_token)
