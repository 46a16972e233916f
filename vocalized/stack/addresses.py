"""Where a running platform answers and who may sign in: written by `up`, read by `call --to`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import msgspec
from msgspec import Struct

from shared.plan import read_plan
from shared.secrets import Sealer
from vocalized.stack.accounts import Accounts, AccountsRequest, Credentials, ensure_accounts
from vocalized.stack.key_settings import parse_key_settings
from vocalized.stack.language_model import answers_by_rules
from vocalized.stack.ports import Ports
from vocalized.stack.process import ServerFailed
from vocalized.stack.secret_file import write_secret
from vocalized.stack.settings import email_folder, simulated_carriers
from vocalized.stack.simulated_vendors import has_vendors_folder
from vocalized.stack.stack import Stack
from vocalized.stack.vendor_agent import ensure_vendor_agent, retire_vendors

# The plan that the first agent is made from.
PLAN = Path("config/plans/local.json")
_FILE = "addresses.json"


class StackNotRunning(Exception):
    """No platform runs on this state; the message says what to do."""


class Addresses(Struct, frozen=True, omit_defaults=False):
    """Printed when everything is ready. Empty strings: no simulated carrier, or no number at it. rule_based: the agent
    answers by rules, without a language model."""

    control: str
    media: str
    carrier: str
    admin: Credentials
    user: Credentials
    workspace_id: str
    agent_id: str
    number: str
    telnyx_number: str
    media_nodes: Sequence[str]
    rule_based: bool = False

    @property
    def line(self) -> str:
        """One line of JSON."""
        return msgspec.json.encode(self).decode()


async def ensure_addresses(root: Path, stack: Stack) -> Addresses:
    """Creates the demonstration's accounts, agents and numbers where they are missing. Raises ServerFailed."""
    ports, carriers = stack.ports, simulated_carriers()
    request = AccountsRequest(
        url=ports.control_url,
        database_url=stack.database_url,
        emails=email_folder(stack.state, stack.settings),
        carriers=carriers,
        plan=read_plan(root / PLAN),
        has_stripe=stack.stripe is not None,
    )
    accounts = await _choose_agent(stack, await ensure_accounts(stack.state, request), request)
    return _addresses(ports, accounts, rule_based=await _answers_by_rules(stack, accounts))


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


def _addresses(ports: Ports, accounts: Accounts, *, rule_based: bool) -> Addresses:
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
    )


def write_addresses(state: Path, addresses: Addresses) -> None:
    """Only the file's owner may read it: it holds passwords."""
    write_secret(state / _FILE, addresses.line.encode())


def read_addresses(state: Path) -> Addresses:
    """The addresses of the platform that runs on this state. Raises StackNotRunning."""
    try:
        return msgspec.json.decode((state / _FILE).read_bytes(), type=Addresses)
    except FileNotFoundError:
        raise StackNotRunning(
            f"no platform runs on {state}: start one with `vocalized up`, or give its --state"
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise StackNotRunning(f"{state / _FILE} cannot be read: {error}") from None


def remove_addresses(state: Path) -> None:
    """Called when the platform stops."""
    (state / _FILE).unlink(missing_ok=True)
