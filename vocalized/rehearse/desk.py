"""The customer's and the staff's side of a rehearsal: accounts, an agent on each carrier's number, and questions to the
API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg  # type: ignore[import-untyped]

from control.accounts.hiring import NewAdmin
from shared.ids import new_id
from vocalized.admin import hire_into
from vocalized.api import Api
from vocalized.surroundings import CarrierName

PASSWORD = "plum tractor 48 violin"
# Whose greeting is heard at once, and whose answers take what real providers take.
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


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent that answers a number."""

    id: str
    number: str
    carrier: str


@dataclass(frozen=True, slots=True)
class Desk:
    """One workspace with its owner and agents, and a member of the staff. database_url: of the database's owner, to
    look behind the scenes."""

    user: Api
    admin: Api
    workspace_id: str
    agents: Mapping[str, Agent]
    database_url: str

    @property
    def path(self) -> str:
        """The workspace's own paths begin so."""
        return f"/workspaces/{self.workspace_id}"

    async def rows(self, sql: str, *values: object) -> list[Any]:
        """What the database holds."""
        connection = await asyncpg.connect(self.database_url)
        try:
            found: list[Any] = await connection.fetch(sql, *values)
            return found
        finally:
            await connection.close()


async def open_desk(
    session: aiohttp.ClientSession, url: str, database_url: str, numbers: Mapping[CarrierName, str], *, recorded: bool
) -> Desk:
    """Accounts, a workspace whose tier allows everything, and a live agent for each carrier's number."""
    user, admin = Api(session, url), Api(session, url)
    await hire_into(database_url, NewAdmin("staff@example.com", "Staff", "super_admin", PASSWORD))
    await admin.sign_in("staff@example.com", PASSWORD, staff=True)
    limits = {
        "max_concurrent_calls": 10_000, "max_agents": 100, "max_phone_numbers": 100,
        "features": {"recording_days": 7, "outbound_calls": True},
    }  # fmt: skip
    await admin.ask("PUT", "/admin/config/tiers/trial", limits)
    await admin.ask(
        "PUT", "/admin/config/settings", {"settings": [{"key": key, "value": value} for key, value in GENEROUS.items()]}
    )
    signed = await user.ask("POST", "/auth/signup", {"email": "o@example.com", "password": PASSWORD, "name": "Owner"})
    user.token = signed["token"]
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("UPDATE users SET email_verified_at = now()")
        body = {"name": "Rehearsal", "industry": "dental", "timezone": "UTC"}
        workspace_id = (await user.ask("POST", "/workspaces", body))["workspace"]["id"]
        await connection.execute("UPDATE workspaces SET status = 'active'")
        agents: dict[str, Agent] = {
            carrier: await _agent(user, connection, workspace_id, carrier, number, recorded=recorded)
            for carrier, number in numbers.items()
        }
    finally:
        await connection.close()
    return Desk(user, admin, workspace_id, agents, database_url)


GENEROUS = {
    "outbound_calls_per_minute": 10_000,
    "outbound_calls_per_day": 1_000_000,
    "outbound_repeats_per_day": 1_000,
    "outbound_minutes_per_day": 1_000_000,
    "trial_test_calls_per_day": 1_000,
    "test_calls_per_day": 10_000,
}


async def _agent(user: Api, connection: Any, workspace_id: str, carrier: str, number: str, *, recorded: bool) -> Agent:
    """The number is the carrier's already (see stage.py): here it is only written down."""
    config = {**CONFIG, "recording": RECORDED} if recorded else CONFIG
    path = f"/workspaces/{workspace_id}/agents"
    agent_id = (await user.ask("POST", path, {"name": f"Front desk {carrier}", "config": config}))["agent"]["id"]
    number_id = new_id()
    await connection.execute(
        "INSERT INTO phone_numbers (id, workspace_id, phone_number, carrier, carrier_number_id, status, country) "
        "VALUES ($1, $2, $3, $4, $5, 'active', 'US')",
        UUID(number_id), UUID(workspace_id), number, carrier, number.lstrip("+"),
    )  # fmt: skip
    await user.ask("PUT", f"{path}/{agent_id}", {"phone_number_id": number_id})
    await user.ask("POST", f"{path}/{agent_id}/activate")
    return Agent(agent_id, number, carrier)
