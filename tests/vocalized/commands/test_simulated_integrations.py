"""`up --simulated-integrations` on an empty folder: a workspace connects a calendar by OAuth, and a call uses it."""

import asyncio
import signal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from tests.vocalized.commands.test_up import descendants, ready_line, run_command, started, vocalized
from tests.vocalized.conftest import temporary_state
from tests.vocalized.processes import linux_only, wait_ended
from vocalized.stack.api_client import ApiClient

QUESTION = "When is the next free appointment?"


async def grant_access(session: aiohttp.ClientSession, oauth_url: str) -> str:
    """Choose "Allow" in the browser; return the code of the page to which it is led."""
    async with session.get(oauth_url) as page:
        assert page.status == 200 and "Allow" in await page.text()
    url = oauth_url
    async with session.post(url, data={"decision": "allow"}, allow_redirects=False) as answer:
        url = answer.headers["Location"]
    async with session.get(url, allow_redirects=False) as answer:
        url = answer.headers["Location"]
    assert urlsplit(url).path == "/console/integrations"
    return parse_qs(urlsplit(url).fragment)["confirmation"][0]


async def connect_calendar(session: aiohttp.ClientSession, api: ApiClient, workspace: str) -> None:
    """Connect the simulated Google Calendar and let the agent use it."""
    begun = await api.request("POST", f"{workspace}/integrations", {"integration_type": "simulated_google_calendar"})
    code = await grant_access(session, begun["oauth_url"])
    path = f"{workspace}/integrations/{begun['integration']['id']}"
    confirmed = (await api.request("POST", f"{path}/confirm", {"confirmation": code}))["integration"]
    assert (confirmed["status"], confirmed["account"]) == ("connected", "front.desk@example.com")


async def add_tools(api: ApiClient, agent: str) -> None:
    """Let the agent look into the calendar."""
    config = (await api.request("GET", agent))["agent"]["config"]
    config["tools"].append("check_availability")
    await api.request("PUT", agent, {"config": config})


async def tool_runs(api: ApiClient, call: str) -> list[dict[str, Any]]:
    """The tools that a call has used, once its events are stored."""
    async with asyncio.timeout(30):
        while True:
            events = (await api.request("GET", f"{call}/events"))["events"]
            if found := [event["event_data"] for event in events if event["event_type"] == "tool.ran"]:
                return found
            await asyncio.sleep(0.2)


@linux_only
async def test_workspace_connects_a_calendar_and_a_call_uses_it() -> None:
    with temporary_state() as state:
        with started(state, "--control-port", "0", "--simulated-integrations") as process:
            addresses = ready_line(process)
            names = dict(line.split("=", 1) for line in (await run_command("env", "--state", str(state))).splitlines())
            vendor = addresses["integrations"]
            assert (names["INTEGRATIONS"], names["INTEGRATIONS_KEY"]) == (vendor["url"], vendor["key"])
            workspace = f"/workspaces/{addresses['workspace_id']}"
            async with aiohttp.ClientSession() as session:
                api = ApiClient(session, addresses["control"])
                await api.sign_in(**addresses["user"])
                await connect_calendar(session, api, workspace)
                await add_tools(api, f"{workspace}/agents/{addresses['agent_id']}")
                asked = ("--to", addresses["number"], "--say", QUESTION)
                called = await vocalized("call", *asked, "--json", "--state", str(state))
                assert called["status"] == "completed"
                (run,) = await tool_runs(api, f"{workspace}/calls/{called['call_id']}")
                assert (run["name"], run["ok"]) == ("check_availability", True) and "09:00" in run["result"]
            family = descendants(process.pid)
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=60)
            assert (process.returncode, output, errors) == (0, "", "")
        assert all(wait_ended(number) for number in family)
