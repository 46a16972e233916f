"""What a workspace connects for these calls: vendors, documents, an MCP server, and HTTP tools of a strange server."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from lab.stage.platform import Platform
from shared.ids import new_id
from simulator.integrations.server import SimulatedIntegrations, running_integrations
from vocalized.free_port import free_port
from vocalized.stack.process import running_child

READY_S: Final = 60.0
_POLL_S: Final = 0.1
_HANGS_S: Final = 60.0
_HUGE_BYTES: Final = 20_000_000
# Seconds of one use of a tool that hangs.
TOOL_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class ConnectedWorkspace:
    """A platform's workspace with a connected CRM and calendar. crm: the integration's id."""

    platform: Platform
    vendors: SimulatedIntegrations
    crm: str

    async def sync(self) -> None:
        """Copies the contacts. Raises TimeoutError, and RuntimeError for a sync that failed."""
        owner, path = self.platform.workspace.owner, f"{self.platform.workspace.path}/integrations/{self.crm}"
        log_id = (await owner.request("POST", f"{path}/sync"))["sync_log_id"]
        await wait_for_sync(self.platform, path, log_id)


async def wait_for_sync(platform: Platform, path: str, log_id: str) -> None:
    """Until the worker has run it. path: of the integration. Raises TimeoutError, RuntimeError."""
    async with asyncio.timeout(READY_S):
        while True:
            logs = (await platform.workspace.owner.request("GET", f"{path}/sync-logs"))["logs"]
            (log,) = [one for one in logs if one["id"] == log_id]
            if log["status"] in ("succeeded", "failed"):
                break
            await asyncio.sleep(_POLL_S)
    if log["status"] == "failed":
        raise RuntimeError(f"the sync failed: {log}")


@asynccontextmanager
async def connected_workspace(platform: Platform) -> AsyncIterator[ConnectedWorkspace]:
    """HubSpot and Google Calendar as they ship, with an API key, at simulated vendors; removed when the block ends."""
    async with running_integrations() as vendors:
        made: dict[str, str] = {}
        owner, path = platform.workspace.owner, f"{platform.workspace.path}/integrations"
        for kind, base, settings in (
            ("hubspot", "", {}), ("google_calendar", "/calendar/v3", {"calendar_id": "primary"}),
        ):  # fmt: skip
            shipped = await platform.staff.request("GET", f"/admin/integrations/available/{kind}")
            config = {name: part for name, part in shipped["integration"]["config"].items() if name != "oauth"}
            config |= {"base_url": f"{vendors.url}{base}", "api_key": {}}
            name = f"{kind}_{new_id()[-6:]}"
            body = {"type": name, "name": name, "description": "", "auth_type": "api_key", "config": config}
            await platform.staff.request("POST", "/admin/integrations/available", body)
            body = {"integration_type": name, "name": name, "config": settings, "api_key": vendors.token}
            made[kind] = (await owner.request("POST", path, body))["integration"]["id"]
        try:
            yield ConnectedWorkspace(platform, vendors, made["hubspot"])
        finally:
            for integration_id in made.values():
                await owner.request("DELETE", f"{path}/{integration_id}")


async def add_document(platform: Platform, name: str, text: str) -> str:
    """Adds a document and waits until the worker has read it; returns its id. Raises TimeoutError, and RuntimeError for
    one that cannot be read."""
    owner, path = platform.workspace.owner, f"{platform.workspace.path}/knowledge/documents"
    document = (await owner.request("POST", path, {"name": name, "text": text}))["document"]
    async with asyncio.timeout(READY_S):
        while document["status"] == "pending":
            await asyncio.sleep(_POLL_S)
            document = (await owner.request("GET", f"{path}/{document['id']}"))["document"]
    if document["status"] != "ready":
        raise RuntimeError(f"the document cannot be read: {document}")
    document_id: str = document["id"]
    return document_id


@asynccontextmanager
async def time_server(platform: Platform, name: str) -> AsyncIterator[None]:
    """mcp-server-time as a process of its own, whose tools the workspace has under this name, until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "lab.scenarios.tools.time_server", "--port", str(port)]
    log = platform.folder / "time-server.log"
    root = Path(__file__).parents[3]
    async with running_child(command, root, log, lambda: _listens(port), name="time server"):
        owner, path = platform.workspace.owner, f"{platform.workspace.path}/mcp-servers"
        body = {"name": name, "config": {"url": f"http://127.0.0.1:{port}/mcp"}}
        server = (await owner.request("POST", path, body))["mcp_server"]
        await owner.request("POST", f"{path}/{server['id']}/refresh")
        yield


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@asynccontextmanager
async def stock_tools(platform: Platform, commands: str) -> AsyncIterator[None]:
    """A server in this process, and a tool of the workspace for each of its paths. commands: what the hostile one
    answers."""
    answers = StrangeAnswers(commands).by_name
    app = web.Application()
    app.router.add_routes([web.get(f"/{name}", answer) for name, answer in answers.items()])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        owner, path = platform.workspace.owner, f"{platform.workspace.path}/http-tools"
        for name in answers:
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/{name}"
            config = {"description": "Looks up the stock.", "url": url, "read_only": True, "timeout_s": TOOL_S}
            config |= {"result": {"stock": "/stock"}}
            await owner.request("POST", path, {"name": name, "config": config})
        yield
    finally:
        await runner.cleanup()


class StrangeAnswers:
    """What the strange server answers, by the tool's name."""

    def __init__(self, commands: str) -> None:
        self._commands = commands
        self.by_name: dict[str, Callable[[web.Request], Any]] = {
            "hostile": self._command,
            "hanging": self._hang,
            "failing": self._fail,
            "garbled": self._garble,
            "huge": self._flood,
        }

    async def _command(self, request: web.Request) -> web.Response:
        return web.json_response({"stock": self._commands})

    async def _hang(self, request: web.Request) -> web.Response:
        await asyncio.sleep(_HANGS_S)
        return web.Response(status=504)

    async def _fail(self, request: web.Request) -> web.Response:
        return web.Response(status=500)

    async def _garble(self, request: web.Request) -> web.Response:
        return web.Response(body=bytes(range(256)), content_type="application/json")

    async def _flood(self, request: web.Request) -> web.Response:
        return web.Response(body=b'{"stock": "' + b"x" * _HUGE_BYTES + b'"}', content_type="application/json")
