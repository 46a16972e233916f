"""The accounts of a rehearsal: an admin, and a customer's workspace with an agent on each carrier's number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg  # type: ignore[import-untyped]

from control.accounts.staff.service import NewAdmin
from control.commands.admin import add_admin
from shared.ids import new_id
from vocalized.stack.api_client import ApiClient
from vocalized.stack.settings import CarrierName

PASSWORD = "plum tractor 48 violin"
# Stand-in providers with the latencies of real ones.
SPEECH = {
    "stt": [{"provider": "standin", "options": {"final_ms": 100, "text": "and so my fellow americans"}}],
    "llm": [
        {
            "provider": "standin",
            "options": {
                "first_token_ms": 200,
                "token_ms": 10,
                "text": "Thank you for calling. I can help you with that.",
            },
        }
    ],
    "tts": [{"provider": "standin", "options": {"first_byte_ms": 80, "audio_ms": 2000, "chunk_ms": 200}}],
}
CONFIG = {
    "greeting": "Hello, this is the front desk.",
    "prompt": "You are the front desk.",
    "speech": SPEECH,
    "turn": {"silence_ms": 400, "adaptive": False},
    "limits": {"idle_nudge_s": 0, "silence_s": 0},
}
RECORDED = {"enabled": True, "consent": "given_otherwise", "statement": "The callers are programs."}
DEAD_MODEL = {"provider": "standin", "options": {"fail": "silent"}}


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent that answers a number."""

    id: str
    number: str
    carrier: str


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace, an API client signed in as its owner, and its agents by carrier."""

    owner: ApiClient
    id: str
    agents: Mapping[str, Agent]

    @property
    def path(self) -> str:
        """The prefix of the workspace's API paths."""
        return f"/workspaces/{self.id}"


def agent_config(*, recorded: bool = False, dead_model: bool = False, language: str = "en") -> Mapping[str, Any]:
    """The config of the agents. dead_model: a model that never answers comes before the one that does."""
    config: dict[str, Any] = {**CONFIG, "language": language} | ({"recording": RECORDED} if recorded else {})
    if dead_model:
        config["speech"] = {**SPEECH, "llm": [DEAD_MODEL, *SPEECH["llm"]]}
    return config


async def sign_in_staff(session: aiohttp.ClientSession, url: str, database_url: str) -> ApiClient:
    """Adds an admin and signs in; raises the limits of the platform far above what a rehearsal uses."""
    staff = ApiClient(session, url)
    await add_admin(database_url, NewAdmin("staff@example.com", "Staff", "super_admin", PASSWORD))
    await staff.sign_in("staff@example.com", PASSWORD, staff=True)
    tier = {
        "max_concurrent_calls": 10_000, "max_agents": 100, "max_phone_numbers": 100,
        "features": {"recording_days": 7, "outbound_calls": True},
    }  # fmt: skip
    await staff.request("PUT", "/admin/config/tiers/trial", tier)
    await raise_limits(staff)
    return staff


async def raise_limits(staff: ApiClient) -> None:
    """Raises those of the limits that this version of the platform has."""
    known = {setting["key"] for setting in (await staff.request("GET", "/admin/config/settings"))["settings"]}
    settings = [{"key": key, "value": value} for key, value in HIGH_LIMITS.items() if key in known]
    await staff.request("PUT", "/admin/config/settings", {"settings": settings})


async def create_workspace(
    session: aiohttp.ClientSession,
    url: str,
    database_url: str,
    numbers: Mapping[CarrierName, str],
    config: Mapping[str, Any],
) -> Workspace:
    """A workspace with a live agent for each carrier's number."""
    owner = ApiClient(session, url)
    account = {"email": "o@example.com", "password": PASSWORD, "name": "Owner"}
    owner.token = (await owner.request("POST", "/auth/signup", account))["token"]
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("UPDATE users SET email_verified_at = now()")
        body = {"name": "Rehearsal", "industry": "dental", "timezone": "UTC"}
        workspace_id = (await owner.request("POST", "/workspaces", body))["workspace"]["id"]
        await connection.execute("UPDATE workspaces SET status = 'active'")
        agents: dict[str, Agent] = {
            carrier: await _agent(owner, connection, workspace_id, carrier, number, config=config)
            for carrier, number in numbers.items()
        }
    finally:
        await connection.close()
    return Workspace(owner, workspace_id, agents)


HIGH_LIMITS = {
    "outbound_calls_per_minute": 10_000,
    "outbound_calls_per_hour": 100_000,
    "outbound_calls_per_day": 1_000_000,
    "outbound_repeats_per_day": 1_000,
    "outbound_minutes_per_hour": 100_000,
    "outbound_minutes_per_day": 1_000_000,
    "trial_test_calls_per_day": 1_000,
    "test_calls_per_day": 10_000,
}


async def _agent(
    owner: ApiClient, connection: Any, workspace_id: str, carrier: str, number: str, *, config: Mapping[str, Any]
) -> Agent:
    """The network has the number already (platform.py); only its row is inserted here."""
    path = f"/workspaces/{workspace_id}/agents"
    agent_id = (await owner.request("POST", path, {"name": f"Front desk {carrier}", "config": config}))["agent"]["id"]
    number_id = new_id()
    await connection.execute(
        "INSERT INTO phone_numbers (id, workspace_id, phone_number, carrier, carrier_number_id, status, country) "
        "VALUES ($1, $2, $3, $4, $5, 'active', 'US')",
        UUID(number_id), UUID(workspace_id), number, carrier, number.lstrip("+"),
    )  # fmt: skip
    await owner.request("PUT", f"{path}/{agent_id}", {"phone_number_id": number_id})
    await owner.request("POST", f"{path}/{agent_id}/activate")
    return Agent(agent_id, number, carrier)
