"""`vocalized call --to` and `answer` at the whole platform: any workspace's numbers, unanswered and placed calls."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from contextvars import ContextVar
from dataclasses import dataclass
from io import StringIO, TextIOBase
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from rich.console import Console

from lab.stage.callers import SAMPLE, WORDS_MS
from lab.stage.platform import Platform
from lab.stage.workspace import PASSWORD
from simulator.carrier.audio_clip import read_clip
from simulator.carrier.mulaw import decode
from tests.network.conftest import ROOT
from vocalized.caller.console import CallPrinter
from vocalized.commands.call import CallOptions, run_call
from vocalized.stack.addresses import Addresses, Credentials, write_addresses
from vocalized.stack.api_client import ApiClient

pytestmark = pytest.mark.asyncio(loop_scope="package")

CARRIERS = ("twilio", "telnyx")
TURNS = (("say", "a text of some length"),)
# Phones that answer a test call.
ANSWERED = {"twilio": "+16465550206", "telnyx": "+16465550207"}
# A command, and the carrier of its call.
Case = tuple[str, str]
CASES: Sequence[Case] = [(kind, carrier) for kind in ("own", "foreign", "answered") for carrier in CARRIERS]


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


def own_state(platform: Platform, folder: Path) -> Path:
    """The state of a platform whose customer has the numbers."""
    write_addresses(folder, make_addresses(platform, Credentials("o@example.com", PASSWORD), platform.workspace.id))
    return folder


async def foreign_state(platform: Platform, folder: Path) -> Path:
    """The state of a platform whose customer has another workspace."""
    user = Credentials("other-workspace@example.com", PASSWORD)
    async with aiohttp.ClientSession() as session:
        api = ApiClient(session, platform.api_url)
        account = {"email": user.email, "password": user.password, "name": "Other"}
        api.token = (await api.request("POST", "/auth/signup", account))["token"]
        await platform.rows("UPDATE users SET email_verified_at = now() WHERE email = $1", user.email)
        body = {"name": "Other", "industry": "dental", "timezone": "UTC"}
        workspace_id = (await api.request("POST", "/workspaces", body))["workspace"]["id"]
    write_addresses(folder, make_addresses(platform, user, workspace_id))
    return folder


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


async def answer(platform: Platform, carrier: str, state: Path, out: StringIO) -> tuple[int, str]:
    """Answers a test call, at Twilio when it rings and at Telnyx once it rings; returns the exit code and the id of
    the placed call."""
    number, waits_first = ANSWERED[carrier], carrier == "twilio"
    options = CallOptions(answer=number, turns=TURNS, state=state, as_json=True, wait_s=30)
    placed = "" if waits_first else await place_test_call(platform, carrier, number)
    answering = asyncio.create_task(run_call(options, CallPrinter(Console(file=out, width=200)), voice=voice))
    if waits_first:
        async with asyncio.timeout(20):
            while "waiting for a call" not in out.getvalue():  # noqa: ASYNC110 -- the line comes from another task
                await asyncio.sleep(0.02)
        placed = await place_test_call(platform, carrier, number)
    return await answering, placed


@dataclass(frozen=True, slots=True)
class PrintedCall:
    """What a command printed for people, and the result for programs. placed: the id of the test call."""

    code: int
    lines: str
    result: dict[str, Any]
    placed: str = ""


class TaskOutput(TextIOBase):
    """A standard output that each task has for itself."""

    current: ContextVar[StringIO] = ContextVar("current")

    def write(self, text: str) -> int:
        return self.current.get().write(text)


async def run_case(platform: Platform, case: Case, own: Path, foreign: Path) -> PrintedCall:
    """Runs one command."""
    (kind, carrier), out, output = case, StringIO(), StringIO()
    TaskOutput.current.set(output)
    if kind == "answered":
        code, placed = await answer(platform, carrier, own, out)
    else:
        state = own if kind == "own" else foreign
        code, placed = await call(state, platform.workspace.agents[carrier].number, out), ""
    return PrintedCall(code, out.getvalue(), json.loads(output.getvalue()), placed)


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def calls(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Mapping[Case, PrintedCall]:
    """Runs all commands at once, because a call takes 8 s."""
    own = own_state(platform, tmp_path_factory.mktemp("own"))
    foreign = await foreign_state(platform, tmp_path_factory.mktemp("foreign"))
    with redirect_stdout(TaskOutput()):
        printed = await asyncio.gather(*(run_case(platform, case, own, foreign) for case in CASES))
    return dict(zip(CASES, printed, strict=True))


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_own_number_is_called(carrier: str, platform: Platform, calls: Mapping[Case, PrintedCall]) -> None:
    printed = calls["own", carrier]
    result = printed.result
    assert printed.code == 0, printed.lines
    assert (result["status"], len(result["turns"])) == ("completed", 1)
    assert result["recording"].endswith(f"{platform.workspace.path}/calls/{result['call_id']}/recording")


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_number_of_another_workspace_is_called_and_read_as_the_staff(
    carrier: str, calls: Mapping[Case, PrintedCall]
) -> None:
    printed = calls["foreign", carrier]
    result = printed.result
    assert printed.code == 0, printed.lines
    assert (result["status"], len(result["turns"]), result["turns"][0]["latency_ms"]["total"] > 0) == (
        "completed", 1, True,
    )  # fmt: skip
    assert "warning" not in printed.lines


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_number_whose_agent_is_paused_fails_with_the_reason(
    carrier: str, platform: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = platform.workspace.agents[carrier]
    path = f"{platform.workspace.path}/agents/{agent.id}"
    await platform.workspace.owner.request("POST", f"{path}/pause")
    out = StringIO()
    try:
        assert await call(own_state(platform, tmp_path), agent.number, out) == 1
    finally:
        await platform.workspace.owner.request("POST", f"{path}/activate")
    assert "not answered: no live agent answers this number" in out.getvalue()
    assert json.loads(capsys.readouterr().out)["status"] == "failed"


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_test_call_is_answered(carrier: str, platform: Platform, calls: Mapping[Case, PrintedCall]) -> None:
    """Also when the phone is picked up only once it rings."""
    printed = calls["answered", carrier]
    result = printed.result
    assert printed.code == 0, printed.lines
    assert (result["call_id"], result["status"]) == (printed.placed, "completed")
    assert len(result["turns"]) == 1 and result["turns"][0]["agent"]
    assert f"{platform.workspace.agents[carrier].number} calls" in printed.lines


async def test_nobody_calls(platform: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = StringIO()
    state = own_state(platform, tmp_path)
    options = CallOptions(answer="+16465550299", turns=TURNS, state=state, as_json=True, wait_s=0.1)
    assert await run_call(options, CallPrinter(Console(file=out, width=200)), voice=voice) == 1
    assert "error: NUMBER: nobody called in time" in out.getvalue()
    assert json.loads(capsys.readouterr().out)["status"] == "failed"
