"""Measures the latency of every list and overview of a running API."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from statistics import quantiles
from typing import Any, Final

from aiohttp import ClientSession
from rich.console import Console
from rich.table import Table

LIMIT_MS: Final = 50.0
# With which the staff reads what was said in a call.
_REASON: Final = "?reason=Probe+of+latencies"
_REQUESTS: Final = 200
_WARM_UP: Final = 5
# Words of the generated transcripts: in all of them, in each tenth, in each thousandth, and none with both of two.
SEARCHES: Final = ("hello", "group3", "subject17", "%22group3+subject17%22", "hello+-group3+or+subject5", "absent")
# Numbers that the generated callers have.
CALLERS: Final = [f"%2B1444{number:07}" for number in range(1, 200, 7)]


class ProbeFailed(Exception):
    """An answer with a status other than 200."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One endpoint. paths: requested in turn, so that caches do not distort the result. token: of the user or admin."""

    name: str
    token: str
    paths: Sequence[str]


@dataclass(frozen=True, slots=True)
class LatencyFigures:
    """Milliseconds from the request to the whole answer."""

    name: str
    p50: float
    p95: float
    worst: float


async def get(client: ClientSession, url: str, token: str, path: str) -> Any:
    """The answer's JSON. No wrapper, which would be measured as well. Raises ProbeFailed."""
    async with client.get(url + path, headers={"Authorization": f"Bearer {token}"}) as answer:
        if answer.status != 200:
            raise ProbeFailed(f"GET {path}: {answer.status} {await answer.text()}")
        return await answer.json()


async def measure(client: ClientSession, url: str, probe: Probe) -> LatencyFigures:
    """200 requests one after the other, after a warm-up of 5. Raises ProbeFailed."""
    paths = cycle(probe.paths)
    for _ in range(_WARM_UP):
        await get(client, url, probe.token, next(paths))
    times = [await _timed(client, url, probe.token, next(paths)) for _ in range(_REQUESTS)]
    cuts = quantiles(times, n=20)
    return LatencyFigures(probe.name, cuts[9], cuts[18], max(times))


async def _timed(client: ClientSession, url: str, token: str, path: str) -> float:
    began = time.perf_counter()
    await get(client, url, token, path)
    return (time.perf_counter() - began) * 1_000


def print_figures(figures: Sequence[LatencyFigures], console: Console) -> bool:
    """Prints the table; returns whether all were fast enough."""
    table = Table("endpoint", *(f"{name} ms" for name in ("p50", "p95", "max")), box=None)
    for figure in figures:
        mark = "" if figure.p95 <= LIMIT_MS else " !"
        table.add_row(figure.name, f"{figure.p50:.1f}", f"{figure.p95:.1f}{mark}", f"{figure.worst:.1f}")
    console.print(table)
    slow = [figure.name for figure in figures if figure.p95 > LIMIT_MS]
    console.print(f"p95 above {LIMIT_MS:g} ms: {', '.join(slow)}" if slow else f"all p95 at most {LIMIT_MS:g} ms")
    return not slow


def _probe(token: str, path: str, *queries: str) -> Probe:
    return Probe(f"GET {path}{queries[0] if len(queries) == 1 else ''}", token, [path + one for one in queries or [""]])


def _pages(most: int) -> list[str]:
    return [f"?page={page}" for page in range(1, most)]


def admin_probes(
    token: str, workspaces: Sequence[str], users: Sequence[str], calls: Sequence[str], actor: str
) -> list[Probe]:
    """The probes of the staff's API."""
    probe = partial(_probe, token)
    named = [f"?search={name}" for name in ("dental", "No. 77", "hotel no", "user300@", "ann")]
    return [
        probe("/admin/auth/sessions"),
        probe("/admin/dashboard/overview"),
        *(probe("/admin/dashboard/revenue", f"?period={one}") for one in ("month", "quarter", "year")),
        *(probe("/admin/dashboard/usage", f"?period={one}") for one in ("day", "week", "month")),
        *(probe("/admin/analytics/platform", f"?period={one}") for one in ("month", "year")),
        *(probe("/admin/analytics/workspaces", one) for one in ("", "?sort_by=revenue&period=year&limit=200")),
        *(probe("/admin/analytics/providers", f"?period={one}") for one in ("month", "year")),
        *(probe("/admin/analytics/costs", f"?period={one}") for one in ("month", "year")),
        probe("/admin/workspaces", *_pages(20)),
        *(probe("/admin/workspaces", one) for one in ("?limit=200", "?status=suspended")),
        Probe("GET /admin/workspaces?search=…", token, [f"/admin/workspaces{one}" for one in named]),
        Probe(
            "GET /admin/workspaces/{workspaceId}", token, [f"/admin/workspaces/{workspace}" for workspace in workspaces]
        ),
        Probe(
            "GET /admin/workspaces/{workspaceId}/regulatory-bundles",
            token,
            [f"/admin/workspaces/{workspace}/regulatory-bundles" for workspace in workspaces],
        ),
        probe("/admin/users", *_pages(60)),
        Probe("GET /admin/users?search=…", token, [f"/admin/users{one}" for one in named]),
        Probe("GET /admin/users/{userId}", token, [f"/admin/users/{user}" for user in users]),
        probe("/admin/templates"),
        probe("/admin/config/settings"),
        probe("/admin/config/tiers"),
        *(probe(f"/admin/integrations/{part}") for part in ("available", "usage")),
        *(probe(f"/admin/providers{part}") for part in ("", "/health", "/costs", "/routing")),
        probe("/admin/logs/activity", *_pages(50)),
        probe("/admin/logs/activity", "?action=agent.update"),
        Probe("GET /admin/logs/activity?admin_id=…", token, [f"/admin/logs/activity?admin_id={actor}"]),
        probe("/admin/logs/activity", "?page=50&limit=200"),
        probe("/admin/logs/activity", "?from=2020-01-01&action=agent.pause&page=200"),
        *(probe("/admin/billing/overview", f"?period={one}") for one in ("month", "year")),
        probe("/admin/billing/workspaces", *_pages(20)),
        probe("/admin/billing/workspaces", "?status=overdue"),
        probe("/admin/billing/invoices", *_pages(10)),
        probe("/admin/billing/invoices", "?status=pending"),
        Probe(
            "GET …/invoices?workspace_id=…", token, [f"/admin/billing/invoices?workspace_id={w}" for w in workspaces]
        ),
        probe("/admin/billing/tax-rates"),
        probe("/admin/billing/exemptions"),
        probe("/admin/billing/exchange-rates"),
        *_admin_call_probes(token, workspaces, calls),
    ]


def _admin_call_probes(token: str, workspaces: Sequence[str], calls: Sequence[str]) -> list[Probe]:
    probe = partial(_probe, token)
    return [
        probe("/admin/calls", *_pages(50)),
        probe("/admin/calls", "?page=500&limit=200"),
        Probe(
            "GET /admin/calls?starting_after=…",
            token,
            [f"/admin/calls?limit=200&starting_after={call}" for call in calls],
        ),
        probe("/admin/calls", "?direction=outbound"),
        Probe(
            "GET /admin/calls?caller_number=…", token, [f"/admin/calls?caller_number={caller}" for caller in CALLERS]
        ),
        probe("/admin/calls", "?status=no_answer"),
        *(probe("/admin/calls", f"?q={words}&reason=Probe") for words in SEARCHES),
        Probe(
            "GET /admin/calls?workspace_id=…",
            token,
            [f"/admin/calls?workspace_id={workspace}" for workspace in workspaces],
        ),
        probe("/admin/calls/live"),
        Probe("GET /admin/calls/{callId}", token, [f"/admin/calls/{call}{_REASON}" for call in calls]),
        Probe("GET /admin/calls/{callId}/events", token, [f"/admin/calls/{call}/events{_REASON}" for call in calls]),
        probe("/admin/calls", "?carrier_call_id=CA00000000000000000000000000000000"),
    ]


def client_probes(
    token: str, workspace: str, agents: Sequence[str], calls: Sequence[str], invoices: Sequence[str]
) -> list[Probe]:
    """The probes of the customers' API, as the busiest workspace's owner."""
    here = f"/workspaces/{workspace}"
    lists = [Probe(f"GET /workspaces/{{workspaceId}}{name}", token, [here + name])
             for name in ("", "/members", "/invitations", "/agents", "/agents?status=live", "/phone-numbers",
                          "/privacy/retention", "/privacy/deletions", "/privacy/accesses", "/privacy/exports",
                          "/calls", "/calls?page=50", "/calls?status=no_answer",
                          "/calls?direction=inbound", "/calls?direction=outbound", "/calls/live", "/messages",
                          "/knowledge/documents", "/blocked-callers", "/do-not-call-numbers",
                          "/verified-numbers", "/addresses",
                          "/regulatory-bundles",
                          "/analytics/overview?period=day", "/analytics/overview", "/analytics/agents",
                          "/analytics/costs", "/voice/providers", "/voice/strategy", "/integrations",
                          "/integration-types", "/api-keys", "/http-tools", "/mcp-servers", "/webhook-endpoints",
                          "/campaigns", "/billing/current",
                          "/billing/history", "/billing/invoices", "/billing/credits", "/billing/alerts",
                          "/billing/settings")]  # fmt: skip
    return [
        Probe("GET /auth/sessions", token, ["/auth/sessions"]),
        Probe("GET /auth/me", token, ["/auth/me"]),
        Probe("GET /workspaces", token, ["/workspaces"]),
        *lists,
        Probe("GET …/agents/{agentId}", token, [f"{here}/agents/{agent}" for agent in agents]),
        Probe("GET …/agents/{agentId}/versions", token, [f"{here}/agents/{agent}/versions" for agent in agents]),
        Probe("GET /templates", token, ["/templates"]),
        Probe("GET …/invoices/{invoiceId}", token, [f"{here}/billing/invoices/{invoice}" for invoice in invoices]),
        Probe("GET …/calls?agent_id=…", token, [f"{here}/calls?agent_id={agent}" for agent in agents]),
        Probe(
            "GET …/calls?starting_after=…", token, [f"{here}/calls?limit=200&starting_after={call}" for call in calls]
        ),
        Probe("GET …/calls?caller_number=…", token, [f"{here}/calls?caller_number={caller}" for caller in CALLERS]),
        *(Probe(f"GET …/calls?q={words}", token, [f"{here}/calls?q={words}"]) for words in SEARCHES),
        *(
            Probe(f"GET …/calls/{{callId}}{part}", token, [f"{here}/calls/{call}{part}" for call in calls])
            for part in ("", "/transcription", "/events")
        ),
    ]
