"""Every list with pages: by number and next to a row, in one order, without rows of others."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from control.app import ROUTES
from control.http.pagination import PageQuery
from control.http.route import read_signature
from shared.ids import new_id
from tests.control.api.call_workspace import CallWorkspace, ago, make_call_workspace
from tests.platform.api import Api, running_api
from tests.platform.api_document import api_document
from tests.platform.clients import Client
from tests.vocalized.clients.generated_package import async_client
from vocalized.clients.document import customer_document
from vocalized.clients.operations import read_operations

# What names a row, by the list's path; elsewhere its id.
NAMES = {
    "/workspaces/{workspaceId}/members": "user_id",
    "/admin/billing/workspaces": "workspace_id",
    "/workspaces/{workspaceId}/agents/{agentId}/versions": "version",
}
# The least rows that `rows_everywhere` leaves in each list.
LEAST = 5


@dataclass(frozen=True, slots=True)
class PagedList:
    """A list as its reader sees it. path: of its route. name: the field that names a row."""

    client: Client
    path: str
    url: str
    name: str

    async def read(self, **query: Any) -> dict[str, Any]:
        reply = await self.client.get(self.url, params=query)
        assert reply.status == 200, (self.path, query, reply.body)
        body: dict[str, Any] = reply.body
        return body

    def rows(self, body: dict[str, Any]) -> list[Any]:
        """What names the rows of an answer."""
        (rows,) = [value for value in body.values() if isinstance(value, list)]
        return [row[self.name] for row in rows]

    async def follow(self, param: str, cursor: Any = None) -> list[Any]:
        """All rows in pages of two, each next to the outermost row of the page before."""
        found: list[Any] = []
        while True:
            body = await self.read(limit=2, **({} if cursor is None else {param: cursor}))
            rows = self.rows(body)
            found = found + rows if param == "starting_after" else rows + found
            if not body["has_more"]:
                return found
            assert len(rows) == 2
            cursor = rows[-1] if param == "starting_after" else rows[0]


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        yield running


async def _use_privacy(workspace: CallWorkspace, call_id: str, number: int) -> None:
    """A deletion of a caller, an export, and a read by the staff."""
    privacy = f"{workspace.path}/privacy"
    deleted = await workspace.ann.post(f"{privacy}/deletions", {"phone_number": f"+1415558{number:04}"})
    exported = await workspace.ann.post(f"{privacy}/exports")
    staff = await workspace.api.admin("support")
    read = await staff.get(f"/admin/calls/{call_id}", params={"reason": "Ticket 1"})
    assert (deleted.status, exported.status, read.status) == (202, 202, 200)


async def _add_document(workspace: CallWorkspace, number: int) -> None:
    added = await workspace.ann.post(f"{workspace.path}/knowledge/documents", {"name": f"D{number}", "text": "A"})
    assert added.status == 201, added.body


async def _take_message(api: Api, workspace: CallWorkspace, call_id: str, number: int) -> None:
    await api.owner.execute(
        "INSERT INTO messages (id, workspace_id, call_id, run_id, agent_id, taken_at, caller_name, callback_number,"
        " reason, text, is_urgent) VALUES ($1, $2, $3, $4, $5, $6, 'Ada', '', '', 'Call me.', false)",
        UUID(new_id()), UUID(workspace.workspace_id), UUID(call_id), f"run-{number}", UUID(workspace.agent_id),
        ago(number // 2),
    )  # fmt: skip


async def _insert_tests(api: Api, workspace: CallWorkspace, number: int) -> None:
    """A test case and a test run."""
    for table, columns, values in (
        ("test_cases", "name, script, updated_at", "'A', '{}', $4"),
        ("test_runs", "agent_version", "1"),
    ):
        await api.owner.execute(
            f"INSERT INTO {table} (id, workspace_id, agent_id, created_at, {columns}) "
            f"VALUES ($1, $2, $3, $4, {values})",
            UUID(new_id()), UUID(workspace.workspace_id), UUID(workspace.agent_id), ago(number // 2),
        )  # fmt: skip


async def _insert_bundle(api: Api, workspace_id: str, number: int) -> None:
    await api.owner.execute(
        "INSERT INTO regulatory_bundles (id, workspace_id, carrier, carrier_bundle_id, country, number_kind, status,"
        " created_at) VALUES ($1, $2, 'twilio', $1::uuid::text, 'DE', 'local', 'draft', $3)",
        UUID(new_id()), UUID(workspace_id), ago(number // 2),
    )  # fmt: skip


async def _insert_address(api: Api, workspace_id: str, number: int) -> None:
    await api.owner.execute(
        "INSERT INTO business_addresses (id, workspace_id, customer_name, street, city, region, postal_code, country,"
        " created_at) VALUES ($1, $2, 'Acme', 'A', 'A', 'A', 'A', 'DE', $3)",
        UUID(new_id()), UUID(workspace_id), ago(number // 2),
    )  # fmt: skip


async def _insert_integration(api: Api, workspace_id: str, number: int, integration_id: str = "") -> None:
    """The first one, which `integration_id` names, with LEAST syncs."""
    made = UUID(integration_id or new_id())
    await api.owner.execute(
        "INSERT INTO integrations (id, workspace_id, integration_type, name, status, created_at)"
        " VALUES ($1, $2, 'generic_rest', 'Stock', 'connected', $3)",
        made, UUID(workspace_id), ago(number // 2),
    )  # fmt: skip
    for log in range(LEAST if integration_id else 0):
        await api.owner.execute(
            "INSERT INTO integration_sync_logs (id, integration_id, workspace_id, sync_type, status, started_at)"
            " VALUES ($1, $2, $3, 'contacts', 'succeeded', $4)",
            UUID(new_id()), made, UUID(workspace_id), ago(log // 2),
        )  # fmt: skip


async def _bill(api: Api, workspace: CallWorkspace, number: int) -> None:
    """A closed period and its invoice."""
    ids = UUID(new_id()), UUID(workspace.workspace_id)
    start = ago(10_000 * (number + 1))
    await api.owner.execute(
        "INSERT INTO billing_periods (id, workspace_id, period_start, period_end, full_start, full_end, timezone, "
        "tier_name, subscription_fee, status) VALUES ($1, $2, $3, $4, $3, $4, 'UTC', 'starter', 0, 'pending')",
        *ids, start, start + timedelta(seconds=10_000),
    )  # fmt: skip
    await api.owner.execute(
        "INSERT INTO invoices (id, workspace_id, billing_period_id, amount, subtotal, tax, status, period_start, "
        "period_end, customer_name, timezone, issued_at, created_at) "
        "VALUES ($1, $2, $1, 1, 1, 0, 'pending', $3, $3, 'Acme', 'UTC', $3, $4)",
        *ids, start, ago(number // 2),
    )  # fmt: skip


async def _insert_deliveries(api: Api, workspace_id: str, endpoint_id: str, count: int) -> None:
    """An endpoint with this id, and its deliveries."""
    endpoint, owner = UUID(endpoint_id), UUID(workspace_id)
    await api.owner.execute(
        "INSERT INTO outbound_webhook_endpoints (id, workspace_id, url, description, is_enabled, sealed_secret,"
        " created_at, updated_at) VALUES ($1, $2, 'https://example.com', '', false, '', now(), now())",
        endpoint, owner,
    )  # fmt: skip
    for number in range(count):
        made = UUID(new_id())
        await api.owner.execute(
            "INSERT INTO outbound_webhook_events (id, workspace_id, type, api_version, object_id, occurred_at,"
            " sequence, data, created_at) VALUES ($1, $2, 'agent.created', '1', $1, now(), 1, '{}', now())",
            made, owner,
        )  # fmt: skip
        await api.owner.execute(
            "INSERT INTO outbound_webhook_deliveries (id, workspace_id, endpoint_id, event_id, status, attempts,"
            " failures, due_at, expires_at, created_at) VALUES ($1, $2, $3, $1, 'failed', 1, 1, $4, $4, $4)",
            made, owner, endpoint, ago(number // 2),
        )  # fmt: skip


async def _insert_campaigns(api: Api, workspace_id: str, campaign_id: str, count: int) -> None:
    """Campaigns, of which the first has this id, and the recipients of that one."""
    first, owner = UUID(campaign_id), UUID(workspace_id)
    for number in range(count):
        await api.owner.execute(
            "INSERT INTO campaigns (id, workspace_id, name, agent_id, number_ids, status, retries, calls_per_minute,"
            " most_open_calls, leaves_messages, next_dispatch_at, created_at, updated_at)"
            " VALUES ($1, $2, 'Recall', $1, '{}', 'draft', '{}', 1, 1, false, $3, $3, $3)",
            UUID(new_id()) if number else first, owner, ago(number // 2),
        )  # fmt: skip
        await api.owner.execute(
            "INSERT INTO campaign_recipients (id, workspace_id, campaign_id, phone_number, variables, status, attempts,"
            " next_attempt_at, created_at) VALUES ($1, $2, $3, $4, '{}', 'pending', 0, now(), now())",
            UUID(new_id()), owner, first, f"+1415558{number:04}",
        )  # fmt: skip


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    """With LEAST rows at least in each list."""
    workspace = await make_call_workspace(api, tier="business")
    agent = f"{workspace.path}/agents/{workspace.agent_id}"
    await _insert_deliveries(api, workspace.workspace_id, workspace.agent_id, LEAST)
    await _insert_campaigns(api, workspace.workspace_id, workspace.agent_id, LEAST)
    for number in range(LEAST):
        call_id = await workspace.insert_call(created_at=ago(number // 2))  # some at the same time
        await _take_message(api, workspace, call_id, number)
        await _bill(api, workspace, number)
        await workspace.ann.post(f"{workspace.path}/blocked-callers", {"caller": f"+1415557{number:04}"})
        listed = {"numbers": [{"number": f"+1415558{number:04}"}]}
        await workspace.ann.post(f"{workspace.path}/do-not-call-numbers", listed)
        await _use_privacy(workspace, call_id, number)
        await _add_document(workspace, number)
        await _insert_bundle(api, workspace.workspace_id, number)
        await _insert_tests(api, workspace, number)
        await _insert_address(api, workspace.workspace_id, number)
        # The id of the agent is as good as any; it is in the paths of `lists`.
        await _insert_integration(api, workspace.workspace_id, number, workspace.agent_id if number == 0 else "")
        await workspace.ann.put(agent, {"config": {"greeting": f"Hello {number}."}})
        await workspace.ann.post(f"{workspace.path}/agents", {"name": f"Agent {number}"})
        email = f"guest{number}@example.com"
        await workspace.ann.post(f"{workspace.path}/members", {"email": email, "role": "viewer"})
        await api.member(workspace.workspace_id, "viewer")
        await (await api.sign_up()).workspace()
        await api.owner.execute(
            "INSERT INTO phone_numbers (id, workspace_id, phone_number, carrier, status, country, created_at) "
            "VALUES ($1, $2, $3, 'twilio', 'active', 'US', $4)",
            UUID(new_id()), UUID(workspace.workspace_id), f"+1415556{number:04}", ago(number // 2),
        )  # fmt: skip
    return workspace


@pytest.fixture
async def lists(api: Api, workspace: CallWorkspace) -> list[PagedList]:
    """All of the API."""
    admin = await api.admin()
    paths = [route.path for route in ROUTES if issubclass(read_signature(route).query or object, PageQuery)]
    return [
        PagedList(
            admin if path.startswith("/admin/") else workspace.ann,
            path,
            path.replace("{workspaceId}", workspace.workspace_id)
            .replace("{agentId}", workspace.agent_id)
            .replace("{integrationId}", workspace.agent_id)
            .replace("{webhookEndpointId}", workspace.agent_id)
            .replace("{campaignId}", workspace.agent_id),
            NAMES.get(path, "id"),
        )
        for path in paths
    ]


async def test_cursors_reach_the_rows_of_all_pages_in_both_directions(lists: list[PagedList]) -> None:
    assert len(lists) >= 12
    for one in lists:
        whole = await one.read(limit=200)
        rows = one.rows(whole)
        assert len(rows) == len(set(rows)) == whole["total"] >= LEAST, one.path
        assert (whole["page"], whole["limit"], whole["has_more"]) == (1, 200, False)
        assert await one.follow("starting_after") == rows, one.path
        assert await one.follow("ending_before", rows[-1]) == rows[:-1], one.path
        counted = await one.read(limit=2, page=2)
        assert (one.rows(counted), counted["total"], counted["has_more"]) == (rows[2:4], whole["total"], True), one.path


async def test_python_client_reads_each_list(workspace: CallWorkspace) -> None:
    """Its rows have the documented types, and come once."""
    operations = read_operations(customer_document(api_document()))
    paged = [
        (operation, operation.cursor)
        for operation in operations
        if operation.cursor and "page" in operation.query_names
    ]
    assert len(paged) >= 18
    settings = {"api_key": workspace.ann.token, "workspace_id": workspace.workspace_id}
    async with async_client(workspace.api.url, **settings) as client:
        for one, cursor in paged:
            method = getattr(getattr(client, one.resource), one.name)
            ids = [workspace.agent_id] * (len(one.path_parameters) - one.path.count("{workspaceId}"))
            whole = await method(*ids, limit=200).first()
            rows = getattr(whole, cursor.rows)
            assert len(rows) == whole.total >= (0 if one.name == "list_templates" else 1), one.name
            assert [row async for row in method(*ids, limit=2)] == rows, one.name


async def test_page_next_to_a_row_has_no_number_and_no_total(lists: list[PagedList]) -> None:
    for one in lists:
        rows = one.rows(await one.read(limit=200))
        page = await one.read(limit=1, starting_after=rows[0])
        assert (page["total"], page["page"], page["limit"], page["has_more"]) == (None, None, 1, True), one.path
        last = await one.read(starting_after=rows[-1])
        assert (one.rows(last), last["has_more"]) == ([], False), one.path


async def test_unknown_and_contradicting_cursors_are_refused(lists: list[PagedList]) -> None:
    for one in lists:
        (first, *_) = one.rows(await one.read(limit=1))
        for query, code, param in (
            ({"starting_after": 999 if one.name == "version" else new_id()}, "cursor_unknown", "starting_after"),
            ({"ending_before": 999 if one.name == "version" else new_id()}, "cursor_unknown", "ending_before"),
            ({"starting_after": "x"}, "invalid", "starting_after"),
            ({"starting_after": first, "page": 1}, "page_and_cursor", "starting_after"),
            ({"starting_after": first, "ending_before": first}, "two_cursors", "ending_before"),
        ):
            reply = await one.client.get(one.url, params=query)
            assert (reply.status, reply.code, reply.param) == (422, code, param), (one.path, query)


async def test_row_of_another_workspace_is_no_cursor(api: Api, lists: list[PagedList]) -> None:
    other = await make_call_workspace(api)
    agent = f"{other.path}/agents/{other.agent_id}"
    await other.ann.put(agent, {"config": {"greeting": "Hello."}})
    await other.ann.post(f"{other.path}/members", {"email": "other@example.com", "role": "viewer"})
    await _take_message(api, other, await other.insert_call(), 0)
    await other.ann.post(f"{other.path}/blocked-callers", {"caller": "+14155570000"})
    await other.ann.post(f"{other.path}/do-not-call-numbers", {"numbers": [{"number": "+14155580000"}]})
    await _use_privacy(other, await other.insert_call(), 0)
    await _add_document(other, 0)
    await _insert_bundle(api, other.workspace_id, 0)
    await _insert_tests(api, other, 0)
    await _insert_address(api, other.workspace_id, 0)
    await _insert_integration(api, other.workspace_id, 0, other.agent_id)
    await _insert_deliveries(api, other.workspace_id, other.agent_id, 1)
    await _insert_campaigns(api, other.workspace_id, other.agent_id, 1)
    await _bill(api, other, 0)
    mine = [one for one in lists if one.path.startswith("/workspaces/") and one.name != "version"]
    assert len(mine) == 23
    for one in mine:
        url = one.path.replace("{workspaceId}", other.workspace_id).replace("{integrationId}", other.agent_id)
        url = url.replace("{webhookEndpointId}", other.agent_id).replace("{campaignId}", other.agent_id)
        url = url.replace("{agentId}", other.agent_id)
        theirs = PagedList(other.ann, one.path, url, one.name)
        (row, *_) = theirs.rows(await theirs.read(limit=1))
        reply = await one.client.get(one.url, params={"starting_after": row})
        assert (reply.status, reply.code, reply.param) == (422, "cursor_unknown", "starting_after"), one.path


async def test_cursors_have_no_depth_limit(workspace: CallWorkspace) -> None:
    """Where pages by number are refused, the same rows are reached from the other end."""
    assert (await workspace.ann.get(workspace.calls_path, params={"limit": "200", "page": "501"})).code == "too_deep"
    call = await workspace.insert_call(created_at=ago(10**8))
    older = [await workspace.insert_call(created_at=ago(10**8 + number)) for number in (1, 2)]
    body = (await workspace.ann.get(workspace.calls_path, params={"starting_after": call, "limit": "200"})).body
    assert ([one["id"] for one in body["calls"]], body["has_more"]) == (older, False)


async def test_cursor_that_left_the_list_still_says_where_to_go_on(workspace: CallWorkspace) -> None:
    path = f"{workspace.path}/invitations"
    listed = (await workspace.ann.get(path, params={"limit": "200"})).body["invitations"]
    await workspace.ann.delete(f"{path}/{listed[1]['id']}")
    body = (await workspace.ann.get(path, params={"starting_after": listed[1]["id"]})).body
    assert [invitation["email"] for invitation in body["invitations"]] == [one["email"] for one in listed[2:]]
