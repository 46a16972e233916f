"""Creates a live agent with a number of its own over the API; each step checks whether it was done before."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.plan import CallPlan
from vocalized.stack.api_client import ApiClient, ApiError, Json
from vocalized.stack.process import ServerFailed

_BUY_S = 60.0
_LOOK_S = 0.2
_COUNTRY = "US"
# The usual ones, and the search of the workspace's documents, of which there are none at first.
_TOOLS = ("end_call", "collect_digits", "transfer", "search_knowledge")
_STATEMENT = "A demonstration on one machine: callers are simulated, or are the people who started it."


@dataclass(frozen=True, slots=True)
class LiveAgent:
    """number: E.164; empty when the agent has none."""

    agent_id: str
    number: str


async def ensure_live_agent(
    api: ApiClient, workspace_id: str, config: Mapping[str, Any], name: str, carrier: str
) -> LiveAgent:
    """The agent of this name with this config, live on a number bought at this carrier; without a carrier it stays a
    draft.

    Raises ApiError and ServerFailed.
    """
    base = f"/workspaces/{workspace_id}"
    agent = await find_agent(api, workspace_id, name)
    agent = agent or (await api.request("POST", f"{base}/agents", {"name": name}))["agent"]
    current = await api.request("PUT", f"{base}/agents/{agent['id']}", {"config": config})
    if not carrier:
        return LiveAgent(agent["id"], "")
    number: Json | None = current["phone_number"]
    if number is None:
        number = await _buy_number(api, base, carrier)
        await api.request("PUT", f"{base}/agents/{agent['id']}", {"phone_number_id": number["id"]})
    if current["agent"]["status"] != "live":
        await api.request("POST", f"{base}/agents/{agent['id']}/activate")
    return LiveAgent(agent["id"], number["phone_number"])


async def find_agent(api: ApiClient, workspace_id: str, name: str) -> Json | None:
    """The workspace's agent of this name. Raises ApiError."""
    agents = (await api.request("GET", f"/workspaces/{workspace_id}/agents?limit=200"))["agents"]
    return next((agent for agent in agents if agent["name"] == name), None)


async def carrier_of(api: ApiClient, workspace_id: str, number: str) -> str:
    """The carrier of a number of the workspace; empty if it has no such number. Raises ApiError."""
    numbers = (await api.request("GET", f"/workspaces/{workspace_id}/phone-numbers"))["phone_numbers"]
    return next((one["carrier"] for one in numbers if one["phone_number"] == number), "")


def agent_config(plan: CallPlan) -> dict[str, Any]:
    """A plan's texts, turn-taking and providers as an agent's config."""
    return {
        "prompt": plan.agent.prompt,
        "greeting": plan.agent.greeting,
        "goodbye": plan.agent.goodbye,
        "language": plan.agent.language,
        "speech": {
            kind: [{"provider": choice.provider} for choice in getattr(plan, kind)] for kind in ("stt", "llm", "tts")
        },
        "turn": {
            "silence_ms": plan.turn.silence_ms,
            "adaptive": plan.turn.adaptive,
            "barge_in": plan.turn.barge_in,
        },
        "tools": list(_TOOLS),
        "recording": {"enabled": plan.recording, "consent": "given_otherwise", "statement": _STATEMENT},
    }


async def _buy_number(api: ApiClient, base: str, carrier: str) -> Json:
    """An active number at this carrier that no agent answers: an existing one, or a new one."""
    numbers = f"{base}/phone-numbers"
    bought = await _unused(api, numbers, carrier)
    if bought is None:
        bought = await _order_number(api, numbers, carrier)
    for _ in range(round(_BUY_S / _LOOK_S)):
        if bought is None or bought["status"] == "failed":
            raise ServerFailed(f"{carrier} did not sell the number: see worker.log in the state folder")
        if bought["status"] == "active":
            return bought
        await asyncio.sleep(_LOOK_S)
        found = (await api.request("GET", numbers))["phone_numbers"]
        bought = next((one for one in found if one["id"] == bought["id"]), None)
    raise ServerFailed(f"{carrier} did not sell the number within {_BUY_S:g} s: see worker.log in the state folder")


async def _order_number(api: ApiClient, numbers: str, carrier: str) -> Json:
    """Orders the first number on offer; the next one if somebody was quicker."""
    offers = (await api.request("GET", f"{numbers}/available?country={_COUNTRY}&carrier={carrier}"))["available"]
    taken: Exception = ServerFailed(f"{carrier} has no number to sell")
    for offer in offers:
        body = {"phone_number": offer["phone_number"], "friendly_name": "Front desk", "carrier": carrier}
        try:
            return (await api.request("POST", numbers, body))["phone_number"]  # type: ignore[no-any-return]
        except ApiError as error:
            if error.status != 409:
                raise
            taken = error
    raise taken


async def _unused(api: ApiClient, numbers: str, carrier: str) -> Json | None:
    found = (await api.request("GET", numbers))["phone_numbers"]
    usable = ("buying", "active")
    free = [one for one in found if one["status"] in usable and one["carrier"] == carrier and not one["agent_name"]]
    return free[0] if free else None
