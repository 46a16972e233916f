"""`vocalized agent`: an agent of one's own at the platform that `up` runs, live on a number of its own."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp
from rich.console import Console

from vocalized.stack.addresses import Addresses, read_addresses
from vocalized.stack.agents import LiveAgent, carrier_of, ensure_live_agent
from vocalized.stack.api_client import ApiClient, ApiError
from vocalized.stack.process import ServerFailed


class AgentError(Exception):
    """There is no such agent now; the message says why."""


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """The command line. prompt, greeting: of the agent's config; an empty greeting lets the caller speak first."""

    name: str
    prompt: str
    greeting: str
    state: Path
    as_json: bool = False


async def make_agent(options: AgentOptions, console: Console) -> None:
    """Makes the agent, or changes the one of this name, and prints its number. Raises AgentError, StackNotRunning."""
    addresses = read_addresses(options.state)
    if not addresses.number:
        raise AgentError("the running platform has real carriers only: buy the agent's number over the API")
    try:
        async with aiohttp.ClientSession() as session:
            live = await _make(ApiClient(session, addresses.control), addresses, options)
    except (ApiError, ServerFailed) as error:
        raise AgentError(str(error)) from None
    if options.as_json:
        print(json.dumps({"agent_id": live.agent_id, "number": live.number}))
    else:
        console.print(f"{options.name} answers {live.number}", markup=False)


async def _make(api: ApiClient, addresses: Addresses, options: AgentOptions) -> LiveAgent:
    await api.sign_in(**asdict(addresses.user))
    carrier = await carrier_of(api, addresses.workspace_id, addresses.number)
    config = {"prompt": options.prompt, "greeting": options.greeting}
    return await ensure_live_agent(api, addresses.workspace_id, config, options.name, carrier or "twilio")
