"""Makes the services of the domain rooms, for the API and the worker alike."""

from dataclasses import dataclass, field

from control.accounts.access_tokens import KEY_PURPOSE, AccessTokens
from control.accounts.email_delivery import EmailQueue
from control.accounts.passwords import Passwords
from control.accounts.policy import AccountPolicy, HashPolicy
from control.accounts.service import Accounts
from control.agents.model import AgentPolicy
from control.agents.service import Agents
from control.agents.templates import Templates
from control.analytics.service import Analytics
from control.billing.service import Billing
from control.billing.spend_guard import SpendGuard
from control.calls.blocked_callers import BlockedCallers
from control.calls.media_assignment import MediaAssignment
from control.calls.phone_codes import PhoneCodes
from control.calls.policy import CallPolicy
from control.calls.service import Calls
from control.calls.spend_alarms import SpendAlarms
from control.carriers.pacer import CallPacer
from control.carriers.registry import Carriers
from control.knowledge.service import KnowledgeDocuments
from control.messages.model import MessagePolicy
from control.messages.service import CallerMessages
from control.numbers.addresses import BusinessAddresses
from control.numbers.assignment import NumberAssignment
from control.numbers.bundles import RegulatoryBundles
from control.numbers.service import Numbers
from control.outside import OutsideClients
from control.platform.service import Platform
from control.privacy.service import Privacy, make_privacy
from control.voice.administration import ProviderAdministration
from control.voice.key_check import KeyChecker
from control.voice.workspace_providers import WorkspaceProviders
from control.workspaces.service import Workspaces
from shared.bus.health import ProviderHealthStates
from shared.bus.webhook_queue import DeferredWebhooks
from shared.egress import EgressGuard
from shared.secrets import Sealer
from shared.storage import Storage


@dataclass(frozen=True, slots=True)
class Services:
    """The domain services, which hold no state, and the clients of what lies outside; made once per program."""

    accounts: Accounts
    workspaces: Workspaces
    agents: Agents
    templates: Templates
    platform: Platform
    analytics: Analytics
    billing: Billing
    spend_guard: SpendGuard
    numbers: Numbers
    addresses: BusinessAddresses
    bundles: RegulatoryBundles
    calls: Calls
    providers: ProviderAdministration
    workspace_providers: WorkspaceProviders
    blocked_callers: BlockedCallers
    phone_codes: PhoneCodes
    spend_alarms: SpendAlarms
    messages: CallerMessages
    knowledge: KnowledgeDocuments
    privacy: Privacy
    carriers: Carriers
    call_pacer: CallPacer
    media_assignment: MediaAssignment
    storage: Storage
    deferred_webhooks: DeferredWebhooks
    provider_health: ProviderHealthStates


@dataclass(frozen=True, slots=True)
class Policies:
    """Settings of the domain rooms. links: base URL of links in e-mails; has_portal: of a client portal, else of the
    API's own pages. access_token_s: seconds. egress_allow: networks beside the public internet that
    customers' addresses may lead to. invoice_issuer: lines of the platform's name and address on invoices."""

    links: str
    accounts: AccountPolicy = field(default_factory=AccountPolicy)
    hashing: HashPolicy = field(default_factory=HashPolicy)
    agents: AgentPolicy = field(default_factory=AgentPolicy)
    calls: CallPolicy = field(default_factory=CallPolicy)
    messages: MessagePolicy = field(default_factory=MessagePolicy)
    access_token_s: int = 600
    has_portal: bool = True
    egress_allow: tuple[str, ...] = ()
    invoice_issuer: tuple[str, ...] = ("Vocalized",)


def make_tokens(sealer: Sealer, policies: Policies) -> AccessTokens:
    """Issues and reads access tokens; their keys are derived from the secret keys and rotate with them."""
    return AccessTokens(sealer.derive(KEY_PURPOSE), policies.access_token_s)


def make_services(sealer: Sealer, policies: Policies, passwords: Passwords, outside: OutsideClients) -> Services:
    """passwords: owns threads; the caller closes it."""
    platform = Platform()
    mailer = EmailQueue(sealer, policies.links, to_portal=policies.has_portal)
    accounts = Accounts(
        policy=policies.accounts,
        sealer=sealer,
        email_queue=mailer,
        passwords=passwords,
        tokens=make_tokens(sealer, policies),
        platform=platform,
    )
    workspaces = Workspaces(accounts=accounts, platform=platform, email_queue=mailer)
    checker = KeyChecker(EgressGuard(policies.egress_allow))
    knowledge = KnowledgeDocuments(workspaces, platform)
    agents = _make_agents(workspaces, knowledge, policies)
    billing = _make_billing(workspaces, platform, mailer, policies, outside)
    return Services(
        accounts=accounts,
        workspaces=workspaces,
        agents=agents,
        templates=Templates(),
        platform=platform,
        analytics=Analytics(),
        billing=billing,
        spend_guard=SpendGuard(outside.bus),
        numbers=Numbers(workspaces=workspaces, agents=agents, platform=platform, billing=billing),
        addresses=BusinessAddresses(workspaces),
        bundles=RegulatoryBundles(workspaces),
        calls=Calls(workspaces=workspaces, agents=agents, platform=platform, policy=policies.calls, sealer=sealer),
        providers=ProviderAdministration(sealer, checker),
        workspace_providers=WorkspaceProviders(workspaces, sealer, checker, standins=policies.agents.standins),
        blocked_callers=BlockedCallers(),
        spend_alarms=SpendAlarms(platform, mailer),
        phone_codes=PhoneCodes(workspaces, platform, sealer, policies.agents.dangerous_countries),
        messages=CallerMessages(policies.messages, mailer),
        knowledge=knowledge,
        privacy=make_privacy(workspaces, platform, sealer),
        carriers=outside.carriers,
        call_pacer=outside.call_pacer,
        media_assignment=outside.media_assignment,
        storage=outside.storage,
        deferred_webhooks=DeferredWebhooks(outside.bus, sealer),
        provider_health=ProviderHealthStates(outside.bus, "control"),
    )


def _make_agents(workspaces: Workspaces, knowledge: KnowledgeDocuments, policies: Policies) -> Agents:
    return Agents(workspaces=workspaces, numbers=NumberAssignment(), documents=knowledge, policy=policies.agents)


def _make_billing(
    workspaces: Workspaces, platform: Platform, mailer: EmailQueue, policies: Policies, outside: OutsideClients
) -> Billing:
    return Billing(
        platform=platform,
        workspaces=workspaces,
        email_queue=mailer,
        issuer=policies.invoice_issuer,
        sink=outside.billing_sink,
    )
