"""`vocalized providers` at the platform that `up` runs, and a call answered by the model that it set."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from rich.console import Console
from typer.testing import CliRunner

from shared.plan import ProviderPlan, read_plan
from tests.platform.model import running_model_server
from tests.vocalized.commands.test_up import ROOT, ready_line, started
from tests.vocalized.processes import linux_only
from tests.vocalized.stack.test_addresses import ADDRESSES
from vocalized.commands.cli import app
from vocalized.commands.up import announce
from vocalized.stack.agents import agent_config, ensure_live_agent
from vocalized.stack.api_client import ApiClient
from vocalized.stack.operator_settings import read_operator_settings, remove_operator_settings, write_operator_settings

MOST_CALLS = 3
SETTINGS = {"VOCALIZED_DATABASE_URL": "postgresql://x@/y", "VOCALIZED_VAULT_KEYS": "k", "VOCALIZED_REDIS_URL": "r"}


def vocalized(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """Runs the command line as a program, without settings of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VOCALIZED_")}
    command = [sys.executable, "-m", "vocalized", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, input=stdin, capture_output=True, text=True, timeout=240)


@pytest.mark.parametrize("command", ["providers", "prices", "explain"])
def test_without_a_running_platform_it_says_what_to_do(tmp_path: Path, command: str) -> None:
    outcome = CliRunner().invoke(app, [command, "--state", str(tmp_path), "list"])
    assert outcome.exit_code == 1
    assert "start one with `vocalized up`" in " ".join(outcome.stderr.split())


def test_settings_of_the_platform_are_stored_for_its_owner_only(tmp_path: Path) -> None:
    write_operator_settings(tmp_path, SETTINGS)
    assert read_operator_settings(tmp_path).keys() == {"VOCALIZED_DATABASE_URL", "VOCALIZED_VAULT_KEYS"}
    assert (tmp_path / "operator.json").stat().st_mode & 0o777 == 0o600
    remove_operator_settings(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rule_based", [True, False])
def test_up_says_whether_its_agent_answers_by_rules(rule_based: bool) -> None:
    out = StringIO()
    announce(msgspec.structs.replace(ADDRESSES, rule_based=rule_based), False, Console(file=out, width=200))
    assert ("no language model is used" in out.getvalue()) is rule_based
    assert ("providers set-key my-llama --vendor openai" in out.getvalue()) is rule_based


@linux_only
@pytest.mark.model
@pytest.mark.speech
async def test_an_agent_of_ones_own_answers_by_the_model_that_set_key_set(state: Path) -> None:
    with running_model_server() as model, started(state) as process:
        addresses = ready_line(process)
        assert addresses["rule_based"] is True
        own = ("--vendor", "openai", "--base-url", f"{model}/v1", "--model", "smollm2")
        at = ("providers", "--state", str(state))
        key_set = vocalized(*at, "set-key", "my-llama", *own, stdin="any-key\n")
        assert key_set.returncode == 0, key_set.stderr
        tested = vocalized(*at, "test", "my-llama", "--timeout", "120")
        assert tested.returncode == 0, tested.stderr
        assert "my-llama answers: first word after" in tested.stdout
        number = await live_agent(addresses)
        # The caller does not wait for ever: on a machine that does much else, the first call may have no answer.
        tokens = [await ask(state, addresses, number)]
        while not tokens[-1] and len(tokens) < MOST_CALLS:
            tokens.append(await ask(state, addresses, number))
        assert tokens[-1] > 0, tokens
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert not (state / "operator.json").exists()


async def ask(state: Path, addresses: dict[str, Any], number: str) -> int:
    """One call with a question; returns the tokens of the model's answers in it, or 0 if the model was too late."""
    spoken = ("--say", "When are you open?", "--json")
    called = await asyncio.to_thread(vocalized, "call", "--state", str(state), "--to", number, *spoken)
    assert called.returncode == 0, called.stderr
    outcome = json.loads(called.stdout.splitlines()[-1])
    assert outcome["status"] == "completed"
    assert outcome["turns"][-1]["agent"]
    ended = await read_end(addresses, outcome["call_id"])
    tokens: int = ended["usage"]["llm_completion_tokens"]
    return tokens


async def live_agent(addresses: dict[str, Any]) -> str:
    """Makes an agent whose only language model is the operator's own; returns its number."""
    plan = msgspec.structs.replace(
        read_plan(ROOT / "config" / "plans" / "local.json"), llm=[ProviderPlan("my-llama")], recording=False
    )
    async with aiohttp.ClientSession() as session:
        api = ApiClient(session, addresses["control"])
        await api.sign_in(**addresses["user"])
        live = await ensure_live_agent(api, addresses["workspace_id"], agent_config(plan), "My desk", "twilio")
        path = f"/workspaces/{addresses['workspace_id']}/agents/{live.agent_id}"
        short = {"provider": "my-llama", "options": {"max_tokens": 24, "temperature": 0.0}}
        # Without tools, because their descriptions are most of what a model of this size would have to read.
        config = {"prompt": "You are a receptionist. We are open from 9 to 5.", "speech": {"llm": [short]}, "tools": []}
        # On a busy machine the caller would take "One moment, please." for the answer, and hang up before it.
        config["limits"] = {"filler_s": 0, "reply_s": 60}
        await api.request("PUT", path, {"config": config})
        assert (await api.request("POST", f"{path}/activate"))["warnings"] == []
    return live.number


async def read_end(addresses: dict[str, Any], call_id: str) -> dict[str, Any]:
    """The call's last event. Asserts that no provider failed but by being too late, which a busy machine may cause."""
    path = f"/workspaces/{addresses['workspace_id']}/calls/{call_id}/events"
    async with aiohttp.ClientSession() as session, asyncio.timeout(30):
        api = ApiClient(session, addresses["control"])
        await api.sign_in(**addresses["user"])
        while True:
            events = (await api.request("GET", path))["events"]
            failures = [event["event_data"] for event in events if event["event_type"] == "provider.failed"]
            assert {failure["cause"] for failure in failures} <= {"late"}
            if ended := [event["event_data"] for event in events if event["event_type"] == "call.ended"]:
                last: dict[str, Any] = ended[0]
                return last
            await asyncio.sleep(0.2)
