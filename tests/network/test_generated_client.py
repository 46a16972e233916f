"""A client generated from the document does the first day's work on the whole platform: it makes an agent, buys a
number and places a test call, which `vocalized answer` picks up."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from inspect import get_annotations
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from rich.console import Console

from lab.stage.platform import Platform
from lab.stage.workspace import CONFIG, PASSWORD
from tests.network.generated_client import GeneratedClient, generate_client
from tests.network.test_called_numbers import TURNS, make_addresses, voice
from vocalized.caller.console import CallPrinter
from vocalized.commands.call import CallOptions, run_call
from vocalized.stack.addresses import Credentials, write_addresses

pytestmark = pytest.mark.asyncio(loop_scope="package")

OWNER = "o@example.com"
PHONE = "+16465550297"
PATIENCE_S = 60.0


async def wait_until(ask: Callable[[], Awaitable[Any]], done: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = await ask()
            if done(answer):
                return answer
            await asyncio.sleep(0.1)


async def read_document(platform: Platform) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{platform.api_url}/openapi.json") as response:
        document: dict[str, Any] = await response.json()
        return document


async def buy_number(made: GeneratedClient, client: Any, workspace_id: UUID) -> Any:
    """A number that the simulated carrier offers, once it is active."""
    operations = made.operations
    offers = await operations["available_numbers"].asyncio(workspace_id, client=client, country="US", limit=1)
    wanted = made.model("NewNumber", phone_number=offers.available[0].phone_number, friendly_name="Test line")
    bought = await operations["buy_number"].asyncio(
        workspace_id, client=client, body=wanted, idempotency_key="first-day"
    )
    assert bought.phone_number.status == "buying"
    answer = await wait_until(
        lambda: operations["get_number"].asyncio(workspace_id, bought.phone_number.id, client=client),
        lambda answer: answer.phone_number.status != "buying",
    )
    assert answer.phone_number.status == "active", answer.phone_number.status_detail
    return answer.phone_number


async def test_generated_client_does_the_first_days_work(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    document = await read_document(platform)
    made = await generate_client(document, tmp_path)
    operations = made.operations
    documented = [method for methods in document["paths"].values() for method in methods.values()]
    assert operations.keys() == {one["operationId"] for one in documented}
    for one in documented:
        answers = str(get_annotations(operations[one["operationId"]].asyncio_detailed)["return"])
        assert answer_types(one) <= set(re.findall(r"\w+", answers)), one["operationId"]

    async with made.package.Client(base_url=platform.api_url) as anonymous:
        account = made.model("SignIn", email=OWNER, password=PASSWORD)
        signed_in = await operations["log_in"].asyncio(client=anonymous, body=account)
    async with made.package.AuthenticatedClient(base_url=platform.api_url, token=signed_in.token) as client:
        await do_the_first_days_work(made, client, platform, tmp_path)


async def do_the_first_days_work(made: GeneratedClient, client: Any, platform: Platform, folder: Path) -> None:
    operations = made.operations
    workspaces = (await operations["list_workspaces"].asyncio(client=client)).workspaces
    workspace_id = workspaces[0].id
    assert str(workspace_id) == platform.workspace.id

    new_agent = made.model("NewAgent", name="Made by a generated client", config=CONFIG)
    agent = (await operations["create_agent"].asyncio(workspace_id, client=client, body=new_agent)).agent
    assert (agent.config.turn.silence_ms, agent.config.speech.stt[0].provider) == (400, "standin")
    number = await buy_number(made, client, workspace_id)
    change = made.model("AgentChange", phone_number_id=str(number.id), config={"greeting": None})
    changed = await operations["update_agent"].asyncio(workspace_id, agent.id, client=client, body=change)
    assert (changed.agent.config.greeting, changed.phone_number.id) == ("", number.id)

    write_addresses(folder, make_addresses(platform, Credentials(OWNER, PASSWORD), platform.workspace.id))
    out = StringIO()
    options = CallOptions(answer=PHONE, turns=TURNS, state=folder, as_json=True, wait_s=30)
    answering = asyncio.create_task(run_call(options, CallPrinter(Console(file=out, width=200)), voice=voice))
    placed = await operations["place_test"].asyncio(
        workspace_id, agent.id, client=client, body=made.model("TestCall", phone_number_to_call=PHONE)
    )
    assert await answering == 0, out.getvalue()
    ended = await wait_until(
        lambda: operations["get_call"].asyncio(workspace_id, placed.test_call_id, client=client),
        lambda answer: answer.call.ended_at is not None,
    )
    call = ended.call
    assert (call.status, call.is_test, call.called_number, call.caller_number) == (
        "completed", True, PHONE, number.phone_number,
    )  # fmt: skip
    assert call.turns[-1].agent and ended.agent.name == "Made by a generated client"

    refused = await operations["get_call"].asyncio(workspace_id, UUID(int=0), client=client)
    assert refused.error.code == "call_not_found" and refused.error.errors[0].code == "call_not_found"


def answer_types(operation: dict[str, Any]) -> set[str]:
    """The names of the schemas of an operation's answers, errors included."""
    contents = [answer["content"] for answer in operation["responses"].values() if "content" in answer]
    schemas = [content["application/json"]["schema"] for content in contents if "application/json" in content]
    return {schema["$ref"].rpartition("/")[2] for schema in schemas if "$ref" in schema}
