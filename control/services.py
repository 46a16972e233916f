"""Creates the services of all packages, for both the API and the worker."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from control.accounts.emails.service import EmailQueue
from control.accounts.passwords import Passwords
from control.accounts.rules import AccountPolicy, HashPolicy
from control.accounts.users.service import Accounts
from control.addresses.service import BusinessAddresses
from control.agent_tests.service import AgentTests
from control.agents.config_parts import RESERVED_NAMES
from control.agents.plans.service import AgentLookup
from control.agents.rules import AgentPolicy
from control.agents.service import Agents
from control.agents.templates.service import Templates
from control.analytics.call_exports.service import CallExports, ExportPolicy
from control.analytics.platform_figures.service import Dashboard, PlatformAnalytics
from control.analytics.workspace_figures.service import WorkspaceAnalytics
from control.api_keys.service import ApiKeys
from control.billing.accounts.service import BillingMail
from control.billing.invoices.links import KEY_PURPOSE as INVOICE_LINKS
from control.billing.invoices.links import InvoiceLinks
from control.billing.invoices.service import Invoices
from control.billing.limits.service import SpendGuard
from control.billing.payments.service import Payments
from control.calls.admission.service import CallAdmission
from control.calls.analysis.rules import AnalysisPolicy
from control.calls.analysis.service import CallAnalyzer
from control.calls.blocked_callers.service import BlockedCallers
from control.calls.browser_calls.service import BrowserCalls
from control.calls.deletion.rules import NumberPseudonyms
from control.calls.feed.rules import LiveStreamLimits
from control.calls.feed.service import LiveFeed
from control.calls.outbound.service import CallPlacement, CallPreconditions, OutboundCalls
from control.calls.records.running_calls import CallPolicy
from control.calls.records.service import CallRecords
from control.calls.spend_alarms.service import SpendAlarms
from control.calls.supervision.service import Supervisions
from control.calls.verified_numbers.service import PhoneCodes
from control.campaigns.service import CampaignRecipients, Campaigns
from control.do_not_call.service import DoNotCallList
from control.http.auth.access_tokens import KEY_PURPOSE, AccessTokens
from control.http.auth.lasting_rights import LastingRights
from control.http.services import Services
from control.integrations.grants.rules import GrantPolicy
from control.integrations.service import Integrations
from control.knowledge.embedder import Embedder, EmbedderPolicy
from control.knowledge.search import KnowledgeSearch
from control.knowledge.service import KnowledgeDocuments
from control.messages.rules import MessagePolicy
from control.messages.service import CallerMessages
from control.numbers.service import NumberAssignment, Numbers
from control.outbound_webhooks.rules import DeliveryPolicy
from control.outbound_webhooks.service import make_outbound_webhooks
from control.outside import OutsideClients
from control.platform.service import Platform
from control.privacy.service import make_privacy
from control.regulatory_bundles.service import RegulatoryBundles
from control.sso.rules import SsoPolicy
from control.sso.service import make_single_sign_on
from control.tools.service import ToolServices, make_tools
from control.voice.catalog.service import ProviderAdministration
from control.voice.key_check import KeyChecker
from control.voice.workspace_providers.service import WorkspaceProviders
from control.workspaces.service import Workspaces
from shared.bus.health import ProviderHealthStates
from shared.bus.webhook_queue import DeferredWebhooks
from shared.egress import EgressGuard
from shared.secrets import KEY_BYTES, Sealer


@dataclass(frozen=True, slots=True)
class Policies:
    """Settings of all packages.

    Attributes:
        links: Base URL of links in e-mails.
        has_portal: Whether the links lead to a client portal instead of the console.
        access_token_s: Lifetime of access tokens, in seconds.
        egress_allow: Networks besides the public internet that customers' addresses may refer to.
        public_url: Public URL of this API, for vendors' redirects; empty to use `links`.
        embedder: Embeds the documents that agents search; None for full-text search only.
        invoice_issuer: Lines of the platform's name and address on invoices.
        invoice_fonts: Files of additional fonts for invoices.
        staff_totp_required: Default until an admin sets it; true except on an operator's own machine.
    """

    links: str
    accounts: AccountPolicy = field(default_factory=AccountPolicy)
    hashing: HashPolicy = field(default_factory=HashPolicy)
    agents: AgentPolicy = field(default_factory=AgentPolicy)
    calls: CallPolicy = field(default_factory=CallPolicy)
    analysis: AnalysisPolicy = field(default_factory=AnalysisPolicy)
    embedder: EmbedderPolicy | None = None
    messages: MessagePolicy = field(default_factory=MessagePolicy)
    outbound_webhooks: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    exports: ExportPolicy = field(default_factory=ExportPolicy)
    grants: GrantPolicy = field(default_factory=GrantPolicy)
    sso: SsoPolicy = field(default_factory=SsoPolicy)
    streams: LiveStreamLimits = field(default_factory=LiveStreamLimits)
    public_url: str = ""
    access_token_s: int = 600
    staff_totp_required: bool = False
    has_portal: bool = True
    egress_allow: tuple[str, ...] = ()
    invoice_issuer: tuple[str, ...] = ("Vocalized",)
    invoice_fonts: tuple[Path, ...] = ()


def make_tokens(sealer: Sealer, policies: Policies) -> AccessTokens:
    """Create the service that issues and reads access tokens.

    Args:
        sealer: Holds the token keys, from which the keys of access tokens are derived.
    """
    return AccessTokens(sealer.derive(KEY_PURPOSE), policies.access_token_s)


def make_services(
    sealer: Sealer, policies: Policies, passwords: Passwords, outside: OutsideClients, own: AccessTokens | None = None
) -> Services:
    """Make the services of a program.

    Args:
        sealer: Uses the vault keys.
        passwords: Owns threads; the caller closes it.
        own: Access tokens; None in programs without sign-in, which use a random key.
    """
    guard = EgressGuard(policies.egress_allow)
    email_queue = EmailQueue(sealer, policies.links)
    # Workspaces have registered this address at their providers, so without a portal it must stay outside the console.
    sso_base = policies.links if policies.has_portal else policies.public_url
    key_checker = KeyChecker(guard)
    # Packages that other packages use, lowest first.
    platform = Platform({"admin_totp_required": policies.staff_totp_required})
    accounts = Accounts(
        policy=policies.accounts,
        sealer=sealer,
        email_queue=email_queue,
        passwords=passwords,
        tokens=own or make_tokens(Sealer([os.urandom(KEY_BYTES)]), policies),
        platform=platform,
    )
    workspaces = Workspaces(accounts=accounts, platform=platform, email_queue=email_queue)
    knowledge = KnowledgeDocuments(workspaces, platform)
    agents = Agents(workspaces=workspaces, numbers=NumberAssignment(), documents=knowledge, policy=policies.agents)
    lookup = AgentLookup(policies.agents, sealer)
    tools = make_tools(workspaces, sealer, guard, RESERVED_NAMES)
    billing_mail = BillingMail(workspaces, email_queue)
    payments = Payments(outside.billing_provider, billing_mail)
    do_not_call = DoNotCallList(NumberPseudonyms(sealer).list_all)
    preconditions = CallPreconditions(workspaces, platform, do_not_call)
    campaigns = Campaigns(workspaces, lookup, platform)
    rights = LastingRights(sealer)
    return Services(
        # Outside services
        outside.carriers,
        outside.call_pacer,
        outside.media_assignment,
        outside.storage,
        DeferredWebhooks(outside.bus, outside.authority.sealer),
        ProviderHealthStates(outside.bus, "control"),
        # People and workspaces
        platform,
        accounts,
        make_single_sign_on(workspaces, accounts, sealer, guard, policies.sso, f"{sso_base.rstrip('/')}/sso/callback"),
        workspaces,
        ApiKeys(),
        make_privacy(workspaces, platform, sealer),
        # Agents and their dependencies
        agents,
        lookup,
        Templates(),
        knowledge,
        KnowledgeSearch(Embedder(policies.embedder, guard) if policies.embedder else None),
        tools,
        tools.http,
        tools.mcp,
        Integrations(
            workspaces,
            sealer,
            guard,
            policies.grants,
            public_url=policies.public_url or policies.links,
            pages=policies.links,
        ),
        ProviderAdministration(sealer, key_checker),
        WorkspaceProviders(workspaces, sealer, key_checker, standins=policies.agents.standins),
        # Numbers and calls
        Numbers(workspaces=workspaces, agents=agents, platform=platform, payments=payments),
        BusinessAddresses(workspaces),
        RegulatoryBundles(workspaces),
        CallAdmission(lookup, policies.calls, sealer),
        OutboundCalls(workspaces, lookup, preconditions),
        BrowserCalls(workspaces, lookup, platform, outside.media_assignment, rights),
        CallPlacement(lookup, platform, do_not_call),
        CallRecords(),
        AgentTests(workspaces, agents, lookup, CallRecords()),
        LiveFeed(CallRecords(), outside.media_assignment, policies.streams),
        Supervisions(CallRecords(), platform),
        rights,
        CallAnalyzer(policies.analysis, guard),
        BlockedCallers(),
        do_not_call,
        SpendAlarms(platform, email_queue),
        PhoneCodes(workspaces, platform, sealer, preconditions, policies.agents.dangerous_countries),
        campaigns,
        CampaignRecipients(campaigns),
        # Services that process ended calls
        CallerMessages(policies.messages, email_queue),
        make_outbound_webhooks(workspaces, sealer, guard, email_queue, policies.outbound_webhooks),
        Invoices(platform, billing_mail, policies.invoice_issuer, policies.invoice_fonts),
        payments,
        InvoiceLinks(sealer.derive(INVOICE_LINKS)),
        SpendGuard(outside.bus, outside.authority.stream_credentials),
        Dashboard(),
        PlatformAnalytics(),
        WorkspaceAnalytics(),
        CallExports(policies.exports),
    )


async def close_services(services: Services) -> None:
    """Close the connections that the services themselves opened."""
    await services[ToolServices].connections.close()
    await services[KnowledgeSearch].close()
