"""`vocalized call --to` and `answer` at the whole platform: any workspace's numbers, unanswered and placed calls."""

import asyncio
import json
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from rich.console import Console

from simulator.carrier.audio_clip import read_clip
from simulator.carrier.mulaw import decode
from tests.network.conftest import ROOT
from vocalized.caller.console import CallPrinter
from vocalized.commands.call import CallOptions, run_call
from vocalized.rehearse.callers import SAMPLE, WORDS_MS
from vocalized.rehearse.platform import Platform
from vocalized.rehearse.workspace import PASSWORD
from vocalized.stack.accounts import Credentials
from vocalized.stack.addresses import Addresses, write_addresses
from vocalized.stack.api_client import ApiClient

pytestmark = pytest.mark.asyncio(loop_scope="package")

TURNS = (("say", "a text of some length"),)


async def voice(_: str) -> bytes:
    """The first words of a human recording."""
    clip = read_clip(ROOT / SAMPLE)
    return decode(clip.ulaw[: WORDS_MS * 8]).astype("<i2").tobytes()


def make_addresses(platform: Platform, user: Credentials, workspace_id: str) -> Addresses:
    return Addresses(
        control=platform.api_url, media="", carrier=platform.network_config.public_url,
        admin=Credentials("staff@example.com", PASSWORD), user=user, workspace_id=workspace_id, agent_id="", number="",
        telnyx_number="", media_nodes=[],
    )  # fmt: skip


@pytest.fixture
def own_state(platform: Platform, tmp_path: Path) -> Path:
    """The state of a platform whose customer has the numbers."""
    write_addresses(tmp_path, make_addresses(platform, Credentials("o@example.com", PASSWORD), platform.workspace.id))
    return tmp_path


@pytest_asyncio.fixture(loop_scope="package")
async def foreign_state(platform: Platform, tmp_path: Path) -> AsyncIterator[Path]:
    """The state of a platform whose customer has another workspace."""
    user = Credentials(f"{tmp_path.name.replace('_', '-')}@example.com", PASSWORD)
    async with aiohttp.ClientSession() as session:
        api = ApiClient(session, platform.api_url)
        account = {"email": user.email, "password": user.password, "name": "Other"}
        api.token = (await api.request("POST", "/auth/signup", account))["token"]
        await platform.rows("UPDATE users SET email_verified_at = now() WHERE email = $1", user.email)
        body = {"name": "Other", "industry": "dental", "timezone": "UTC"}
        workspace_id = (await api.request("POST", "/workspaces", body))["workspace"]["id"]
    write_addresses(tmp_path, make_addresses(platform, user, workspace_id))
    yield tmp_path


async def place_test_call(platform: Platform, carrier: str, number: str) -> str:
    """Returns the call's id when it rings at the number."""
    path = f"{platform.workspace.path}/agents/{platform.workspace.agents[carrier].id}/test"
    placed = await platform.workspace.owner.request("POST", path, {"phone_number_to_call": number})
    async with asyncio.timeout(20):
        while number not in [entry.ring.called for entry in platform.network.phone_network.journal]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    call_id: str = placed["test_call_id"]
    return call_id


async def call(state: Path, number: str, out: StringIO) -> int:
    options = CallOptions(to=number, turns=TURNS, state=state, as_json=True)
    return await run_call(options, CallPrinter(Console(file=out, width=200)), voice=voice)


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
async def test_own_number_is_called(
    carrier: str, platform: Platform, own_state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = StringIO()
    assert await call(own_state, platform.workspace.agents[carrier].number, out) == 0, out.getvalue()
    result = json.loads(capsys.readouterr().out)
    assert (result["status"], len(result["turns"])) == ("completed", 1)
    assert result["recording"].endswith(f"{platform.workspace.path}/calls/{result['call_id']}/recording")


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
async def test_number_of_another_workspace_is_called_and_read_as_the_staff(
    carrier: str, platform: Platform, foreign_state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = StringIO()
    assert await call(foreign_state, platform.workspace.agents[carrier].number, out) == 0, out.getvalue()
    result = json.loads(capsys.readouterr().out)
    assert (result["status"], len(result["turns"]), result["turns"][0]["latency_ms"]["total"] > 0) == (
        "completed", 1, True,
    )  # fmt: skip
    assert "warning" not in out.getvalue()


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
async def test_number_whose_agent_is_paused_fails_with_the_reason(
    carrier: str, platform: Platform, own_state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = platform.workspace.agents[carrier]
    path = f"{platform.workspace.path}/agents/{agent.id}"
    await platform.workspace.owner.request("POST", f"{path}/pause")
    out = StringIO()
    try:
        assert await call(own_state, agent.number, out) == 1
    finally:
        await platform.workspace.owner.request("POST", f"{path}/activate")
    assert "not answered: no live agent answers this number" in out.getvalue()
    assert json.loads(capsys.readouterr().out)["status"] == "failed"


@pytest.mark.parametrize(("carrier", "waits_first"), [("twilio", True), ("telnyx", False)])
async def test_test_call_is_answered(
    carrier: str, waits_first: bool, platform: Platform, own_state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also when the phone is picked up only once it rings."""
    number, out = f"+164655502{len(carrier):02}", StringIO()
    options = CallOptions(answer=number, turns=TURNS, state=own_state, as_json=True, wait_s=30)
    test_call_id = "" if waits_first else await place_test_call(platform, carrier, number)
    answering = asyncio.create_task(run_call(options, CallPrinter(Console(file=out, width=200)), voice=voice))
    if waits_first:
        async with asyncio.timeout(20):
            while "waiting for a call" not in out.getvalue():  # noqa: ASYNC110 -- the line comes from another task
                await asyncio.sleep(0.02)
        test_call_id = await place_test_call(platform, carrier, number)
    answered = await answering
    assert answered == 0, out.getvalue()
    result = json.loads(capsys.readouterr().out)
    assert (result["call_id"], result["status"]) == (test_call_id, "completed")
    assert len(result["turns"]) == 1 and result["turns"][0]["agent"]
    assert f"{platform.workspace.agents[carrier].number} calls" in out.getvalue()


async def test_nobody_calls(platform: Platform, own_state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = StringIO()
    options = CallOptions(answer="+16465550299", turns=TURNS, state=own_state, as_json=True, wait_s=0.1)
    assert await run_call(options, CallPrinter(Console(file=out, width=200)), voice=voice) == 1
    assert "error: NUMBER: nobody called in time" in out.getvalue()
    assert json.loads(capsys.readouterr().out)["status"] == "failed"
