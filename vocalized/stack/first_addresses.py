"""The addresses of a platform that has just started, with the demonstration's accounts, agents and numbers."""

from dataclasses import replace
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]

from shared.plan import read_plan
from shared.secrets import Sealer
from vocalized.stack.accounts import Accounts, AccountsRequest, ensure_accounts
from vocalized.stack.addresses import Addresses, IntegrationsAddress, StripeAddress
from vocalized.stack.key_settings import parse_key_settings
from vocalized.stack.language_model import answers_by_rules
from vocalized.stack.process import ServerFailed
from vocalized.stack.settings import simulated_carriers
from vocalized.stack.simulated_integrations import (
    ensure_integration_types,
    has_integrations_file,
    retire_integration_types,
)
from vocalized.stack.simulated_vendors import has_vendors_folder
from vocalized.stack.stack import Stack
from vocalized.stack.vendor_agent import ensure_vendor_agent, retire_vendors

# The plan that the first agent is made from.
PLAN = Path("config/plans/local.json")


async def ensure_addresses(root: Path, stack: Stack) -> Addresses:
    """Creates the demonstration's accounts, agents and numbers where they are missing. Raises ServerFailed."""
    ports, carriers = stack.ports, simulated_carriers()
    request = AccountsRequest(
        url=ports.control_url,
        database_url=stack.database_url,
        carriers=carriers,
        plan=read_plan(root / PLAN),
        has_stripe=stack.stripe is not None,
    )
    accounts = await _choose_agent(stack, await ensure_accounts(stack.state, request), request)
    if stack.integrations is not None:
        await ensure_integration_types(request.url, accounts, stack.integrations)
    elif has_integrations_file(stack.state):
        await retire_integration_types(request.url, accounts)
    return _addresses(stack, accounts, rule_based=await _answers_by_rules(stack, accounts))


async def _choose_agent(stack: Stack, accounts: Accounts, request: AccountsRequest) -> Accounts:
    """With simulated vendors the agent that uses them takes the first one's place. Raises ServerFailed."""
    if stack.vendors is None:
        if has_vendors_folder(stack.state):
            await retire_vendors(request.url, accounts)
        return accounts
    carrier = next(iter(request.carriers), "")
    agent = await ensure_vendor_agent(request.url, accounts, request.plan, stack.vendors, carrier)
    return replace(accounts, agent_id=agent.agent_id, number=agent.number)


async def _answers_by_rules(stack: Stack, accounts: Accounts) -> bool:
    sealer = Sealer(parse_key_settings(stack.settings).vault)
    try:
        return await answers_by_rules(stack.database_url, sealer, accounts.workspace_id, accounts.agent_id)
    except (asyncpg.PostgresError, OSError, TimeoutError) as error:
        raise ServerFailed(f"the first agent cannot be read: {type(error).__name__}: {error}") from error


def _addresses(stack: Stack, accounts: Accounts, *, rule_based: bool) -> Addresses:
    ports, stripe, integrations = stack.ports, stack.stripe, stack.integrations
    nodes = [f"http://127.0.0.1:{port}" for port in ports.media]
    return Addresses(
        control=ports.control_url,
        media=nodes[0],
        carrier=ports.carrier_url if simulated_carriers() else "",
        admin=accounts.admin,
        user=accounts.user,
        workspace_id=accounts.workspace_id,
        agent_id=accounts.agent_id,
        number=accounts.number,
        telnyx_number=accounts.telnyx_number,
        media_nodes=nodes,
        rule_based=rule_based,
        stripe=StripeAddress(stripe.url, stripe.key) if stripe is not None else None,
        integrations=IntegrationsAddress(integrations.url, integrations.key) if integrations is not None else None,
    )
