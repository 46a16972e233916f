"""A caller leaves a message at the whole platform, and rings when the business blocks the number or is closed."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from control.db.pool import open_pool
from control.db.scope import enter_platform
from control.voice.catalog.service import KeyChange, set_key
from lab.stage.callers import scripted_caller
from lab.stage.platform import Platform
from shared.secrets import Sealer
from simulator.carrier.prepared_turn import PreparedTurn
from tests.media.providers.sse_server import CHUNKED, DONE, delta, sse_server
from tests.network.call_record import find_call_id, wait_for_record

pytestmark = pytest.mark.asyncio(loop_scope="package")

PATIENCE_S = 60.0
MESSAGE = {"message": "Please call me back about the invoice.", "caller_name": "Jane Doe"}
FUNCTION = {"name": "take_message", "arguments": json.dumps(MESSAGE)}
TAKEN = (
    delta(tool_calls=[{"index": 0, "id": "call_1", "type": "function", "function": FUNCTION}]),
    delta("tool_calls"),
)
ANSWER = (delta(content="I have noted that, thank you very much for calling."), delta("stop"))
MODEL = "scripted"
CLOSED: dict[str, Any] = {
    "hours": {"exceptions": [{"date": "2099-01-01", "ranges": [{"opens": "09:00", "closes": "10:00"}]}]},
    "outside_hours": {"action": "hang_up", "text": "We are closed."},
}


async def serve_model(platform: Platform, url: str) -> None:
    """Puts a model at this address into service, as `providers set-key` does."""
    sealer = Sealer([bytes(32)])  # a model without a key has nothing to seal
    change = KeyChange(MODEL, None, vendor="openai", base_url=url, model="scripted", priority=100_000)
    async with open_pool(platform.database_url, size=1) as pool, pool.transaction() as db:
        await enter_platform(db)
        await set_key(db, sealer, change)


@asynccontextmanager
async def agent_with(platform: Platform, *, carrier: str = "twilio", **config: Any) -> AsyncIterator[str]:
    """A carrier's agent with another config until the block ends; yields its number. Its calls are not analyzed: that
    would ask a scripted model while the next call uses it."""
    config = {"analysis": {"enabled": False}, **config}
    agent = platform.workspace.agents[carrier]
    path = f"{platform.workspace.path}/agents/{agent.id}"
    before = (await platform.workspace.owner.request("GET", path))["agent"]["config"]
    await platform.workspace.owner.request("PUT", path, {"config": config})
    try:
        yield agent.number
    finally:
        removed = {name: None for name in config if name not in before}
        await platform.workspace.owner.request("PUT", path, {"config": {**before, **removed}})


async def wait_for_mail(folder: Path, to: str, subject: str) -> EmailMessage:
    """The first such e-mail."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := await asyncio.to_thread(mails, folder, to, subject)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return found[0]


def mails(folder: Path, to: str, subject: str) -> list[EmailMessage]:
    """E-mails to this address with this subject."""
    texts = [path.read_bytes() for path in sorted(folder.glob("*.eml"))]
    every = [message_from_bytes(text, policy=default) for text in texts]
    return [one for one in every if (one["To"], one["Subject"]) == (to, subject)]


async def test_message_arrives_by_mail_once_with_the_recordings_link(
    platform: Platform, turns: Sequence[PreparedTurn]
) -> None:
    caller, folder = scripted_caller(turns, 70), platform.folder / "mail"
    async with sse_server((CHUNKED, [*TAKEN, DONE, b""]), (CHUNKED, [*ANSWER, DONE, b""])) as model:
        await serve_model(platform, model.url)
        llm = {"llm": [{"provider": MODEL}]}
        tools = ["end_call", "take_message"]
        owner = (await platform.workspace.owner.request("GET", "/auth/me"))["user"]["email"]
        async with agent_with(platform, speech=llm, tools=tools, messages={"email_to": [owner]}) as number:
            await caller.call(platform.network.phone_network, number)
            call_id = await find_call_id(platform, caller.call_id)
            record = await wait_for_record(platform, call_id, recorded=True)
            mail = await wait_for_mail(folder, owner, f"Message from {caller.number}")
    assert [event["event_data"]["ok"] for event in record.events if event["event_type"] == "tool.ran"] == [True]
    text = mail.get_content()
    page = f"{platform.api_url}/console{platform.workspace.path}/calls/{call_id}"
    assert f"> {MESSAGE['message']}\n" in text and "Name: Jane Doe\n" in text
    assert f"{page}\n" in text and f"The recording: {page}/recording\n" in text
    assert len(mails(folder, owner, mail["Subject"])) == 1
    listed = await platform.workspace.owner.request("GET", f"{platform.workspace.path}/messages?call_id={call_id}")
    assert [(message["text"], message["emailed_at"] is None) for message in listed["messages"]] == [
        (MESSAGE["message"], False)
    ]


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
async def test_blocked_caller_is_not_answered(platform: Platform, turns: Sequence[PreparedTurn], carrier: str) -> None:
    caller, owner = scripted_caller(turns, 71), platform.workspace.owner
    path = f"{platform.workspace.path}/blocked-callers"
    blocked = (await owner.request("POST", path, {"caller": caller.number}))["blocked_caller"]
    try:
        await caller.call(platform.network.phone_network, platform.workspace.agents[carrier].number)
    finally:
        await owner.request("DELETE", f"{path}/{blocked['id']}")
    assert caller.refusal and not caller.heard_at
    calls = await owner.request("GET", f"{platform.workspace.path}/calls?limit=1")
    assert [(call["caller_number"], call["status"], call["end_detail"]) for call in calls["calls"]] == [
        (caller.number, "failed", "blocked"),
    ]  # fmt: skip


async def test_closed_business_is_told_and_not_charged(platform: Platform, turns: Sequence[PreparedTurn]) -> None:
    caller = scripted_caller(turns, 72)
    async with agent_with(platform, carrier="twilio", **CLOSED) as number:
        await caller.call(platform.network.phone_network, number)
        calls = await platform.workspace.owner.request("GET", f"{platform.workspace.path}/calls?limit=1")
    (call,) = calls["calls"]
    assert (call["caller_number"], call["end_detail"], call["cost_total"]) == (caller.number, "outside_hours", 0)
    assert not caller.refusal  # it was answered, in order to speak
