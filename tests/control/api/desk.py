"""A workspace with an agent, its number and calls, as the phone network leaves them behind; and a media node."""

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
from shared.bus.commands import DONE, Command, Commands, Order
from shared.bus.live import LiveCall, LiveCalls
from shared.events import Event
from shared.ids import new_id
from tests.control.running import Api, Person

SOMEBODY = "+12125550123"
NOW = datetime.now(UTC).replace(microsecond=0)
STAND_INS = {kind: [{"provider": "standin"}] for kind in ("stt", "llm", "tts")}
_numbers = count(1)


def ago(seconds: float) -> datetime:
    """So long before now."""
    return NOW - timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Desk:
    """A workspace, its owner, its agent and its number. at: the workspace's path."""

    api: Api
    ann: Person
    workspace_id: str
    agent_id: str
    number_id: str
    number: str

    @property
    def at(self) -> str:
        return f"/workspaces/{self.workspace_id}"

    @property
    def calls(self) -> str:
        """Their path."""
        return f"{self.at}/calls"

    async def call(self, *events: Event, **given: Any) -> str:
        """A call as it is in the record, over and inbound unless said otherwise; its id. events: from number 1 on.
        given: by column."""
        call_id = UUID(new_id())
        row = {
            "id": call_id, "workspace_id": UUID(self.workspace_id), "agent_id": UUID(self.agent_id),
            "agent_version": 1, "phone_number_id": UUID(self.number_id), "direction": "inbound", "carrier": "twilio",
            "carrier_call_id": f"CA{call_id.hex}", "caller_number": "+14155550100", "called_number": self.number,
            "status": "completed", "created_at": NOW,
        } | given  # fmt: skip
        places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
        await self.api.owner.execute(f"INSERT INTO calls ({', '.join(row)}) VALUES ({places})", *row.values())
        await self.told(call_id, events)
        return str(call_id)

    async def told(self, call_id: UUID, events: Sequence[Event]) -> None:
        """Media told so."""
        for seq, event in enumerate(events, 1):
            data = msgspec.to_builtins(event)
            await self.api.owner.execute(
                "INSERT INTO call_events (call_id, seq, workspace_id, at, event_type, event_data) "
                "VALUES ($1, $2, $3, $4, $5, $6)",
                call_id, seq, UUID(self.workspace_id), NOW, data["type"], data,
            )  # fmt: skip

    async def logged(self, resource_id: str) -> list[str]:
        """What was done to it, oldest first."""
        rows = await self.api.owner.fetch(
            "SELECT action FROM audit_log WHERE resource_id = $1 ORDER BY at, id", resource_id
        )
        return [row["action"] for row in rows]

    async def change(self, sql: str, *given: Any) -> None:
        """The workspace's row is so. $1: its id."""
        await self.api.owner.execute(f"UPDATE workspaces SET {sql} WHERE id = $1", UUID(self.workspace_id), *given)


async def make_desk(api: Api, *, tier: str = "growth", live: bool = True) -> Desk:
    """A new one."""
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
    made = await ann.post(agents, {"name": "Front desk", "config": config, "phone_number_id": number_id})
    assert made.status == 201, made.body
    agent_id: str = made.body["agent"]["id"]
    if live:
        activated = await ann.post(f"{agents}/{agent_id}/activate")
        assert activated.status == 200, activated.body
    return Desk(api, ann, workspace_id, agent_id, number_id, number)


@dataclass(slots=True)
class Node:
    """A media node on the bus. told: what it was told for its calls; heard: set with the first of it. may_answer: set
    by the test."""

    told: list[tuple[str, Command]] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def node_with(
    valkey_url: str, call_id: str, outcome: str | None = DONE, *, waits: bool = False
) -> AsyncIterator[Node]:
    """One that has the call, and answers all that it is told with `outcome`, never with None. waits: until it may."""
    node, name, redis = Node(), f"node-{new_id()}", bus_client(valkey_url, 30.0)
    commands, over = Commands(redis), asyncio.Event()

    async def take(order: Order) -> None:
        node.told.append((order.call_id, order.command))
        node.heard.set()
        if waits:
            await node.may_answer.wait()
        if outcome is not None:
            await commands.answer(order.id, outcome)

    async def listen() -> None:
        position = "0"
        while not over.is_set():
            position, orders = await commands.read(name, position, 0.1)
            for order in orders:
                await take(order)

    await LiveCalls(redis).beat([LiveCall(call_id, name, 0)])
    listening = asyncio.create_task(listen())
    try:
        yield node
    finally:
        over.set()  # the driver may swallow a task's cancellation
        node.may_answer.set()
        await listening
        await LiveCalls(redis).gone([call_id])
        await redis.aclose()
