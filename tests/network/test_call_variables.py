"""A test call with variables over the simulated network: what the callee hears, and what the language model is told."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from control.db.pool import open_pool
from control.db.scope import enter_platform
from control.voice.catalog.service import KeyChange, set_key
from lab.stage.callers import scripted_caller
from lab.stage.platform import Platform
from lab.stage.workspace import agent_config
from shared.local_time import format_date, to_local
from shared.secrets import Sealer
from simulator.carrier.network.phone_network import Subscriber
from simulator.carrier.prepared_turn import PreparedTurn
from tests.media.providers.sse_server import CHUNKED, DONE, SseServer, delta, sse_server
from tests.network.call_record import wait_for_record

pytestmark = pytest.mark.asyncio(loop_scope="package")

MODEL = "listening-model"
VARIABLES, METADATA = {"customer_name": "Ms Ito", "order": "7731"}, {"crm_id": "c-1"}
ANSWER = (CHUNKED, [delta(content="It is ready."), delta("stop"), DONE, b""])


async def add_model(platform: Platform, server: SseServer) -> None:
    """A provider of the platform that is reached at the server."""
    async with open_pool(platform.database_url, size=1) as pool, pool.transaction() as db:
        await enter_platform(db)
        change = KeyChange(provider=MODEL, key=None, vendor="openai", base_url=server.url, model="m", priority=90_000)
        await set_key(db, Sealer([bytes(32)]), change)


async def create_agent(platform: Platform) -> str:
    config: dict[str, Any] = dict(agent_config(recorded=True))
    config |= {
        "greeting": "Hello {customer_name}, this is {agent_name}.",
        "prompt": "You call {customer_name} about order {order}.",
        "speech": {**config["speech"], "llm": [{"provider": MODEL}]},
        "variables": {"customer_name": {"required": True}, "order": {"default": "unknown"}},
    }
    body = {"name": "Caller", "config": config}
    created = await platform.workspace.owner.request("POST", f"{platform.workspace.path}/agents", body)
    agent_id: str = created["agent"]["id"]
    return agent_id


async def test_callee_hears_the_variables_and_the_model_knows_the_date(
    platform: Platform, turns: Sequence[PreparedTurn]
) -> None:
    workspace, caller = platform.workspace, scripted_caller(turns[:1], 900)
    platform.network.phone_network.subscribers[caller.number] = Subscriber(party=lambda: caller)
    await workspace.owner.request("PUT", workspace.path, {"timezone": "Asia/Tokyo"})
    began = datetime.now(UTC)
    try:
        async with sse_server(ANSWER) as server:
            await add_model(platform, server)
            body = {"phone_number_to_call": caller.number, "variables": VARIABLES, "metadata": METADATA}
            path = f"{workspace.path}/agents/{await create_agent(platform)}/test"
            placed = await workspace.owner.request("POST", path, body)
            record = await wait_for_record(platform, placed["test_call_id"], recorded=True)
    finally:
        await workspace.owner.request("PUT", workspace.path, {"timezone": "UTC"})
    assert (record.call["variables"], record.call["metadata"]) == (VARIABLES, METADATA)
    heard = [event["event_data"]["text"] for event in record.events if event["event_type"] == "agent.said"]
    assert heard[0] == "Hello Ms Ito, this is Caller."
    assert "It is ready." in heard[1]
    system, *_, last = server.requests[0].body["messages"]
    assert system["content"].startswith("You call Ms Ito about order 7731.\n\nThis is a phone call that you made")
    note, _, said = last["content"].partition("\n\n")
    assert said == "and so my fellow americans"
    assert note.startswith("[Now: ") and note.endswith(", Asia/Tokyo, UTC+09:00]")
    assert any(format_date(to_local(moment, "Asia/Tokyo")) in note for moment in (began, datetime.now(UTC)))
