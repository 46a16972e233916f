"""Routes of single sign-on: a workspace's settings, and the sign-in itself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from control.accounts.routes import SignedIn, to_signed_in
from control.accounts.rules import Address
from control.http.access import OPEN, member
from control.http.body import Body
from control.http.context import Context, MemberContext
from control.http.fields import CreatedAt, Id, UpdatedAt
from control.http.pagination import HasMore
from control.http.responses.after_commit import AfterCommit, CheckedChange
from control.http.route import RateLimit, Route
from control.sso.domain_proofs import record_name
from control.sso.rules import DefaultRole, SsoConnection, SsoDomain, SsoPerson
from control.sso.service import BegunSignIn, ReturnedBrowser, SingleSignOn, SsoChange
from control.workspaces.service import Workspaces

SSO = "/workspaces/{workspaceId}/sso"
DOMAINS = f"{SSO}/domains"
DOMAIN = f"{DOMAINS}/{{ssoDomainId}}"
_BEGINNINGS: Final = RateLimit("sso-begin", 20, 60)
_COMPLETIONS: Final = RateLimit("sso-complete", 20, 60)
_CHECKS: Final = RateLimit("sso-checks", 20, 600)
_LOOKUPS: Final = RateLimit("sso-lookups", 30, 600)
_PROOFS: Final = RateLimit("sso-proofs", 30, 600, per_user=True)
SsoDomainId = Annotated[UUID, Field(description="Id of the domain.")]
_VISIBLE: Final = r"^[\u0021-\u007e]([\u0020-\u007e]*[\u0021-\u007e])?$"
Visible = Annotated[str, StringConstraints(pattern=_VISIBLE, max_length=1_000)]


class SsoBody(Body):
    """An OpenID Connect provider."""

    issuer: Annotated[
        Visible,
        Field(
            description="The provider's issuer, exactly as in its discovery document.",
            examples=["https://login.example.com"],
        ),
    ]
    client_id: Annotated[Visible, Field(description="Our client id at the provider.", examples=["vocalized"])]
    client_secret: Annotated[
        Visible | None,
        Field(
            description="Our client secret at the provider. It is stored sealed and never returned.",
            examples=["kq3V0mJb7cQh0mX2"],
        ),
    ] = None
    default_role: Annotated[DefaultRole, Field(description="Role of people who sign in for the first time.")] = "member"
    is_enforced: Annotated[
        bool,
        Field(
            description="Whether members with an address of a proven domain can use the workspace only through "
            "single sign-on. Owners are exempt."
        ),
    ] = False


class NewSsoDomain(Body):
    """A domain of e-mail addresses."""

    domain: Annotated[
        str,
        Field(min_length=3, max_length=253, description="Domain of the e-mail addresses.", examples=["example.com"]),
    ]


class SsoBeginning(Body):
    """The e-mail address of the person who signs in."""

    email: Annotated[Address, Field(description="E-mail address, in lower case.")]


class SsoCompletion(Body):
    """The parameters that the provider added to the browser's return address, and the flow token."""

    callback_id: Annotated[UUID, Field(description="The last part of the path that the browser returned to.")]
    state: Annotated[
        str,
        Field(
            min_length=1,
            max_length=200,
            description="The `code` parameter of the return address.",
            examples=["kq3V0mJb7cQh0mX2t9yWf1s8Zr4pLd6uE5nGaTiB"],
        ),
    ]
    code: Annotated[
        Visible, Field(description="The `state` parameter of the return address.", examples=["SplxlOBeZQQYbYS6WxSbIA"])
    ]
    iss: Annotated[
        Visible | None,
        Field(
            description="The `iss` parameter of the return address, if the provider sent it.",
            examples=["https://login.example.com"],
        ),
    ] = None
    flow_token: Annotated[
        str,
        Field(
            min_length=1,
            max_length=200,
            description="The flow token that the client received when the sign-in began.",
            examples=["kq3V0mJb7cQh0mX2t9yWf1s8Zr4pLd6uE5nGaTiB"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class SsoView:
    """A workspace's OpenID Connect provider."""

    issuer: Annotated[
        str,
        Field(
            description="The provider's issuer, exactly as in its discovery document.",
            examples=["https://login.example.com"],
        ),
    ]
    client_id: Annotated[str, Field(description="Our client id at the provider.", examples=["vocalized"])]
    default_role: Annotated[DefaultRole, Field(description="Role of people who sign in for the first time.")]
    is_enforced: Annotated[
        bool,
        Field(
            description="Whether members with an address of a proven domain can use the workspace only through "
            "single sign-on. Owners are exempt."
        ),
    ]
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class SsoAnswer:
    """The workspace's provider, and the address to register there."""

    connection: Annotated[SsoView | None, Field(description="The provider; null if none is set.")]
    redirect_uri: Annotated[
        str,
        Field(
            description="The redirect address to register at the provider. Each workspace has its own address.",
            examples=["https://app.example.com/sso/callback/0190f1c2-7c6b-7d0a-9e5f-3a1b2c4d5e6f"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class SsoDomainView:
    """A domain of e-mail addresses, and the TXT record that proves it."""

    id: Id
    domain: Annotated[str, Field(description="Domain of the e-mail addresses.", examples=["example.com"])]
    record_name: Annotated[
        str,
        Field(
            description="Name of the TXT record that proves the domain.", examples=["_vocalized-challenge.example.com"]
        ),
    ]
    record_value: Annotated[
        str,
        Field(
            description="Text of the TXT record that proves the domain.",
            examples=["vocalized-domain-verification=kq3V0mJb7cQh0mX2t9yW"],
        ),
    ]
    created_at: CreatedAt
    verified_at: Annotated[datetime | None, Field(description="When the domain was proven (UTC); null before.")]


@dataclass(frozen=True, slots=True)
class SsoDomainAnswer:
    """A domain of e-mail addresses."""

    domain: Annotated[SsoDomainView, Field(description="The domain.")]


@dataclass(frozen=True, slots=True)
class SsoDomainList:
    """The workspace's domains."""

    domains: Annotated[list[SsoDomainView], Field(description="The domains.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class BegunSso:
    """A sign-in that has begun."""

    authorize_url: Annotated[
        str,
        Field(
            description="Address at which the person signs in.",
            examples=["https://login.example.com/authorize?client_id=vocalized"],
        ),
    ]
    flow_token: Annotated[
        str,
        Field(
            description="The flow token to send when the sign-in is completed.",
            examples=["kq3V0mJb7cQh0mX2t9yWf1s8Zr4pLd6uE5nGaTiB"],
        ),
    ]


async def get_sso(context: MemberContext) -> SsoAnswer:
    """Return the workspace's provider for single sign-on, without its secret; null if none is set."""
    sso = context.services[SingleSignOn]
    found = await sso.settings.find(context.db, context.workspace_id)
    return SsoAnswer(to_connection(found), sso.sign_ins.redirect_uri(context.workspace_id))


async def change_sso(context: MemberContext, body: SsoBody) -> CheckedChange[SsoAnswer]:
    """Set the workspace's provider. Its metadata is fetched first.

    A new issuer or client signs out everyone whom the previous provider signed in. If single sign-on is enforced,
    members with an address of a proven domain can use the workspace only through single sign-on, from the next request
    on. Owners are exempt.
    """
    sso, workspace_id = context.services[SingleSignOn], context.workspace_id
    change = SsoChange(body.issuer, body.client_id, body.client_secret, body.default_role, body.is_enforced)

    async def check() -> None:
        await sso.settings.check_issuer(body.issuer, workspace_id)

    async def save(again: MemberContext) -> SsoAnswer:
        saved = await sso.settings.save(again.db, again.actor, workspace_id, change, again.now)
        return SsoAnswer(to_connection(saved), sso.sign_ins.redirect_uri(workspace_id))

    return CheckedChange(check, save)


async def remove_sso(context: MemberContext) -> None:
    """Remove the provider and sign out everyone whom it signed in."""
    await context.services[SingleSignOn].settings.remove(context.db, context.actor, context.workspace_id, context.now)


async def list_sso_domains(context: MemberContext) -> SsoDomainList:
    """List the domains whose addresses the provider may sign in, and the DNS records that prove them."""
    found = await context.services[SingleSignOn].settings.list_domains(context.db, context.workspace_id)
    return SsoDomainList([to_domain(domain) for domain in found], False)


async def add_sso_domain(context: MemberContext, body: NewSsoDomain) -> SsoDomainAnswer:
    """Add a domain. The answer contains the TXT record that proves it."""
    settings = context.services[SingleSignOn].settings
    added = await settings.add_domain(context.db, context.actor, context.workspace_id, body.domain, context.now)
    return SsoDomainAnswer(to_domain(added))


async def prove_sso_domain(context: MemberContext, sso_domain_id: SsoDomainId) -> CheckedChange[SsoDomainAnswer]:
    """Look up the TXT record, and mark the domain as proven if the record exists."""
    settings = context.services[SingleSignOn].settings
    domain = await settings.get_domain(context.db, context.workspace_id, sso_domain_id)

    async def check() -> None:
        await settings.look_up_proof(domain)

    async def save(again: MemberContext) -> SsoDomainAnswer:
        return SsoDomainAnswer(to_domain(await settings.save_proof(again.db, again.actor, domain, again.now)))

    return CheckedChange(None if domain.verified_at else check, save)


async def remove_sso_domain(context: MemberContext, sso_domain_id: SsoDomainId) -> None:
    """Remove a domain.

    People whom single sign-on signed in with its addresses are signed out and use their password again.
    """
    settings = context.services[SingleSignOn].settings
    await settings.remove_domain(context.db, context.actor, context.workspace_id, sso_domain_id, context.now)


async def begin_sso(context: Context, body: SsoBeginning) -> AfterCommit[BegunSso]:
    """Begin a sign-in and return the address at which the person signs in.

    The client that completes the sign-in must keep the flow token.
    """
    sign_ins = context.services[SingleSignOn].sign_ins
    connection = await sign_ins.find(context.db, body.email)

    async def complete(later: Context, begun: BegunSignIn) -> BegunSso:
        await sign_ins.store(later.db, begun, later.now)
        return to_begun(begun)

    return AfterCommit(lambda: sign_ins.begin(connection, body.email), complete)


async def complete_sso(context: Context, body: SsoCompletion) -> AfterCommit[SignedIn]:
    """Complete a sign-in with the parameters that the provider sent the browser back with.

    A person who signs in for the first time becomes a member. The session is valid only in this workspace.
    """
    sign_ins = context.services[SingleSignOn].sign_ins
    browser = ReturnedBrowser(body.callback_id, body.state, body.code, body.iss)
    returned = await sign_ins.use(context.db, browser, body.flow_token, context.now)

    async def complete(later: Context, person: SsoPerson) -> SignedIn:
        done = await sign_ins.complete(later.db, returned.connection, person, later.origin, later.now)
        return to_signed_in(done, await later.services[Workspaces].memberships(later.db, done.user.id))

    return AfterCommit(lambda: sign_ins.identify(returned), complete)


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


ROUTES: tuple[Route, ...] = (
    Route("GET", SSO, get_sso, member("admin"), beyond_spec=True),
    Route(
        "PUT",
        SSO,
        change_sso,
        member("owner"),
        check_limit=_CHECKS,
        needs_recent_sign_in=True,
        beyond_spec=True,
        errors=("409 domain_unproven", "409 workspace_suspended", "422 client_secret_missing", "422 issuer_refused"),
    ),
    Route(
        "DELETE",
        SSO,
        remove_sso,
        member("owner"),
        needs_recent_sign_in=True,
        beyond_spec=True,
        errors=("404 sso_not_found",),
    ),
    Route("GET", DOMAINS, list_sso_domains, member("admin"), beyond_spec=True),
    Route(
        "POST",
        DOMAINS,
        add_sso_domain,
        member("owner"),
        status=201,
        limit=_PROOFS,
        needs_recent_sign_in=True,
        beyond_spec=True,
        errors=("409 domain_exists", "409 domain_limit", "409 workspace_suspended", "422 domain_invalid"),
    ),
    Route(
        "POST",
        f"{DOMAIN}/prove",
        prove_sso_domain,
        member("owner"),
        check_limit=_LOOKUPS,
        beyond_spec=True,
        errors=("404 sso_domain_not_found", "409 domain_taken", "409 proof_missing", "409 proof_unavailable"),
    ),
    Route(
        "DELETE",
        DOMAIN,
        remove_sso_domain,
        member("owner"),
        needs_recent_sign_in=True,
        beyond_spec=True,
        errors=("404 sso_domain_not_found",),
    ),
    Route(
        "POST",
        "/auth/sso/begin",
        begin_sso,
        OPEN,
        limit=_BEGINNINGS,
        beyond_spec=True,
        errors=("404 sso_not_found", "503 provider_away"),
    ),
    Route(
        "POST",
        "/auth/sso/complete",
        complete_sso,
        OPEN,
        limit=_COMPLETIONS,
        hashes_password=True,
        session="begins",
        beyond_spec=True,
        errors=(
            "401 session_over",
            "401 sso_over",
            "401 sso_refused",
            "403 account_deactivated",
            "403 sso_domain",
            "403 sso_other_person",
            "404 tier_not_found",
            "404 workspace_not_found",
            "409 email_taken",
            "409 member_limit",
            "422 issuer_mismatch",
            "503 provider_away",
        ),
    ),
)
