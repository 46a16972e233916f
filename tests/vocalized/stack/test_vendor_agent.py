"""The simulated vendors in a platform's service: set up over its API, tried by the doctor, made to fail, retired."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console

from shared.plan import read_plan
from simulator.vendors.voice import speak_clips
from tests.platform.api import PASSWORD, Api, running_api
from tests.platform.services import KEY
from vocalized.commands.cli import ROOT
from vocalized.commands.doctor_providers import DoctorError, ProviderDoctorOptions, try_providers
from vocalized.commands.vendors import FaultOptions, VendorsError, clear_faults, list_vendors, print_vendors, set_fault
from vocalized.stack.accounts import Accounts
from vocalized.stack.addresses import Credentials, StackNotRunning
from vocalized.stack.first_addresses import PLAN
from vocalized.stack.ports import choose_ports
from vocalized.stack.simulated_vendors import config_path, prepare_vendors, remove_vendors, write_authorities
from vocalized.stack.stack import running_stack
from vocalized.stack.vendor_agent import CHAINS, ensure_vendor_agent, retire_vendors
from vocalized.vendors.configuration import ENTRIES, VendorsConfig, read_config
from vocalized.vendors.servers import Senses, running_vendors

# Roles of all vendors.
SERVICES = sum(len(entry.roles) for entry in ENTRIES.values())


@dataclass
class Platform:
    """An API that trusts the vendors, which run on `state`."""

    api: Api
    state: Path
    config: VendorsConfig
    accounts: Accounts


@pytest.fixture
async def platform(
    database_url: str, valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Platform]:
    config = prepare_vendors(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(write_authorities(config)))
    monkeypatch.setenv("VOCALIZED_DATABASE_URL", database_url)
    monkeypatch.setenv("VOCALIZED_SECRET_KEYS", base64.urlsafe_b64encode(KEY).decode())
    senses = Senses(lambda pcm: "and so my fellow americans", speak_clips)
    async with running_vendors(config, senses), running_api(database_url, valkey_url) as api:
        user, admin = await api.sign_up(), await api.admin()
        accounts = Accounts(
            Credentials(admin.email, PASSWORD), Credentials(user.email, PASSWORD), await user.workspace()
        )
        yield Platform(api, tmp_path, config, accounts)


async def examine(state: Path, capsys: pytest.CaptureFixture[str], **options: Any) -> tuple[int, dict[str, Any]]:
    """The doctor's exit code and its line of JSON."""
    code = await try_providers(ROOT, ProviderDoctorOptions(state, as_json=True, **options), Console(file=StringIO()))
    line: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])  # behind the logs of the API
    return code, line


async def test_the_vendors_serve_are_tried_fail_and_are_retired(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, state = read_plan(ROOT / PLAN), platform.state
    for _ in range(2):  # as the next start does, with other ports and another key
        agent = await ensure_vendor_agent(platform.api.url, platform.accounts, plan, platform.config, "")
    config = await platform.api.owner.fetchval("SELECT config FROM agent_versions ORDER BY version DESC LIMIT 1")
    chains = {role: tuple(one["provider"] for one in chain) for role, chain in config["speech"].items()}
    assert chains == CHAINS
    assert agent.number == ""

    code, report = await examine(state, capsys)
    assert (code, [provider["reason"] for provider in report["providers"]]) == (0, [""] * SERVICES)
    assert all(provider["cost_usd"] > 0 and provider["ms"] > 0 for provider in report["providers"])
    model = next(provider for provider in report["providers"] if provider["provider"] == "simulated-openai")
    assert 0 < model["cost_usd"] < 0.0001  # by the price of this model, not of any
    assert platform.config.key not in json.dumps(report) and "PRIVATE KEY" not in json.dumps(report)

    failing = await asyncio.to_thread(set_fault, state, FaultOptions("llm", "unauthorized"))
    code, report = await examine(state, capsys)
    reasons = {provider["role"]: provider["reason"] for provider in report["providers"] if provider["reason"]}
    assert (failing, code, list(reasons)) == ("openai", 1, ["llm"])
    assert reasons["llm"].startswith("HTTP 401 invalid_api_key: Incorrect API key provided")
    assert await asyncio.to_thread(clear_faults, state) == ["openai llm"]

    await retire_vendors(platform.api.url, platform.accounts)
    assert await examine(state, capsys) == (0, {"providers": [], "cost_usd": 0.0})


async def test_a_workspaces_own_key_is_tried_where_it_is_asked_for(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    await ensure_vendor_agent(platform.api.url, platform.accounts, read_plan(ROOT / PLAN), platform.config, "")
    workspace = UUID(platform.accounts.workspace_id)
    await platform.api.owner.execute(
        """
        INSERT INTO workspace_providers (workspace_id, provider, is_enabled, uses_platform_key, api_key, config)
        SELECT $1, provider, true, false, api_key, '{"llm": {"model": "gpt-6-luna"}}' FROM providers
        WHERE provider = 'simulated-openai'
        """,
        workspace,
    )
    await platform.api.owner.execute("UPDATE providers SET api_key = 'x' WHERE provider = 'simulated-openai'")
    code, report = await examine(platform.state, capsys, workspace=workspace)
    assert (code, [(provider["model"], provider["works"]) for provider in report["providers"]]) == (
        0,
        [("gpt-6-luna", True)],
    )
    code, report = await examine(platform.state, capsys)
    reasons = {provider["provider"]: provider["reason"] for provider in report["providers"] if provider["reason"]}
    assert (code, reasons) == (1, {"simulated-openai": "its key cannot be opened: set it again"})


async def test_the_report_for_people_has_a_line_for_each_request(platform: Platform) -> None:
    await ensure_vendor_agent(platform.api.url, platform.accounts, read_plan(ROOT / PLAN), platform.config, "")
    await platform.api.owner.execute(
        """
        INSERT INTO providers (provider, display_name, kinds, options, is_enabled, priority, needs_key, config, api_key)
        SELECT 'unpriced', display_name, kinds, options, true, 900, needs_key, config, api_key FROM providers
        WHERE provider = 'simulated-openai'
        """
    )
    out = StringIO()
    code = await try_providers(ROOT, ProviderDoctorOptions(platform.state), Console(file=out, width=200))
    lines = out.getvalue().splitlines()
    assert (code, len(lines)) == (0, SERVICES + 3)
    assert all(line.startswith("works ") for line in lines[: SERVICES + 1])
    assert all(("not priced" in line) is ("unpriced" in line) for line in lines[: SERVICES + 1])
    assert lines[-1].startswith(f"{SERVICES + 1} of {SERVICES + 1} work; trying them cost $0.00") and lines[
        -1
    ].endswith(", and what is not priced")


async def test_an_operator_sees_the_vendors_and_what_cannot_be_done(platform: Platform) -> None:
    out = StringIO()
    print_vendors(await asyncio.to_thread(list_vendors, platform.state), Console(file=out, width=200))
    assert [line.split()[:3] for line in out.getvalue().splitlines()] == [
        [vendor, role, "works"] for vendor, entry in ENTRIES.items() for role in entry.roles
    ]
    wrong = {
        FaultOptions("ear", "deaf"): "there is no role 'ear'",
        FaultOptions("stt", "headache"): "kind: one of refuse",
        FaultOptions("llm", "stall", vendor="deepgram"): "there is no such vendor",
    }
    for options, words in wrong.items():
        with pytest.raises(VendorsError, match=words):
            await asyncio.to_thread(set_fault, platform.state, options)


def test_without_a_platform_commands_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StackNotRunning, match="up --simulated-vendors"):
        list_vendors(tmp_path)
    prepare_vendors(tmp_path)
    with pytest.raises(VendorsError, match="do not answer"):
        list_vendors(tmp_path)
    assert [path.stat().st_mode & 0o077 for path in (tmp_path / "vendors.json", tmp_path / "vendors")] == [0, 0]
    remove_vendors(tmp_path)
    assert not (tmp_path / "vendors.json").exists()


async def test_a_start_that_fails_leaves_the_vendors_of_the_platform_that_runs(tmp_path: Path) -> None:
    config = prepare_vendors(tmp_path)
    (tmp_path / "postgres").write_text("no folder")
    before = {path: path.read_bytes() for path in (config_path(tmp_path), *(tmp_path / "vendors").iterdir())}
    with pytest.raises(OSError):
        async with running_stack(ROOT, tmp_path, choose_ports(), simulated_vendors=True):
            pass
    assert {path: path.read_bytes() for path in before} == before
    assert read_config(config_path(tmp_path)) == config


async def test_without_settings_the_doctor_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOCALIZED_DATABASE_URL", raising=False)
    with pytest.raises(DoctorError, match="of another platform set VOCALIZED_DATABASE_URL and VOCALIZED_VAULT_KEYS"):
        await try_providers(ROOT, ProviderDoctorOptions(tmp_path), Console())
