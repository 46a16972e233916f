"""A live agent behind a number of its own, made over the API; each step finds out whether it was done before."""

import asyncio
from dataclasses import dataclass
from typing import Any

from shared.plan import CallPlan
from vocalized.api import Api, Json
from vocalized.child import ServerFailed

_BUY_S = 60.0
_LOOK_S = 0.2
_COUNTRY = "US"
_STATEMENT = "A demonstration on one machine: callers are simulated, or are the people who started it."


@dataclass(frozen=True, slots=True)
class Answering:
    """An agent; number: E.164, empty when it has none."""

    agent_id: str
    number: str


async def answering_agent(api: Api, workspace_id: str, plan: CallPlan, name: str, carrier: str) -> Answering:
    """The agent of this name, live behind a number bought at this carrier; a draft without a carrier.

    Raises ApiFault and ServerFailed.
    """
    base = f"/workspaces/{workspace_id}"
    agents = (await api.ask("GET", f"{base}/agents?limit=200"))["agents"]
    agent = next((agent for agent in agents if agent["name"] == name), None)
    agent = agent or (await api.ask("POST", f"{base}/agents", {"name": name}))["agent"]
    there = await api.ask("PUT", f"{base}/agents/{agent['id']}", {"config": agent_config(plan)})
    if not carrier:
        return Answering(agent["id"], "")
    number: Json | None = there["phone_number"]
    if number is None:
        number = await _number(api, base, carrier)
        await api.ask("PUT", f"{base}/agents/{agent['id']}", {"phone_number_id": number["id"]})
    if there["agent"]["status"] != "live":
        await api.ask("POST", f"{base}/agents/{agent['id']}/activate")
    return Answering(agent["id"], number["phone_number"])


def agent_config(plan: CallPlan) -> dict[str, Any]:
    """A plan's words, turn-taking and providers as an agent's config."""
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
        "recording": {"enabled": plan.recording, "consent": "given_otherwise", "statement": _STATEMENT},
    }


async def _number(api: Api, base: str, carrier: str) -> Json:
    """An active number at this carrier that no agent answers: one that is there, or a new one."""
    numbers = f"{base}/phone-numbers"
    bought = await _free(api, numbers, carrier)
    if bought is None:
        offered = (await api.ask("GET", f"{numbers}/available?country={_COUNTRY}&carrier={carrier}"))["available"]
        if not offered:
            raise ServerFailed(f"{carrier} has no number to sell")
        body = {"phone_number": offered[0]["phone_number"], "friendly_name": "Front desk", "carrier": carrier}
        bought = (await api.ask("POST", numbers, body))["phone_number"]
    for _ in range(round(_BUY_S / _LOOK_S)):
        if bought is None or bought["status"] == "failed":
            raise ServerFailed(f"{carrier} did not sell the number: see worker.log in the state folder")
        if bought["status"] == "active":
            return bought
        await asyncio.sleep(_LOOK_S)
        found = (await api.ask("GET", numbers))["phone_numbers"]
        bought = next((one for one in found if one["id"] == bought["id"]), None)
    raise ServerFailed(f"{carrier} did not sell the number within {_BUY_S:g} s: see worker.log in the state folder")


async def _free(api: Api, numbers: str, carrier: str) -> Json | None:
    found = (await api.ask("GET", numbers))["phone_numbers"]
    usable = ("buying", "active")
    free = [one for one in found if one["status"] in usable and one["carrier"] == carrier and not one["agent_name"]]
    return free[0] if free else None
