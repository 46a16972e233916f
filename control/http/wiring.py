"""The domain rooms put together: the same for the API and the worker."""

from dataclasses import dataclass, field

from control.accounts.access_tokens import KEY_PURPOSE, AccessTokens
from control.accounts.mail import Mailer
from control.accounts.passwords import Passwords
from control.accounts.policy import AccountPolicy, HashPolicy
from control.accounts.service import Accounts
from control.agents.model import AgentPolicy
from control.agents.service import Agents
from control.agents.templates import Templates
from control.analytics.service import Analytics
from control.calls.policy import CallPolicy
from control.calls.service import Calls
from control.http.context import Services
from control.http.outside import Outside
from control.numbers.service import Numbers
from control.platform.service import Platform
from control.workspaces.service import Workspaces
from shared.bus.notes import Notes
from shared.secrets import Sealer


@dataclass(frozen=True, slots=True)
class Policies:
    """What settings say about the rooms. links: base URL of the client portal, for letters. access_token_s: seconds."""

    links: str
    accounts: AccountPolicy = field(default_factory=AccountPolicy)
    hashing: HashPolicy = field(default_factory=HashPolicy)
    agents: AgentPolicy = field(default_factory=AgentPolicy)
    calls: CallPolicy = field(default_factory=CallPolicy)
    access_token_s: int = 600


def make_tokens(sealer: Sealer, policies: Policies) -> AccessTokens:
    """Their keys are derived from the secret keys, and rotate with them."""
    return AccessTokens(sealer.derive(KEY_PURPOSE), policies.access_token_s)


def make_services(sealer: Sealer, policies: Policies, passwords: Passwords, outside: Outside) -> Services:
    """`passwords` has threads: whoever made it closes it."""
    platform = Platform()
    mailer = Mailer(sealer, policies.links)
    accounts = Accounts(
        policy=policies.accounts,
        sealer=sealer,
        mailer=mailer,
        passwords=passwords,
        tokens=make_tokens(sealer, policies),
        platform=platform,
    )
    workspaces = Workspaces(accounts=accounts, platform=platform, mailer=mailer)
    agents = Agents(workspaces=workspaces, policy=policies.agents)
    return Services(
        accounts=accounts,
        workspaces=workspaces,
        agents=agents,
        templates=Templates(),
        platform=platform,
        analytics=Analytics(),
        numbers=Numbers(workspaces=workspaces, agents=agents, platform=platform),
        calls=Calls(workspaces=workspaces, agents=agents, platform=platform, policy=policies.calls, sealer=sealer),
        carriers=outside.carriers,
        handover=outside.handover,
        storage=outside.storage,
        notes=Notes(outside.bus, sealer),
    )
