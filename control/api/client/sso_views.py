"""Response models of single sign-on (client API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from control.http.fields import CreatedAt, Id, UpdatedAt
from control.http.pagination import HasMore
from control.sso.domain_proofs import record_name
from control.sso.rules import DefaultRole, SsoConnection, SsoDomain
from control.sso.service import BegunSignIn


@dataclass(frozen=True, slots=True)
class SsoView:
    """A workspace's provider."""

    issuer: Annotated[
        str,
        Field(
            description="The provider's issuer, exactly as in its discovery document.",
            examples=["https://login.example.com"],
        ),
    ]
    client_id: Annotated[str, Field(description="Our client id at the provider.", examples=["vocalized"])]
    default_role: Annotated[DefaultRole, Field(description="Of those who sign in for the first time.")]
    is_enforced: Annotated[
        bool,
        Field(
            description="Members with an address of a proven domain, owners excepted, use the workspace by "
            "single sign-on only."
        ),
    ]
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class SsoAnswer:
    """The provider, and what has to be registered there."""

    connection: Annotated[SsoView | None, Field(description="The provider; null without one.")]
    redirect_uri: Annotated[
        str,
        Field(
            description="To be registered at the provider; each workspace has its own.",
            examples=["https://app.example.com/sso/callback/0190f1c2-7c6b-7d0a-9e5f-3a1b2c4d5e6f"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class SsoDomainView:
    """A domain."""

    id: Id
    domain: Annotated[str, Field(description="Domain of mail addresses.", examples=["example.com"])]
    record_name: Annotated[
        str, Field(description="Of the TXT record that proves it.", examples=["_vocalized-challenge.example.com"])
    ]
    record_value: Annotated[
        str,
        Field(
            description="Of the TXT record that proves it.",
            examples=["vocalized-domain-verification=kq3V0mJb7cQh0mX2t9yW"],
        ),
    ]
    created_at: CreatedAt
    verified_at: Annotated[datetime | None, Field(description="When it was proven (UTC); null before.")]


@dataclass(frozen=True, slots=True)
class SsoDomainAnswer:
    """A domain."""

    domain: Annotated[SsoDomainView, Field(description="The domain.")]


@dataclass(frozen=True, slots=True)
class SsoDomainList:
    """All domains."""

    domains: Annotated[list[SsoDomainView], Field(description="The domains.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class BegunSso:
    """A sign-in that has begun."""

    authorize_url: Annotated[
        str,
        Field(
            description="Where the person signs in.",
            examples=["https://login.example.com/authorize?client_id=vocalized"],
        ),
    ]
    flow_token: Annotated[
        str, Field(description="To be sent with the completion.", examples=["kq3V0mJb7cQh0mX2t9yWf1s8Zr4pLd6uE5nGaTiB"])
    ]


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
