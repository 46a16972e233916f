"""A workspace with an agent, a phone number and calls, written to the database directly; and a media node."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import msgspec

from shared.bus.client import bus_client
from shared.bus.commands import DONE, CallCommand, Command, CommandStream
from shared.bus.live import LiveCall, LiveCalls
from shared.events import Event
from shared.ids import new_id
from tests.platform.api import Api
from tests.platform.clients import User

CALLEE = "+12125550123"
NOW = datetime.now(UTC).replace(microsecond=0)
STAND_INS = {kind: [{"provider": "standin"}] for kind in ("stt", "llm", "tts")}
_numbers = count(1)


def ago(seconds: float) -> datetime:
    """So many seconds before NOW."""
    return NOW - timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class CallWorkspace:
    """A workspace with its owner (ann), agent and phone number."""

    api: Api
    ann: User
    workspace_id: str
    agent_id: str
    number_id: str
    number: str

    @property
    def path(self) -> str:
        return f"/workspaces/{self.workspace_id}"

    @property
    def calls_path(self) -> str:
        """Path of the workspace's calls."""
        return f"{self.path}/calls"

    async def insert_call(self, *events: Event, **columns: Any) -> str:
        """Inserts a call, by default a completed inbound one; returns its id. events: their sequence starts at 1."""
        call_id = UUID(new_id())
        row = {
            "id": call_id, "workspace_id": UUID(self.workspace_id), "agent_id": UUID(self.agent_id),
            "agent_version": 1, "phone_number_id": UUID(self.number_id), "direction": "inbound", "carrier": "twilio",
            "carrier_call_id": f"CA{call_id.hex}", "caller_number": "+14155550100", "called_number": self.number,
            "status": "completed", "created_at": NOW,
        } | columns  # fmt: skip
        places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
        await self.api.owner.execute(f"INSERT INTO calls ({', '.join(row)}) VALUES ({places})", *row.values())
        await self.insert_events(call_id, events)
        return str(call_id)

    async def insert_events(self, call_id: UUID, events: Sequence[Event]) -> None:
        for seq, event in enumerate(events, 1):
            data = msgspec.to_builtins(event)
            await self.api.owner.execute(
                "INSERT INTO call_events (call_id, seq, workspace_id, at, event_type, event_data) "
                "VALUES ($1, $2, $3, $4, $5, $6)",
                call_id, seq, UUID(self.workspace_id), NOW, data["type"], data,
            )  # fmt: skip

    async def audit_actions(self, resource_id: str) -> list[str]:
        """Actions on the resource, oldest first."""
        rows = await self.api.owner.fetch(
            "SELECT action FROM audit_log WHERE resource_id = $1 ORDER BY at, id", resource_id
        )
        return [row["action"] for row in rows]

    async def update_workspace(self, sql: str, *values: Any) -> None:
        """sql: assignments; $1 is the workspace's id."""
        await self.api.owner.execute(f"UPDATE workspaces SET {sql} WHERE id = $1", UUID(self.workspace_id), *values)


async def make_call_workspace(api: Api, *, tier: str = "growth", live: bool = True) -> CallWorkspace:
    ann = await api.sign_up()
    workspace_id, number_id, number = await ann.workspace(), new_id(), f"+1415555{next(_numbers):04}"
    await api.owner.execute("UPDATE workspaces SET tier_name = $2 WHERE id = $1", UUID(workspace_id), tier)
    await api.owner.execute(
        "INSERT INTO phone_numbers (id, workspace_id, phone_number, carrier, status, country) "
        "VALUES ($1, $2, $3, 'twilio', 'active', 'US')",
        UUID(number_id), UUID(workspace_id), number,
    )  # fmt: skip
    agents = f"/workspaces/{workspace_id}/agents"
    config = {"greeting": "Hello.", "speech": STAND_INS}
    created = await ann.post(agents, {"name": "Front desk", "config": config, "phone_number_id": number_id})
    assert created.status == 201, created.body
    agent_id: str = created.body["agent"]["id"]
    if live:
        activated = await ann.post(f"{agents}/{agent_id}/activate")
        assert activated.status == 200, activated.body
    return CallWorkspace(api, ann, workspace_id, agent_id, number_id, number)


@dataclass(slots=True)
class FakeMediaNode:
    """A media node on the bus. commands: those received, with the call's id; received: set by the first of them;
    may_answer: set by the test."""

    commands: list[tuple[str, Command]] = field(default_factory=list)
    received: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def running_media_node(
    valkey_url: str, call_id: str, outcome: str | None = DONE, *, waits: bool = False
) -> AsyncIterator[FakeMediaNode]:
    """Runs a node with the call. It answers commands with `outcome`; None: it does not answer. waits: it answers only
    after `may_answer` is set."""
    node, name, redis = FakeMediaNode(), f"node-{new_id()}", bus_client(valkey_url, 30.0)
    commands, stopped = CommandStream(redis), asyncio.Event()

    async def answer(command: CallCommand) -> None:
        node.commands.append((command.call_id, command.command))
        node.received.set()
        if waits:
            await node.may_answer.wait()
        if outcome is not None:
            await commands.answer(command.id, outcome)

    async def listen() -> None:
        position = "0"
        while not stopped.is_set():
            position, received = await commands.read(name, position, 0.1)
            for command in received:
                await answer(command)

    await LiveCalls(redis).refresh([LiveCall(call_id, name, 0)])
    listening = asyncio.create_task(listen())
    try:
        yield node
    finally:
        stopped.set()  # the driver may swallow a task's cancellation
        node.may_answer.set()
        await listening
        await LiveCalls(redis).remove([call_id])
        await redis.aclose()
