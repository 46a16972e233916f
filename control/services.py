"""Makes the services of the domain rooms, for the API and the worker alike."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from control.accounts.access_tokens import KEY_PURPOSE, AccessTokens
from control.accounts.email_delivery import EmailQueue
from control.accounts.passwords import Passwords
from control.accounts.policy import AccountPolicy, HashPolicy
from control.accounts.service import Accounts
from control.addresses.service import BusinessAddresses
from control.agents.model import AgentPolicy
from control.agents.remote_tools import RESERVED_NAMES
from control.agents.service import Agents
from control.agents.templates import Templates
from control.analytics.call_exports import CallExports, ExportPolicy
from control.analytics.platform_analytics import PlatformAnalytics
from control.analytics.service import Analytics
from control.analytics.workspace_analytics import WorkspaceAnalytics
from control.api_keys.service import ApiKeys
from control.billing.accounts.service import BillingMail
from control.billing.invoices.links import KEY_PURPOSE as INVOICE_LINKS
from control.billing.invoices.links import InvoiceLinks
from control.billing.invoices.service import Invoices
from control.billing.limits.service import SpendGuard
from control.billing.payments.service import Payments
from control.calls.admission.service import CallAdmission
from control.calls.analysis.rules import AnalysisPolicy
from control.calls.analysis.service import CallAnalyser
from control.calls.blocked_callers.service import BlockedCallers
from control.calls.deletion.rules import NumberPseudonyms
from control.calls.outbound.service import CallPlacement, OutboundCalls
from control.calls.records.rules import CallPolicy
from control.calls.records.service import CallRecords
from control.calls.spend_alarms.service import SpendAlarms
from control.calls.verified_numbers.service import PhoneCodes
from control.campaigns.service import CampaignRecipients, Campaigns
from control.do_not_call.service import DoNotCallList
from control.http.services import Services
from control.integrations.grants.rules import GrantPolicy
from control.integrations.service import Integrations, ResultPages
from control.knowledge.embedder import EmbedderPolicy
from control.knowledge.hybrid_search import KnowledgeSearch
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
from control.sso.model import SsoPolicy
from control.sso.service import make_single_sign_on
from control.tools.service import ToolServices, make_tools
from control.voice.administration import ProviderAdministration
from control.voice.guarded_http import GuardedTransport
from control.voice.http_embedder import HttpEmbedder
from control.voice.key_check import KeyChecker
from control.voice.workspace_providers import WorkspaceProviders
from control.workspaces.service import Workspaces
from shared.bus.health import ProviderHealthStates
from shared.bus.webhook_queue import DeferredWebhooks
from shared.egress import EgressGuard
from shared.secrets import KEY_BYTES, Sealer


@dataclass(frozen=True, slots=True)
class Policies:
    """Settings of the domain rooms. links: base URL of links in e-mails; has_portal: of a client portal, else of the
    API's own pages. access_token_s: seconds. egress_allow: networks beside the public internet that
    customers' addresses may lead to. public_url: of this API, for vendors' redirects; empty: as `links`.
    embedder: of documents that agents search; None: they are searched by full text only.
    invoice_issuer: lines of the platform's name and address on invoices; invoice_fonts: files of further fonts for
    them. staff_totp_required: until an admin sets it; true outside of an operator's own machine."""

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
    public_url: str = ""
    access_token_s: int = 600
    staff_totp_required: bool = False
    has_portal: bool = True
    egress_allow: tuple[str, ...] = ()
    invoice_issuer: tuple[str, ...] = ("Vocalized",)
    invoice_fonts: tuple[Path, ...] = ()


def make_tokens(sealer: Sealer, policies: Policies) -> AccessTokens:
    """Issues and reads access tokens. sealer: of the token keys, from which theirs are derived."""
    return AccessTokens(sealer.derive(KEY_PURPOSE), policies.access_token_s)


def _make_platform(policies: Policies) -> Platform:
    return Platform({"admin_totp_required": policies.staff_totp_required})


def _make_accounts(
    sealer: Sealer,
    tokens: AccessTokens,
    policies: Policies,
    passwords: Passwords,
    platform: Platform,
    mailer: EmailQueue,
) -> Accounts:
    return Accounts(
        policy=policies.accounts,
        sealer=sealer,
        email_queue=mailer,
        passwords=passwords,
        tokens=tokens,
        platform=platform,
    )


def make_services(
    sealer: Sealer, policies: Policies, passwords: Passwords, outside: OutsideClients, own: AccessTokens | None = None
) -> Services:
    """sealer: of the vault keys. passwords: owns threads; the caller closes it. own: access tokens; None in
    programs in which nobody signs in, for which they have a key that nobody else knows."""
    tokens = own or make_tokens(Sealer([os.urandom(KEY_BYTES)]), policies)
    platform, guard = _make_platform(policies), EgressGuard(policies.egress_allow)
    mailer, checker = EmailQueue(sealer, policies.links, to_portal=policies.has_portal), KeyChecker(guard)
    accounts = _make_accounts(sealer, tokens, policies, passwords, platform, mailer)
    workspaces = Workspaces(accounts=accounts, platform=platform, email_queue=mailer)
    knowledge, do_not_call = KnowledgeDocuments(workspaces, platform), DoNotCallList(NumberPseudonyms(sealer).list_all)
    agents, webhook_policy = _make_agents(workspaces, knowledge, policies), policies.outbound_webhooks
    billing_mail = BillingMail(workspaces, mailer)
    payments = Payments(outside.billing_sink, billing_mail)
    lookup, tools = agents.make_lookup(sealer), make_tools(workspaces, sealer, checker.guard, RESERVED_NAMES)
    campaigns = Campaigns(workspaces, lookup, platform)
    outbound = OutboundCalls(workspaces, lookup, platform, do_not_call)
    return Services(
        ApiKeys(),
        Templates(),
        Analytics(),
        PlatformAnalytics(),
        WorkspaceAnalytics(),
        BlockedCallers(),
        accounts,
        workspaces,
        agents,
        platform,
        CallExports(policies.exports),
        Invoices(platform, billing_mail, policies.invoice_issuer, policies.invoice_fonts),
        payments,
        InvoiceLinks(sealer.derive(INVOICE_LINKS)),
        SpendGuard(outside.bus, outside.authority.vouchers),
        Numbers(workspaces=workspaces, agents=agents, platform=platform, payments=payments),
        BusinessAddresses(workspaces),
        RegulatoryBundles(workspaces),
        CallAdmission(lookup, policies.calls, sealer),
        outbound,
        CallPlacement(outbound),
        CallRecords(),
        campaigns,
        CampaignRecipients(campaigns),
        lookup,
        CallAnalyser(policies.analysis, guard),
        ProviderAdministration(sealer, checker),
        WorkspaceProviders(workspaces, sealer, checker, standins=policies.agents.standins),
        do_not_call,
        SpendAlarms(platform, mailer),
        PhoneCodes(workspaces, platform, sealer, do_not_call, policies.agents.dangerous_countries),
        CallerMessages(policies.messages, mailer),
        make_outbound_webhooks(workspaces, sealer, guard, mailer, GuardedTransport, webhook_policy),
        knowledge,
        KnowledgeSearch(HttpEmbedder(policies.embedder, guard) if policies.embedder else None),
        make_privacy(workspaces, platform, sealer),
        make_single_sign_on(workspaces, accounts, sealer, guard, policies.sso, mailer.page("/sso/callback")),
        _make_integrations(workspaces, sealer, guard, policies),
        tools,
        tools.http,
        tools.mcp,
        outside.carriers,
        outside.call_pacer,
        outside.media_assignment,
        outside.storage,
        DeferredWebhooks(outside.bus, outside.authority.sealer),
        ProviderHealthStates(outside.bus, "control"),
    )


def _make_agents(workspaces: Workspaces, knowledge: KnowledgeDocuments, policies: Policies) -> Agents:
    return Agents(workspaces=workspaces, numbers=NumberAssignment(), documents=knowledge, policy=policies.agents)


def _make_integrations(workspaces: Workspaces, sealer: Sealer, guard: EgressGuard, policies: Policies) -> Integrations:
    return Integrations(
        workspaces,
        sealer,
        guard,
        policies.grants,
        public_url=policies.public_url or policies.links,
        pages=ResultPages(policies.links, policies.has_portal),
    )


async def close_services(services: Services) -> None:
    """Closes the connections that the services themselves opened."""
    await services[ToolServices].connections.close()
    await services[KnowledgeSearch].close()
