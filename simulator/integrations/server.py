"""Serves the simulated services on a port of this machine, with faults on demand."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

from aiohttp import web

from simulator.integrations.answers import Created
from simulator.integrations.authorization import read_bearer
from simulator.integrations.errors import VendorRefusal
from simulator.integrations.google_calendar import GoogleCalendars
from simulator.integrations.google_sheets import Spreadsheets
from simulator.integrations.hubspot import HubSpotContacts
from simulator.integrations.microsoft_graph import GraphCalendar
from simulator.integrations.rest_service import RestService
from simulator.integrations.salesforce import SalesforceRecords
from simulator.integrations.slack import SlackTeam, refuse

IntegrationFaultKind = Literal[
    "rate_limited",  # 429 with Retry-After; the request has no effect
    "error",  # 500; the request has no effect
    "error_after",  # the request takes effect, but the answer is a 500
    "silence",  # the request takes effect, but no answer follows
    "html",  # 200 with an HTML page, as from a proxy
    "garbage",  # 200 with bytes that are not JSON
    "huge",  # 200 with 20 MB of JSON
    "redirect",  # 302 to the network's metadata service
    "unauthorised",  # 401
]
_SILENCE_S: Final = 60.0
_HUGE_BYTES: Final = 20_000_000
_CALENDAR: Final = "/calendar/v3"
_GRAPH: Final = "/v1.0"
_SLACK: Final = "/api"
_SHEETS: Final = "/v4"
_SALESFORCE: Final = "/services/data"
_REST: Final = "/rest"
_METADATA: Final = "http://169.254.169.254/latest/meta-data/"


@dataclass(slots=True)
class SimulatedIntegrations:
    """All simulated services.

    Attributes:
        url: The URL of all services.
        token: The token that requests must carry.
        accepts: Returns whether another token is accepted, too.
        requests: Method and path of each request, in order.
        faults: Faults of the next requests, in order.
        retry_after_s: Retry-After of rate limits.
    """

    token: str = "vendor-token"
    accepts: Callable[[str], bool] = lambda token: False
    url: str = ""
    calendars: GoogleCalendars = field(default_factory=GoogleCalendars)
    contacts: HubSpotContacts = field(default_factory=HubSpotContacts)
    graph: GraphCalendar = field(default_factory=GraphCalendar)
    slack: SlackTeam = field(default_factory=SlackTeam)
    sheets: Spreadsheets = field(default_factory=Spreadsheets)
    salesforce: SalesforceRecords = field(default_factory=SalesforceRecords)
    rest: RestService = field(default_factory=RestService)
    requests: list[str] = field(default_factory=list)
    faults: deque[IntegrationFaultKind | None] = field(default_factory=deque)
    retry_after_s: int = 1

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        self.requests.append(f"{request.method} {request.path}")
        fault = self.faults.popleft() if self.faults else None
        token = read_bearer(request)
        if not (token == self.token or self.accepts(token)) or fault == "unauthorised":
            if request.path.startswith(_SLACK):
                return web.json_response(refuse("invalid_auth").body)
            return web.json_response({"error": {"code": 401}}, status=401)
        if fault is not None and fault not in ("error_after", "silence"):
            return self._fail(fault)
        is_form = request.content_type == "application/x-www-form-urlencoded"
        body = dict(await request.post()) if is_form else json.loads(await request.read() or b"null")
        response = self._run(request, body)
        if fault == "silence":
            await asyncio.sleep(_SILENCE_S)
        return self._fail("error") if fault == "error_after" else response

    async def show_records(self, request: web.Request) -> web.Response:
        """Return the records of all services, for people who try them."""
        records = {
            "google_calendar": list(self.calendars.events["primary"].values()),
            "microsoft_365_calendar": list(self.graph.events.values()),
            "hubspot": list(self.contacts.contacts.values()),
            "salesforce": list(self.salesforce.records.values()),
            "slack": self.slack.messages,
            "google_sheets": self.sheets.sheets,
            "rest": self.rest.resources,
        }
        return web.json_response(records)

    def _run(self, request: web.Request, body: object) -> web.Response:
        try:
            answer = self._answer(request, dict(request.query), body)
        except VendorRefusal as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        if isinstance(answer, Created):
            return web.json_response(answer.body, status=201)
        return web.Response(status=204) if answer is None else web.json_response(answer)

    def _answer(self, request: web.Request, query: dict[str, str], body: object) -> object:
        """Answer by the first part of the path. Paths without a prefix belong to the last service. Raises
        VendorRefusal.
        """
        method, path = request.method, request.path
        if path.startswith(_REST):
            key = request.headers.get("Idempotency-Key", "")
            return self.rest.run(method, path.removeprefix(_REST), body, key)
        for prefix, is_kept, vendor in (
            (_CALENDAR, False, self.calendars), (_GRAPH, False, self.graph), (_SLACK, False, self.slack),
            (_SHEETS, False, self.sheets), (_SALESFORCE, True, self.salesforce), ("", True, self.contacts),
        ):  # fmt: skip
            if path.startswith(prefix):
                return vendor.run(method, path if is_kept else path.removeprefix(prefix), query, body)
        raise AssertionError("every path begins with nothing")

    def _fail(self, fault: IntegrationFaultKind) -> web.Response:
        if fault == "rate_limited":
            return web.json_response({}, status=429, headers={"Retry-After": str(self.retry_after_s)})
        if fault == "redirect":
            return web.Response(status=302, headers={"Location": _METADATA})
        if fault == "html":
            return web.Response(text="<html><body>Please sign in</body></html>", content_type="text/html")
        if fault == "garbage":
            return web.Response(body=bytes(range(256)), content_type="application/json")
        if fault == "huge":
            return web.Response(body=b'{"items": ["' + b"x" * _HUGE_BYTES + b'"]}', content_type="application/json")
        return web.json_response({"error": {"code": 500}}, status=500)


@asynccontextmanager
async def running_integrations(
    port: int = 0,
    *,
    token: str = "vendor-token",
    accepts: Callable[[str], bool] = lambda token: False,
    routes: Iterable[web.RouteDef] = (),
) -> AsyncIterator[SimulatedIntegrations]:
    """Run the services on 127.0.0.1.

    Args:
        port: 0 selects a free port.
        token: As in SimulatedIntegrations.
        accepts: As in SimulatedIntegrations.
        routes: Further routes, which precede the services' routes.

    Raises:
        OSError: The port is taken.
    """
    vendors = SimulatedIntegrations(token, accepts)
    app = web.Application()
    app.router.add_routes([*routes, web.get("/records", vendors.show_records)])
    app.router.add_route("*", "/{path:.*}", vendors.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        vendors.url = vendors.graph.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield vendors
    finally:
        await runner.cleanup()
