"""`vocalized agent` and `answer --agent` where they cannot work. test_up.py has both at a running platform."""

from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner

from tests.vocalized.commands.test_call import voice
from tests.vocalized.recording_printer import RecordingPrinter
from tests.vocalized.stack.test_addresses import ADDRESSES
from vocalized.commands.call import CallOptions, run_call
from vocalized.commands.cli import app
from vocalized.stack.addresses import write_addresses

AGENT = ["agent", "Mine", "--prompt", "Be brief.", "--state"]


def test_platform_that_is_not_running_is_reported(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, [*AGENT, str(tmp_path)])
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith(f"error: no platform runs on {tmp_path}: start one with `vocalized up`")


def test_no_number_is_bought_at_a_real_carrier(tmp_path: Path) -> None:
    write_addresses(tmp_path, msgspec.structs.replace(ADDRESSES, number=""))
    outcome = CliRunner().invoke(app, [*AGENT, str(tmp_path)])
    assert (outcome.exit_code, "real carriers only" in outcome.stderr) == (1, True)


def test_unreachable_api_is_reported(tmp_path: Path) -> None:
    write_addresses(tmp_path, ADDRESSES)
    outcome = CliRunner().invoke(app, [*AGENT, str(tmp_path)])
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith("error: POST /auth/login: ")


@pytest.mark.parametrize(
    ("agents", "why"),
    [
        ([], "the workspace has no agent called 'Mine'"),
        ([{"id": "a", "name": "Mine"}], "Mine cannot call: POST /workspaces/w/agents/a/test answered 429: Too many."),
    ],
)
async def test_agent_that_cannot_call_is_reported(agents: list[dict[str, str]], why: str, tmp_path: Path) -> None:
    async def sign_in(_: web.Request) -> web.Response:
        return web.json_response({"token": "t"})

    async def list_agents(_: web.Request) -> web.Response:
        return web.json_response({"agents": agents})

    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"error": {"code": "test_limit", "message": "Too many."}}, status=429)

    api = web.Application()
    api.router.add_post("/auth/login", sign_in)
    api.router.add_get("/workspaces/w/agents", list_agents)
    api.router.add_post("/workspaces/w/agents/a/test", refuse)
    printer = RecordingPrinter()
    async with TestServer(api) as server:
        write_addresses(tmp_path, msgspec.structs.replace(ADDRESSES, control=str(server.make_url("")).rstrip("/")))
        options = CallOptions(answer="+16465550123", agent="Mine", turns=[("say", "hello")], state=tmp_path)
        assert await run_call(options, printer, voice=voice) == 1
    assert printer.text == f"error: NUMBER: {why}\n"
